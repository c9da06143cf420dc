/**
 * Whom to ask for which parts of one value. Time comes in, and nothing is sent from here.
 *
 *     proposer P, others A B C      parts 0 1 2 3 4 5 ...
 *     from P each takes its share   A: 0 3 ..   B: 1 4 ..   C: 2 5 ..
 *     and the rest from each other  A: 1 4 .. from B, 2 5 .. from C, as soon as they tell that they have them
 *
 * So the proposer sends its value once in all, and not once to each (as in Turbine of Solana and in
 * BitTorrent). Where somebody does not do its share, or nobody knows who has the value, it is taken
 * from whoever has it. Each part is asked for here and nowhere else, so that what comes unasked counts
 * for nothing.
 */
import type { ValidatorId } from '../../../consensus/bft/index.js';
import {
  BEAT_MS,
  PARTS_ASKED_MAX,
  PARTS_CALLS_PER_PEER_MAX,
  PARTS_PER_CALL_MAX,
  PART_HEDGE_MS,
  SHARES_MS,
  SHARES_MS_PER_PART,
  SHARE_STALL_MS,
} from '../limits.js';
import { bitmapOf, clearBit, fullBitmap, hasBit, setBit } from '../../../consensus/bitmap.js';

/** A call that is to be made. */
export interface Ask {
  readonly peer: ValidatorId;
  readonly places: readonly number[];
}

/** What is collected, by whom, of whom. */
export interface CollectingOptions {
  readonly self: ValidatorId;
  /** Parts of the value. */
  readonly count: number;
  /** The proposer, who has all of it; null if nobody is known to, and all may. */
  readonly from: ValidatorId | null;
  /** All who can be asked but this validator, by name. */
  readonly others: readonly ValidatorId[];
  readonly nowMs: number;
}

interface Peer {
  /** What it says that it has. */
  held: Uint8Array;
  /** When it last told of a part that it had not told of before. */
  newsAtMs: number;
  /** Places of the calls that are open. */
  readonly asked: Set<number>;
  openCount: number;
  /** It sent what is no part of the value, or nothing: it is asked only if nobody else is left. */
  isShunned: boolean;
}

/** See the head of this file. */
export class Collecting {
  readonly #count: number;
  readonly #from: ValidatorId | null;
  readonly #self: ValidatorId;
  /** Those who share the parts: all but the proposer. */
  readonly #sharers: readonly ValidatorId[];
  readonly #beganAtMs: number;
  /** When everybody may take everything from everybody. */
  readonly #freeAtMs: number;
  readonly #peers = new Map<ValidatorId, Peer>();
  readonly #have: Uint8Array;
  /** When each place was last asked for, while the call is open. */
  readonly #askedAtMs = new Map<number, number>();
  #left: number;
  /** Parts of the own share that are missing, and when none was any more. */
  #ownLeft: number;
  #ownAtMs: number;
  #isDecided: boolean;
  #revivedAtMs: number;

