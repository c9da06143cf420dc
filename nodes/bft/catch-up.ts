/** Asks other validators for what is missing here: decisions of heights, and values. */
import {
  type AggregatedDecision,
  BftError,
  type ValidatorId,
  type ValueId,
  type SignedDecision,
  type WireMessage,
  expandDecision,
} from '../../consensus/bft/index.js';
import { assert } from '../assert.js';
import { valueIdOf } from './batch.js';
import type { SignatureChecker } from './checking.js';
import type { BftDriver } from './driver.js';
import { BEAT_MS, DECISIONS_PER_ANSWER_MAX } from './limits.js';
import type { PeerGuard } from './peer-guard.js';
import { readPartsName } from './parts/part-set.js';
import { readEnvelope, shownIn, unproven, unprovenVotes } from './proven.js';
import type { ChainSets } from './sets.js';

interface Shown {
  readonly decision: SignedDecision | AggregatedDecision;
  readonly value: Uint8Array | null;
}

/** How others are asked. A call rejects when the peer cannot be reached. */
export interface CatchUpPorts {
  call(peer: ValidatorId, method: string, payload: unknown): Promise<unknown>;
  wait(ms: number): Promise<void>;
  /** Whether a peer has decided what was decided here: nothing is taken from one that has not. */
  agrees?(peer: ValidatorId): Promise<boolean>;
  /** Something failed that is nobody else's fault: a disk, or the application. */
  onFailed?(error: unknown): void;
  /** A value in parts that the next height decided; null if that height has come meanwhile. */
  collect?(id: ValueId): Promise<Uint8Array | null>;
  /** Begins behind a checkpoint of one of these peers, if there is one that is believed. */
  leap?(peers: readonly ValidatorId[]): Promise<void>;
}

/** See the head of this file. */
export class CatchUp {
  readonly #self: ValidatorId;
  readonly #sets: ChainSets;
  readonly #ports: CatchUpPorts;
  readonly #guard: PeerGuard;
  readonly #checker: SignatureChecker;
  /** What each other says is decided. */
  readonly #heights = new Map<ValidatorId, number>();
  readonly #fetching = new Map<ValueId, Promise<Uint8Array | null>>();
  #running: Promise<void> | null = null;
  #isClosed = false;

  constructor(
    self: ValidatorId,
    sets: ChainSets,
    parts: { readonly guard: PeerGuard; readonly checker: SignatureChecker },
    ports: CatchUpPorts,
  ) {
    this.#self = self;
    this.#sets = sets;
    this.#guard = parts.guard;
    this.#checker = parts.checker;
    this.#ports = ports;
  }

  /** Notes what a peer says is decided. */
  heard(peer: ValidatorId, decided: number): void {
    if (Number.isSafeInteger(decided) && decided >= 0) this.#heights.set(peer, decided);
  }

  /** Fetches what others say is decided and is not here. One at a time. */
  run(driver: BftDriver): void {
    if (this.#running !== null || this.#isClosed) return;
    const ahead = [...this.#heights].filter(([, height]) => height > driver.decided);
    if (ahead.length === 0) return;
    this.#running = this.#runFrom(ahead, driver)
      .catch((error: unknown) => this.#ports.onFailed?.(error))
      .finally(() => {
        this.#running = null;
      });
  }

  /**
   * The bytes of a value: of the peer named, else of the others. With null for the peer, somebody has
   * it, and all are asked until one gives it; null when this is closed.
   */
  fetch(id: ValueId, from: ValidatorId | null): Promise<Uint8Array | null> {
    const known = this.#fetching.get(id);
    if (known !== undefined && from !== null) return known;
    const fetched = this.#fetch(id, from).finally(() => this.#fetching.delete(id));
    this.#fetching.set(id, fetched);
    return fetched;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  async #fetch(id: ValueId, from: ValidatorId | null): Promise<Uint8Array | null> {
    while (!this.#isClosed) {
      const peers = this.#sets.peers.filter((peer) => peer !== this.#self);
      const others = peers.filter((peer) => peer !== from);
      const order = from === null || !peers.includes(from) ? others : [from, ...others];
      for (const peer of order) {
        const bytes = await this.#ports.call(peer, 'bft.value', id).catch(() => null);
        if (bytes instanceof Uint8Array && valueIdOf(bytes) === id) return new Uint8Array(bytes);
      }
      if (from !== null) return null;
      await this.#ports.wait(BEAT_MS);
    }
    return null;
  }

  async #runFrom(ahead: readonly (readonly [ValidatorId, number])[], driver: BftDriver) {
    const peers = ahead.map(([peer]) => peer);
    const start = driver.decided;
    let isPruned = false;
    // Who has nothing need not ask for all that ever was decided.
    if (start === 0) await this.#ports.leap?.(peers);
    for (const [peer] of ahead) {
      if ((await this.#ports.agrees?.(peer)) === false) continue;
      while (!this.#isClosed && (this.#heights.get(peer) ?? 0) > driver.decided) {
        const before = driver.decided;
        const answer = await this.#ports
          .call(peer, 'bft.decisions', before + 1)
          .catch(() => undefined);
        if (answer === undefined) break;
        isPruned ||= Array.isArray(answer) && answer.length === 0;
        if (!(await this.#take(peer, answer, driver)) || driver.decided === before) {
          // It said more than it has: whoever is really ahead will say so again.
          this.#heights.delete(peer);
          break;
        }
      }
    }
    // Somebody has no more of it, and nobody has given it.
    if (isPruned && driver.decided === start && !this.#isClosed) await this.#ports.leap?.(peers);
  }

  /** False if the answer holds what no correct validator sends. */
  async #take(peer: ValidatorId, answer: unknown, driver: BftDriver): Promise<boolean> {
    const records = Array.isArray(answer) ? answer.slice(0, DECISIONS_PER_ANSWER_MAX) : [null];
    for (const record of records) {
      const read = record instanceof Uint8Array ? this.#read(record) : null;
      if (read === null) {
        this.#guard.fault(peer, 'bad-decision', performance.now());
        return false;
      }
      if (read === 'known') continue;
      const { decision } = read;
      const votes = expandDecision(decision, this.#sets.at(decision.proposal.height));
      assert(votes !== null, 'what is proven is a decision of its validators');
      const value = read.value ?? (await this.#ports.collect?.(decision.proposal.value)) ?? null;
      if (value === null) return true;
      await driver.takeDecision(votes, value);
    }
    return true;
  }

  /**
   * The next decision, its proof checked by the validators of its height; null if it is none. One that
   * came here meanwhile is known.
   */
  #read(record: Uint8Array): Shown | 'known' | null {
    let shown: Shown | null;
    try {
      shown = shownWithin(readEnvelope(record));
    } catch (error) {
      if (error instanceof BftError) return null;
      throw error;
    }
    if (shown === null) return null;
    const { height } = shown.decision.proposal;
    if (height <= this.#sets.decided) return 'known';
    if (height !== this.#sets.decided + 1) return null;
    const { decision, value } = shown;
    const set = this.#sets.at(height);
    const why =
      value === null
        ? unprovenVotes(decision, set, this.#checker)
        : unproven({ decision, value }, set, this.#checker);
    return why === null ? shown : null;
  }
}

/** A value in parts may be left out: it comes by itself. */
function shownWithin(messages: readonly WireMessage[]): Shown | null {
  const [first] = messages;
  const isAlone = messages.length === 1 && first?.type === 'decision';
  if (!isAlone || readPartsName(first.decision.proposal.value) === null) return shownIn(messages);
  return { decision: first.decision, value: null };
}
