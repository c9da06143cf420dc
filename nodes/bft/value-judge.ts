/**
 * What this validator thinks of a value. Whether it is sound is the same on all validators (D4 of
 * `consensus/bft/SPEC.md`). Whether its changes of validators are approved is a matter of each: it
 * counts as long as the value is new, like timeliness in CometBFT (ADR 071, proposer-based
 * timestamps). For a value that is proposed again a quorum has prevoted, and the core asks for the
 * proof (Tendermint L28): refusing it could keep those apart forever who are locked on it.
 */
import { NO_ROUND, type Proposal, type Round, type ValueId } from '../../consensus/bft/index.js';
import { type Command, readBatch } from './batch.js';
import type { ProposedChange } from './change.js';
import type { SignatureChecker } from './checking.js';
import { VALUES_PER_ROUND_MAX } from './limits.js';
import type { Mempool } from './mempool.js';
import type { ChainSets } from './sets.js';
import { isNameAt, limitsAt } from './value-limits.js';

/** What it needs of what is around it. */
export interface JudgePorts {
  readonly sets: ChainSets;
  readonly checker: SignatureChecker;
  readonly mempool: Mempool;
  /** What the application says of a command. */
  validate(command: Uint8Array): boolean;
  /** What the operator says of a change. */
  approve(change: ProposedChange): boolean;
  log(line: string): void;
}

/** See the head of this file. */
export class ValueJudge {
  readonly #ports: JudgePorts;
  readonly #sound = new Map<ValueId, boolean>();
  /** How many values of a round were judged for the first time. */
  readonly #judged = new Map<Round, number>();

  constructor(ports: JudgePorts) {
    this.#ports = ports;
  }

  /** Whether a proposal of the height under way may be voted for. `bytes` are those of its value. */
  isValid({ value, round, validRound }: Proposal, bytes: Uint8Array): boolean {
    if (!this.#sound.has(value) && !this.#maySee(round)) return false;
    const { decided, partsFrom } = this.#ports.sets;
    const height = decided + 1;
    if (!isNameAt(value, bytes.length, height, partsFrom)) return false;
    const commands = readBatch(bytes, limitsAt(height, partsFrom));
    if (commands === null) return false;
    const isSound = this.#sound.get(value) ?? this.#isSound(commands);
    this.#sound.set(value, isSound);
    if (!isSound || validRound !== NO_ROUND) return isSound;
    const { sets, approve, log } = this.#ports;
    const refused = sets.changesIn(commands).find((change) => !approve(change));
    if (refused !== undefined) log(`not approved: ${refused.id} with weight ${refused.weight}`);
    return refused === undefined;
  }

  /** Notes a value that was made here of what is valid. */
  made(value: ValueId): void {
    this.#sound.set(value, true);
  }

  /** The height is decided: of the next one other things are true. */
  endHeight(): void {
    this.#sound.clear();
    this.#judged.clear();
  }

  /**
   * Of a round, which has one proposer, some values are judged: more are of one that wants us to work.
   * Should a quorum be for another one, a later round or the decision itself brings it.
   */
  #maySee(round: Round): boolean {
    const count = this.#judged.get(round) ?? 0;
    this.#judged.set(round, count + 1);
    return count < VALUES_PER_ROUND_MAX;
  }

  #isSound(commands: readonly Command[]): boolean {
    const { sets, checker, mempool, validate } = this.#ports;
    const height = sets.decided + 1;
    return (
      new Set(commands.map(({ id }) => id)).size === commands.length &&
      commands.every((command) => mempool.isDue(command, height)) &&
      commands.every(({ kind, data }) => kind !== 'application' || validate(data)) &&
      sets.refusal(commands, checker) === null
    );
  }
}
