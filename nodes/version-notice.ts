/**
 * What a node says of itself to the swarm, and when it has to be said again: until the swarm writes the
 * newest version that this node reads, and when the state does not say the same. A leader of the previous
 * release drops what it does not know when it passes a command on, so it is said once in each term and
 * version, and not more often: a swarm of two releases does not fill its log with it.
 */
import { COMMAND_VERSION, ROLLOUT_COMMAND_VERSION } from './control-plane/state.js';
import type { ControlState, Member } from './control-plane/state.js';
import type { Releases } from './migration/release-steps.js';
import type { Replica } from './replica/replica.js';

export type Told = Partial<Pick<Member, 'commandVersion' | 'release' | 'supervised'>>;

/** What this node is, as far as a swarm of this version keeps it. */
export function toldOf(
  { commandVersion }: Pick<ControlState, 'commandVersion'>,
  releases: Releases | undefined,
): Told {
  const version = { commandVersion: COMMAND_VERSION };
  if (commandVersion < ROLLOUT_COMMAND_VERSION || releases === undefined) return version;
  const { running, steps } = releases;
  return { ...version, release: running.name, supervised: steps !== undefined };
}

/** Whether the state says the same already. */
export function isKnown(member: Member, told: Partial<Member>): boolean {
  return Object.entries(told).every(([key, value]) => member[key as keyof Member] === value);
}

export class VersionNotice {
  readonly #nodeId: number;
  readonly #replica: Pick<Replica, 'status' | 'control'>;
  readonly #releases: Releases | undefined;
  readonly #say: () => Promise<void>;
  #said = '';

  /** `say` tells the swarm what this node is, unless the state says the same already. */
  constructor(
    nodeId: number,
    replica: Pick<Replica, 'status' | 'control'>,
    releases: Releases | undefined,
    say: () => Promise<void>,
  ) {
    this.#nodeId = nodeId;
    this.#replica = replica;
    this.#releases = releases;
    this.#say = say;
  }

  /** Call now and then; cheap when there is nothing to say. */
  poke(): void {
    const { control } = this.#replica;
    const member = control.members.get(this.#nodeId);
    const isNewest = control.commandVersion >= COMMAND_VERSION;
    const isToldAll = member !== undefined && isKnown(member, toldOf(control, this.#releases));
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
