/**
 * What a node says of itself to the swarm, and when it has to be said again: until the swarm writes the
 * newest version that this node reads, and when the state does not say the same. A leader of the previous
 * release drops what it does not know when it passes a command on, so it is said once in each term and
 * version, and not more often: a swarm of two releases does not fill its log with it.
 */
import type { Command, CommandResult } from './control-plane/command.js';
import { COMMAND_VERSION, ROLLOUT_COMMAND_VERSION } from './control-plane/state.js';
import type { ControlState, Member } from './control-plane/state.js';
import type { Releases } from './migration/release-steps.js';
import type { Replica } from './replica/replica.js';
import { refusalText } from './service/refusals.js';

export type Told = Partial<Pick<Member, 'commandVersion' | 'release' | 'supervised' | 'zone'>>;

/** What this node is, as far as a swarm of this version keeps it. */
export function toldOf(
  { commandVersion }: Pick<ControlState, 'commandVersion'>,
  releases: Releases | undefined,
  zone: string,
): Told {
  const version = { commandVersion: COMMAND_VERSION };
  if (commandVersion < ROLLOUT_COMMAND_VERSION) return version;
  const release = releases?.running.name ?? '';
  return { ...version, release, supervised: releases?.steps !== undefined, zone };
}

/** Whether the state says the same already. */
export function isKnown(member: Member, told: Partial<Member>): boolean {
  return Object.entries(told).every(([key, value]) => member[key as keyof Member] === value);
}

/** Says it, and logs what the swarm has against it: a node that is fenced out is told nothing else. */
export async function tellSwarm(
  command: Extract<Command, { type: 'setMember' }>,
  submit: (command: Command) => Promise<CommandResult>,
  log: (message: string) => void,
): Promise<void> {
  const result = await submit(command);
  if (result.ok) return;
  log(`the swarm refuses this node as it is (${result.refusal}): ${refusalText(result.refusal)}`);
}

export class VersionNotice {
  readonly #nodeId: number;
  readonly #replica: Pick<Replica, 'status' | 'control'>;
  readonly #releases: Releases | undefined;
  readonly #zone: string | undefined;
  readonly #say: () => Promise<void>;
  #said = '';

  /** `say` tells the swarm what this node is, unless the state says the same already. */
  constructor(
    nodeId: number,
    replica: Pick<Replica, 'status' | 'control'>,
    releases: Releases | undefined,
    /** Where it stands; undefined when only the state says so. */
    zone: string | undefined,
    say: () => Promise<void>,
  ) {
    this.#nodeId = nodeId;
    this.#replica = replica;
    this.#releases = releases;
    this.#zone = zone;
    this.#say = say;
  }

  /** Call now and then; cheap when there is nothing to say. */
  poke(): void {
    const { control } = this.#replica;
    const member = control.members.get(this.#nodeId);
    const isNewest = control.commandVersion >= COMMAND_VERSION;
    const zone = this.#zone ?? member?.zone ?? '';
    const told = toldOf(control, this.#releases, zone);
    const isToldAll = member !== undefined && isKnown(member, told);
    if (isNewest && (member === undefined || isToldAll)) return;
    const { term, leader } = this.#replica.status();
    const now = `${term} ${control.commandVersion}`;
    if (leader === 0 || now === this.#said) return;
    this.#said = now;
    this.#say().catch(() => {
      this.#said = '';
    });
  }
}
