/**
 * What waits to change the validators: commands that somebody submitted, proofs that were found, and
 * removals of those who were found guilty of amnesia. A proposer takes of them what its operator approves
 * and what is allowed together, proofs first.
 */
import type { KeyObject } from 'node:crypto';
import type { ValidatorId, ValueId } from '../../consensus/bft/index.js';
import { rawPublicKey } from '../../transport/identity/index.js';
import { type Command, makeCommand } from './batch.js';
import { type ProposedChange, encodeChange } from './change.js';
import type { SignatureChecker } from './checking.js';
import { CHANGE_PAUSE_MS, COMMAND_HEIGHTS_MAX, WAITING_CHANGES_MAX } from './limits.js';
import type { Mempool } from './mempool.js';
import { proofOf } from './proof.js';
import type { EvidenceReport } from './options.js';
import type { ChainSets } from './sets.js';

/** What it needs of what is around it. */
export interface PendingPorts {
  readonly sets: ChainSets;
  readonly checker: SignatureChecker;
  readonly mempool: Mempool;
  approve(change: ProposedChange): boolean;
  /** Proofs that are kept here. */
  reports(): readonly EvidenceReport[];
  /** Those who were found guilty of amnesia here. Left out where nobody is asked. */
  amnesiacs?(): readonly ValidatorId[];
}

/** See the head of this file. */
export class PendingChanges {
  readonly #ports: PendingPorts;
  readonly #waiting = new Map<string, { readonly command: Command; readonly source: string }>();
  /** The value with changes that this validator proposed in the height under way. */
  #proposed: ValueId | null = null;
  #proposedCount = 0;
  #pausedUntilMs = 0;
  /** Of validators that were found guilty of amnesia here. */
  readonly #removing = new Map<ValidatorId, Command>();

  constructor(ports: PendingPorts) {
    this.#ports = ports;
  }

  /** False if the source has as many changes waiting as it may. */
  add(command: Command, source: string): boolean {
    if (this.#waiting.has(command.id)) return true;
    if (this.of(source).length >= WAITING_CHANGES_MAX) return false;
    this.#waiting.set(command.id, { command, source });
    return true;
  }

  /** Changes of one source that wait. */
  of(source: string): Command[] {
    const found = [...this.#waiting.values()].filter((each) => each.source === source);
    return found.map(({ command }) => command);
  }

  /** One proof against each validator that has weight still, as a command. */
  proofs(): readonly Command[] {
    const { sets, reports } = this.#ports;
    const commands = new Map<ValidatorId, Command>();
    for (const { culprit, height, proof } of reports()) {
      if (commands.has(culprit) || !sets.canAccuse(culprit, height)) continue;
      const data = proofOf(proof);
      const lastHeight = sets.decided + COMMAND_HEIGHTS_MAX / 2;
      if (data !== null) commands.set(culprit, makeCommand(data, lastHeight, 'evidence'));
    }
    return [...commands.values()];
  }

  /**
   * What this validator would propose now. After a value with changes that was not decided it waits for
   * a while: others may not have approved, and each try costs a round.
   */
  due(nowMs: number): readonly Command[] {
    if (this.#proposed !== null || nowMs < this.#pausedUntilMs) return [];
    const { sets, checker, mempool, approve } = this.#ports;
    const chosen: Command[] = [];
    const choose = (command: Command): void => {
      const isDue = mempool.isDue(command, sets.decided + 1);
      if (!isDue || sets.refusal([...chosen, command], checker) !== null) return;
      if (sets.changesIn([command]).every(approve)) chosen.push(command);
    };
    this.proofs().forEach(choose);
    // Proofs go alone, and of the others one kind after the other: what is not approved elsewhere does
    // not hold up the rest.
    const others = [this.#removals(), this.#changes()];
    if (this.#proposedCount % 2 === 1) others.reverse();
    for (const some of others) if (chosen.length === 0) some.forEach(choose);
    return chosen;
  }

  /** This validator proposes a value with changes. */
  proposed(value: ValueId): void {
    this.#proposed = value;
    this.#proposedCount += 1;
  }

  /** A height is decided; returns the changes that can never be decided any more. */
  decided(height: number, value: ValueId, commands: readonly Command[], nowMs: number): Command[] {
    const isLost = this.#proposed !== null && this.#proposed !== value;
    if (isLost) this.#pausedUntilMs = nowMs + CHANGE_PAUSE_MS;
    this.#proposed = null;
    for (const { id } of commands) this.#waiting.delete(id);
    const late = this.#changes().filter(({ lastHeight }) => lastHeight <= height);
    for (const { id } of late) this.#waiting.delete(id);
    return late;
  }

  /** Each is decided as somebody proposes it; what others have found out they know themselves. */
  #removals(): Command[] {
    const { sets, amnesiacs } = this.#ports;
    return (amnesiacs?.() ?? []).map((id) => {
      const known = this.#removing.get(id);
      if (known !== undefined && known.lastHeight > sets.decided) return known;
      const publicKey = rawPublicKey(sets.get(id) as KeyObject);
      const change = encodeChange({ publicKey, weight: 0, address: null });
      const made = makeCommand(change, sets.decided + COMMAND_HEIGHTS_MAX / 2, 'change');
      this.#removing.set(id, made);
      return made;
    });
  }

  #changes(): Command[] {
    return [...this.#waiting.values()].map(({ command }) => command);
  }
}
