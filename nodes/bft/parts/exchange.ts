/**
 * Values in parts among validators: collects those that are wanted here, tells others what is here,
 * and answers them.
 *
 *     proposal ---> collect --bft.parts--> parts, each proven --told to all (held)--> whole
 *
 * What is collected is in memory alone: nothing depends on it before the whole value is durable.
 */
import {
  BftError,
  type Height,
  type ValidatorId,
  type ValueId,
} from '../../../consensus/bft/index.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import { TokenBucket } from '../../../transport/token-bucket.js';
import {
  COLLECTED_MAX,
  COLLECTED_PER_PROPOSER_MAX,
  COLLECTING_BEAT_MS,
  HELD_TELL_MS,
  OPENED_BURST,
  OPENED_PER_SECOND,
  PARTS_ANSWERING_MAX,
  PATIENCE_MS_PER_MIB,
  PATIENCE_STEP_MS,
  SPREAD_MAX,
  TOLD_PER_PEER_MAX,
} from '../limits.js';
import type { PeerGuard } from '../peer-guard.js';
import { type Ask, Collecting } from './collecting.js';
import { PartSet, type Part } from './part-set.js';
import {
  type PartsRequest,
  encodeAnswer,
  encodeHeld,
  encodeRequest,
  readAnswer,
  readHeld,
  readRequest,
} from './wire.js';

/** What it needs of what is around it. */
export interface ExchangePorts {
  /** All who can be asked and told, by name. */
  others(): readonly ValidatorId[];
  /** The height under way. */
  height(): Height;
  tell(peer: ValidatorId, bytes: Uint8Array): void;
  /** Rejects when the peer gives no answer in time. */
  call(peer: ValidatorId, payload: Uint8Array): Promise<unknown>;
  /** A value of the height under way that is here. */
  value(id: ValueId): Uint8Array | undefined;
  /** The value that a height decided, null if it is another one. */
  decided(height: Height, id: ValueId): Promise<Uint8Array | null>;
}

/** A value that is wanted. */
interface Collected {
  readonly set: PartSet;
  readonly collecting: Collecting;
  readonly from: ValidatorId | null;
  /** Infinity for one that is decided: it makes room for no other. */
  round: number;
  readonly whole: Promise<Uint8Array | null>;
  readonly end: (bytes: Uint8Array | null) => void;
  /** Parts that were here when patience was last asked for, and what it has cost. */
  receivedBefore: number;
  patienceMs: number;
}

