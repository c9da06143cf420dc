/**
 * Looks for forks: what another validator has decided is compared with what is decided here, height by
 * height, now and then and before decisions are taken from it. Where they differ its decision is fetched
 * and investigated. A fork ends this validator: more than a third of the weight is faulty, so that what
 * is decided from then on means nothing, and a height behind the fork may be the same on both sides.
 *
 *     bft.ids    height -> for each height from it on, 16 bytes of the SHA-256 of the name of its value
 *     bft.fork   an envelope of a decision -> true; who has found a fork shows both sides of it to all
 */
import { createHash } from 'node:crypto';
import {
  BftError,
  type Height,
  type ValidatorId,
  type ValueId,
  type WireMessage,
} from '../../consensus/bft/index.js';
import { signaturesIn } from './checking.js';
import { ValidatorError } from './error.js';
import type { ForkReport } from './investigation.js';
import { COMPARE_BEATS, IDS_KEPT_MAX, IDS_PER_ANSWER_MAX } from './limits.js';
import type { PeerGuard } from './peer-guard.js';
import { readEnvelope } from './proven.js';

const ID_BYTES = 16;

/** What it needs of what is around it. */
export interface ForkWatchPorts {
  /** Rejects when the peer cannot be reached, or knows no such call. */
  call(peer: ValidatorId, method: string, payload: unknown): Promise<unknown>;
  /** Rejects with `ValidatorError` with code `bad-option` if the envelope makes no fork with what is here. */
  investigate(other: Uint8Array): Promise<ForkReport>;
  /** All who are told of a fork. */
  others(): readonly ValidatorId[];
  /** The envelope of what was decided here. */
  own(height: Height): Promise<Uint8Array>;
  onFork(report: ForkReport): void;
  log(line: string): void;
}

/** See the head of this file. */
export class ForkWatch {
  readonly #guard: PeerGuard;
  readonly #ports: ForkWatchPorts;
  /** Of the heights from `#first` on; the oldest are forgotten. */
  #ids: Buffer[] = [];
  #first: Height = 1;
  /** The last height that was compared with each other validator. */
  readonly #compared = new Map<ValidatorId, Height>();
  readonly #busy = new Map<ValidatorId, Promise<boolean>>();
  /** Those that said that something else was decided and did not show it. */
  readonly #liars = new Set<ValidatorId>();
  #beats = 0;
  /** One at a time; after the first that is proven no more. */
  #isInvestigating = false;

  constructor(guard: PeerGuard, ports: ForkWatchPorts) {
    this.#guard = guard;
    this.#ports = ports;
  }