  constructor({ self, count, from, others, nowMs }: CollectingOptions) {
    this.#count = count;
    this.#from = from;
    this.#self = self;
    this.#beganAtMs = nowMs;
    this.#ownAtMs = nowMs;
    this.#freeAtMs = nowMs + SHARES_MS + count * SHARES_MS_PER_PART;
    this.#left = count;
    this.#isDecided = from === null;
    this.#revivedAtMs = nowMs;
    this.#have = bitmapOf(count);
    this.#sharers = [self, ...others].filter((id) => id !== from).sort();
    const places = Array.from({ length: count }, (_, place) => place);
    this.#ownLeft = places.filter((place) => this.#ownerOf(place) === self).length;
    for (const id of others) {
      const hasAll = from === null || id === from;
      this.#peers.set(id, {
        held: hasAll ? fullBitmap(count) : bitmapOf(count),
        newsAtMs: nowMs,
        asked: new Set(),
        openCount: 0,
        isShunned: false,
      });
    }
  }

  get isWhole(): boolean {
    return this.#left === 0;
  }

  /** A peer tells what it has. The bitmap is one for as many parts. */
  told(peer: ValidatorId, bitmap: Uint8Array, nowMs: number): void {
    const known = this.#peers.get(peer);
    if (known === undefined) return;
    for (let place = 0; place < this.#count; place += 1) {
      if (hasBit(bitmap, place) && !hasBit(known.held, place)) known.newsAtMs = nowMs;
    }
    known.held = new Uint8Array(bitmap);
  }

  /** The value is decided: many have it, whoever proposed it. */
  decided(): void {
    if (this.#isDecided) return;
    this.#isDecided = true;
    for (const peer of this.#peers.values()) peer.held = fullBitmap(this.#count);
  }

  /** Now and then, while nobody is left to be asked, all who should have the value are asked again. */
  revive(nowMs: number): void {
    const isIdle = [...this.#peers.values()].every(({ openCount }) => openCount === 0);
    if (!isIdle || nowMs < this.#revivedAtMs + BEAT_MS) return;
    this.#revivedAtMs = nowMs;
    for (const [id, peer] of this.#peers) {
      peer.isShunned = false;
      if (this.#isDecided || id === this.#from) peer.held = fullBitmap(this.#count);
    }
  }

  /** The next call to make, null if there is none now. */
  next(nowMs: number): Ask | null {
    const fresh = [...this.#askedAtMs.values()].filter((atMs) => nowMs < atMs + PART_HEDGE_MS);
    if (this.isWhole || fresh.length + PARTS_PER_CALL_MAX > PARTS_ASKED_MAX) return null;
    for (const id of this.#order()) {
      const peer = this.#peers.get(id) as Peer;
      if (peer.isShunned || peer.openCount >= PARTS_CALLS_PER_PEER_MAX) continue;
      const places = this.#placesOf(id, peer, nowMs);
      if (places.length === 0) continue;
      peer.openCount += 1;
      for (const place of places) {
        peer.asked.add(place);
        this.#askedAtMs.set(place, nowMs);
      }
      return { peer: id, places };
    }
    return null;
  }

  /** A part came that is one. */
  got(place: number, nowMs: number): void {
    if (hasBit(this.#have, place)) return;
    setBit(this.#have, place);
    this.#left -= 1;
    if (this.#ownerOf(place) !== this.#self) return;
    this.#ownLeft -= 1;
    if (this.#ownLeft === 0) this.#ownAtMs = nowMs;
  }

  /**
   * A call is over. What it was for and did not bring, the peer does not have. `isFailed`: it sent
   * something else, or no answer in time.
   */
  ended({ peer, places }: Ask, isFailed: boolean): void {
    const known = this.#peers.get(peer) as Peer;
    known.openCount -= 1;
    if (isFailed) known.isShunned = true;
    for (const place of places) {
      known.asked.delete(place);
      this.#askedAtMs.delete(place);
      if (!hasBit(this.#have, place)) clearBit(known.held, place);
    }
  }

  /** The least busy first; the proposer before all for one's share, behind all for what is not. */
  #order(): readonly ValidatorId[] {
    const others = [...this.#peers]
      .filter(([id]) => id !== this.#from)
      .sort(([, a], [, b]) => a.openCount - b.openCount)
      .map(([id]) => id);
    return this.#from === null || !this.#peers.has(this.#from) ? others : [this.#from, ...others];
  }

  /** Each begins at another place, so that not all want the same of the same peer. */
  #placesOf(id: ValidatorId, peer: Peer, nowMs: number): readonly number[] {
    // Who proposed it and has lost it shares nothing.
    const rank = Math.max(this.#sharers.indexOf(this.#self), 0);
    const first = Math.floor((rank * this.#count) / this.#sharers.length);
    const places: number[] = [];
    for (let step = 0; step < this.#count && places.length < PARTS_PER_CALL_MAX; step += 1) {
      const place = (first + step) % this.#count;
      if (hasBit(this.#have, place) || !hasBit(peer.held, place) || peer.asked.has(place)) continue;
      const askedAtMs = this.#askedAtMs.get(place);
      if (askedAtMs !== undefined && nowMs < askedAtMs + PART_HEDGE_MS) continue;
      if (id === this.#from && !this.#mayTake(place, nowMs)) continue;
      places.push(place);
    }
    return places.sort((a, b) => a - b);
  }

  /** Whether a part may be taken from the proposer: one's share, and what others do not get done. */
  #mayTake(place: number, nowMs: number): boolean {
    const owner = this.#ownerOf(place);
    if (owner === this.#self || nowMs >= this.#freeAtMs) return true;
    const peer = this.#peers.get(owner) as Peer;
    if (this.#ownLeft > 0) return peer.isShunned;
    const patienceMs = Math.max(SHARE_STALL_MS, this.#ownAtMs - this.#beganAtMs);
    return peer.isShunned || nowMs >= Math.max(peer.newsAtMs, this.#ownAtMs) + patienceMs;
  }

  #ownerOf(place: number): ValidatorId {
    return this.#sharers[place % this.#sharers.length] as ValidatorId;
  }
}