/** See the head of this file. */
export class PartExchange {
  readonly #self: ValidatorId;
  readonly #guard: PeerGuard;
  readonly #ports: ExchangePorts;
  readonly #collected = new Map<ValueId, Collected>();
  /** Whole values, the last one behind the others. */
  readonly #spread = new Map<ValueId, PartSet>();
  /** What peers have of values that are not wanted yet. */
  readonly #told = new Map<ValidatorId, Map<ValueId, Uint8Array>>();
  readonly #news = new Set<ValueId>();
  readonly #answering = new Map<ValidatorId, number>();
  readonly #openings = new Map<ValidatorId, TokenBucket>();
  #beat: NodeJS.Timeout | undefined;
  #teller: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(self: ValidatorId, guard: PeerGuard, ports: ExchangePorts) {
    this.#self = self;
    this.#guard = guard;
    this.#ports = ports;
  }

  /** The name of a value of more than one part that is to be proposed. From now on others get it. */
  spread(bytes: Uint8Array): ValueId {
    const set = PartSet.of(bytes);
    this.#keep(set);
    return set.id;
  }

  /**
   * The bytes of a value of the height under way that was proposed by somebody for a round; with null
   * for the proposer, of one that is decided. Null when the height ends first, or others of the height
   * are collected that go before.
   */
  collect(id: ValueId, from: ValidatorId | null, round: number): Promise<Uint8Array | null> {
    const here = this.#spread.get(id)?.bytes;
    if (here !== undefined) return Promise.resolve(here);
    const known = this.#collected.get(id);
    if (known !== undefined) {
      if (from === null) known.collecting.decided();
      known.round = Math.max(known.round, from === null ? Infinity : round);
      this.#pump(known);
      return known.whole;
    }
    const set = PartSet.empty(id);
    const isRefused = set === null || this.#isClosed || !this.#makeRoom(from, round);
    if (isRefused) return Promise.resolve(null);
    const made = this.#begin(set, from, from === null ? Infinity : round);
    this.#pump(made);
    return made.whole;
  }

  /** How long the wait for a value goes on that is still coming: 0 if nothing came since the last time. */
  patience(id: ValueId): number {
    const collected = this.#collected.get(id);
    if (collected === undefined) return 0;
    const { set, receivedBefore, patienceMs } = collected;
    const mostMs = Math.ceil(set.about.length / 2 ** 20) * PATIENCE_MS_PER_MIB;
    collected.receivedBefore = set.received;
    if (set.received === receivedBefore || patienceMs + PATIENCE_STEP_MS > mostMs) return 0;
    collected.patienceMs += PATIENCE_STEP_MS;
    return PATIENCE_STEP_MS;
  }

  /** A peer tells what it has. Throws `BftError` for what is no such message. */
  heard(peer: ValidatorId, bytes: Uint8Array): void {
    const { id, bitmap } = readHeld(bytes);
    const collected = this.#collected.get(id);
    if (collected !== undefined) {
      collected.collecting.told(peer, bitmap, performance.now());
      this.#pump(collected);
      return;
    }
    if (this.#spread.has(id)) return;
    const told = this.#told.get(peer) ?? new Map<ValueId, Uint8Array>();
    this.#told.set(peer, told);
    told.delete(id);
    told.set(id, bitmap);
    const [oldest] = told.keys();
    if (told.size > TOLD_PER_PEER_MAX && oldest !== undefined) told.delete(oldest);
  }

  /**
   * Answers who asks for parts: those of them that are here, null if none is. Rejects with `RpcError`:
   * `malformed`, which counts against it, and `overloaded`.
   */
  async answer(peer: ValidatorId, payload: unknown): Promise<Uint8Array | null> {
    const request = this.#read(peer, payload);
    const running = this.#answering.get(peer) ?? 0;
    if (running >= PARTS_ANSWERING_MAX) throw new RpcError('overloaded', 'too many at once');
    this.#answering.set(peer, running + 1);
    try {
      const set = await this.#find(peer, request);
      const parts = request.places.flatMap((place) => {
        const part = set?.part(place);
        return part === undefined ? [] : [{ place, ...part }];
      });
      return parts.length === 0 ? null : encodeAnswer(parts);
    } finally {
      this.#answering.set(peer, (this.#answering.get(peer) ?? 1) - 1);
    }
  }

  /** Tells again what is here of the height under way: it may have been lost, or have come too early. */
  resend(): void {
    for (const id of [...this.#collected.keys(), ...this.#spread.keys()]) {
      const isOld = !this.#collected.has(id) && this.#ports.value(id) === undefined;
      if (!isOld) this.#news.add(id);
    }
    this.#tellSoon();
  }

  /** A height is decided: what was proposed in it is wanted no more. */
  endHeight(): void {
    for (const { end } of this.#collected.values()) end(null);
  }

  close(): void {
    this.#isClosed = true;
    this.endHeight();
    clearTimeout(this.#teller);
    clearInterval(this.#beat);
  }

  #begin(set: PartSet, from: ValidatorId | null, round: number): Collected {
    const others = this.#ports.others();
    const options = { self: this.#self, count: set.about.count, from, others };
    const collecting = new Collecting({ ...options, nowMs: performance.now() });
    let resolve!: (bytes: Uint8Array | null) => void;
    const whole = new Promise<Uint8Array | null>((done) => {
      resolve = done;
    });
    const end = (bytes: Uint8Array | null): void => {
      this.#collected.delete(set.id);
      if (this.#collected.size === 0) {
        clearInterval(this.#beat);
        this.#beat = undefined;
      }
      resolve(bytes);
    };
    const kept = { receivedBefore: 0, patienceMs: 0 };
    const made = { set, collecting, from, round, whole, end, ...kept };
    this.#collected.set(set.id, made);
    for (const [peer, told] of this.#told) {
      const bitmap = told.get(set.id);
      if (bitmap !== undefined && peer !== from) {
        collecting.told(peer, bitmap, performance.now());
      }
      told.delete(set.id);
    }
    this.#beat ??= setInterval(() => this.#onBeat(), COLLECTING_BEAT_MS);
    return made;
  }

  /**
   * Whether one more may be collected. Of a validator that proposes several for its rounds a few are;
   * and the latest rounds go before the earlier ones, since they can still be decided in time.
   */
  #makeRoom(from: ValidatorId | null, round: number): boolean {
    if (from === null) return true;
    const all = [...this.#collected.values()];
    const ofThem = all.filter((each) => each.from === from);
    const full = ofThem.length >= COLLECTED_PER_PROPOSER_MAX ? ofThem : all;
    if (full === all && all.length < COLLECTED_MAX) return true;
    const earliest = full.reduce((a, b) => (b.round < a.round ? b : a));
    if (earliest.round >= round) return false;
    earliest.end(null);
    return true;
  }

  #onBeat(): void {
    const nowMs = performance.now();
    for (const collected of this.#collected.values()) {
      this.#pump(collected);
      collected.collecting.revive(nowMs);
      this.#pump(collected);
    }
  }

  #pump({ collecting, set }: Collected): void {
    if (this.#isClosed) return;
    const nowMs = performance.now();
    for (let ask = collecting.next(nowMs); ask !== null; ask = collecting.next(nowMs)) {
      void this.#ask(set, collecting, ask);
    }
  }

  async #ask(set: PartSet, collecting: Collecting, ask: Ask): Promise<void> {
    const { id } = set;
    const request = encodeRequest({ height: this.#ports.height(), id, places: ask.places });
    let verdict: 'ok' | 'silent' | 'lie' = 'ok';
    try {
      const answer = await this.#ports.call(ask.peer, request);
      if (answer !== null) verdict = this.#take(set, collecting, ask, answer);
    } catch {
      verdict = 'silent';
    }
    if (verdict === 'lie') this.#guard.fault(ask.peer, 'bad-part', performance.now());
    collecting.ended(ask, verdict !== 'ok');
    const collected = this.#collected.get(id);
    if (collected?.set !== set) return;
    if (collecting.isWhole) {
      this.#keep(set);
      collected.end(set.bytes);
    } else this.#pump(collected);
  }

  /** Takes the parts of an answer; a lie if one was not asked for, or is not of the value. */
  #take(set: PartSet, collecting: Collecting, { places }: Ask, answer: unknown): 'ok' | 'lie' {
    if (!(answer instanceof Uint8Array)) return 'lie';
    try {
      for (const { place, ...part } of readAnswer(answer, set.about)) {
        if (!places.includes(place)) return 'lie';
        const added = set.add(place, part satisfies Part);
        if (added === 'wrong') return 'lie';
        if (added === 'new') this.#news.add(set.id);
        collecting.got(place, performance.now());
      }
      return 'ok';
    } catch (error) {
      if (error instanceof BftError) return 'lie';
      throw error;
    } finally {
      this.#tellSoon();
    }
  }

  #tellSoon(): void {
    if (this.#news.size === 0 || this.#isClosed) return;
    this.#teller ??= setTimeout(() => {
      this.#teller = undefined;
      for (const id of this.#news) {
        const set = this.#collected.get(id)?.set ?? this.#spread.get(id);
        if (set === undefined || set.received === 0) continue;
        const bytes = encodeHeld({ id, bitmap: set.held });
        for (const peer of this.#ports.others()) this.#ports.tell(peer, bytes);
      }
      this.#news.clear();
    }, HELD_TELL_MS);
  }

  #read(peer: ValidatorId, payload: unknown): PartsRequest {
    try {
      return readRequest(payload instanceof Uint8Array ? payload : new Uint8Array());
    } catch (error) {
      if (!(error instanceof BftError)) throw error;
      this.#guard.fault(peer, 'garbage', performance.now());
      throw new RpcError('malformed', `bft.parts: ${error.message}`);
    }
  }

  /** What there is of a value: as it is collected, of this height, or decided. */
  async #find(peer: ValidatorId, { height, id }: PartsRequest): Promise<PartSet | undefined> {
    const known = this.#collected.get(id)?.set ?? this.#spread.get(id);
    if (known !== undefined) return known;
    const current = this.#ports.value(id);
    if (current !== undefined) return this.#keep(PartSet.of(current));
    if (height >= this.#ports.height()) return undefined;
    const nowMs = performance.now();
    const openings =
      this.#openings.get(peer) ?? new TokenBucket(OPENED_PER_SECOND, OPENED_BURST, nowMs);
    this.#openings.set(peer, openings);
    if (openings.take(nowMs) > 0) throw new RpcError('overloaded', 'too many decided values');
    const bytes = await this.#ports.decided(height, id);
    return bytes === null ? undefined : (this.#spread.get(id) ?? this.#keep(PartSet.of(bytes)));
  }

  /** Keeps a whole value for others; the one that was kept first makes room. */
  #keep(set: PartSet): PartSet {
    this.#spread.delete(set.id);
    this.#spread.set(set.id, set);
    const [oldest] = this.#spread.keys();
    if (this.#spread.size > SPREAD_MAX && oldest !== undefined) this.#spread.delete(oldest);
    return set;
  }
}