  /** A height is decided here, the next one. */
  decided(height: Height, value: ValueId): void {
    if (height !== this.#first + this.#ids.length) {
      // The first one, or behind a checkpoint: what was passed over is not known.
      this.#ids = [];
      this.#first = height;
    }
    this.#ids.push(idOf(value));
    if (this.#ids.length <= 2 * IDS_KEPT_MAX) return;
    this.#ids = this.#ids.slice(-IDS_KEPT_MAX);
    this.#first = height - IDS_KEPT_MAX + 1;
  }

  /** What `bft.ids` answers. */
  idsFrom(height: number): Uint8Array {
    const at = height - this.#first;
    const ids = at < 0 ? [] : this.#ids.slice(at, at + IDS_PER_ANSWER_MAX);
    return new Uint8Array(Buffer.concat(ids));
  }

  /** Compares with one of the others, each in its turn. */
  async onBeat(others: readonly ValidatorId[]): Promise<void> {
    this.#beats += 1;
    const peer = others[Math.floor(this.#beats / COMPARE_BEATS) % others.length];
    if (peer !== undefined && this.#beats % COMPARE_BEATS === 0) await this.compare(peer);
  }

  /** Compares with another validator what it was not compared with before. False if they differ. */
  compare(peer: ValidatorId): Promise<boolean> {
    const known = this.#busy.get(peer);
    if (known !== undefined) return known;
    const compared = this.#compare(peer).finally(() => this.#busy.delete(peer));
    this.#busy.set(peer, compared);
    return compared;
  }

  /** What a peer shows with `bft.fork`. Resolves when it is judged. */
  async told(peer: ValidatorId, payload: unknown): Promise<void> {
    const decision = payload instanceof Uint8Array ? decisionIn(payload) : null;
    if (decision === null) return this.#guard.fault(peer, 'garbage', performance.now());
    const { height, value } = decision.decision.proposal;
    const own = this.#ids[height - this.#first];
    // Of the two sides of a fork one is what was decided here.
    if (own === undefined || own.equals(idOf(value))) return;
    // The one here is checked as well.
    const checks = 2 * signaturesIn(decision);
    if (!this.#guard.takeChecks(peer, checks, performance.now())) return;
    await this.#investigate(peer, height, payload);
  }

  async #compare(peer: ValidatorId): Promise<boolean> {
    if (this.#liars.has(peer)) return false;
    for (;;) {
      const from = Math.max((this.#compared.get(peer) ?? 0) + 1, this.#first);
      const last = this.#first + this.#ids.length - 1;
      if (from > last) return true;
      const answer = await this.#ports.call(peer, 'bft.ids', from).catch(() => null);
      // It cannot be reached, is of a release before, or is not that far.
      if (!(answer instanceof Uint8Array) || answer.length === 0) return true;
      const count = answer.length / ID_BYTES;
      if (!Number.isInteger(count) || count > IDS_PER_ANSWER_MAX) {
        this.#guard.fault(peer, 'garbage', performance.now());
        return true;
      }
      const theirs = Buffer.from(answer);
      const compared = Math.min(count, last - from + 1);
      for (let at = 0; at < compared; at += 1) {
        const own = this.#ids[from + at - this.#first];
        const other = theirs.subarray(at * ID_BYTES, (at + 1) * ID_BYTES);
        if (own !== undefined && !own.equals(other)) return this.#onDifference(peer, from + at);
        this.#compared.set(peer, from + at);
      }
    }
  }

  /** False, since they differ; but not of one that does not answer any more. */
  async #onDifference(peer: ValidatorId, height: Height): Promise<boolean> {
    const answer = await this.#ports.call(peer, 'bft.decisions', height).catch(() => null);
    if (!Array.isArray(answer)) return true;
    const [record] = answer as unknown[];
    await this.#investigate(peer, height, record);
    return false;
  }

  /** `record` is what a peer shows of a height of which it says that something else was decided there. */
  async #investigate(peer: ValidatorId, height: Height, record: unknown): Promise<void> {
    if (this.#isInvestigating || this.#liars.has(peer)) return;
    this.#isInvestigating = true;
    try {
      if (!(record instanceof Uint8Array)) throw unshown();
      const theirs = new Uint8Array(record);
      const report = await this.#ports.investigate(theirs);
      await this.#tell([theirs, await this.#ports.own(report.height)]);
      this.#ports.onFork(report);
    } catch (error) {
      if (!(error instanceof ValidatorError || error instanceof BftError)) throw error;
      this.#isInvestigating = false;
      this.#ports.log(
        `validator ${peer} says that something else was decided at height ${height}, which is not ` +
          `proven: ${error.message}`,
      );
      // It cannot be proven either where what came before is not here any more.
      if (error instanceof BftError || error.code === 'bad-option') {
        this.#liars.add(peer);
        this.#guard.fault(peer, 'bad-decision', performance.now());
      }
    }
  }

  /** One of the two contradicts what each of the others has. */
  async #tell(records: readonly Uint8Array[]): Promise<void> {
    const calls = this.#ports.others().flatMap((peer) => {
      return records.map((record) => this.#ports.call(peer, 'bft.fork', record));
    });
    await Promise.allSettled(calls);
  }
}

/** What ends a validator that has found a fork. */
export function forked({ height, culprits }: ForkReport): ValidatorError {
  const names = culprits.map(({ culprit, kind }) => `${culprit} (${kind})`).join(', ');
  const what = `two values are decided for height ${height}, which was made by ${names}`;
  return new ValidatorError('forked', what);
}

function idOf(value: ValueId): Buffer {
  return createHash('sha256').update(value).digest().subarray(0, ID_BYTES);
}

/** A decision, of which nothing is checked; null if the bytes hold none. */
function decisionIn(bytes: Uint8Array): Extract<WireMessage, { type: 'decision' }> | null {
  try {
    const [first] = readEnvelope(bytes);
    return first?.type === 'decision' ? first : null;
  } catch (error) {
    if (error instanceof BftError) return null;
    throw error;
  }
}

function unshown(): ValidatorError {
  return new ValidatorError('bad-option', 'it gives no decision of that height');
}
