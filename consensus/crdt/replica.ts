/**
 * One replica of the data: mutations go in, and come out of every other replica.
 *
 *   mutate --> applied --append--> durable --+--> done
 *                ^                           +--> sent to the members
 *   message --> waits until what it depends on is applied
 *
 * What is told to others (updates, states, versions) is durable here: an update that they have is never
 * made a second time with another content, and what everybody says to have is everybody's for good.
 */
import { HybridClock, type HybridTime, TIME_ZERO, compareTimes } from './clock.js';
import { decodeState, decodeUpdate, encodeState, encodeUpdate } from './codec.js';
import { CrdtError, assert } from './error.js';
import {
  DRIFT_MS_MAX,
  MESSAGE_BYTES_TARGET,
  REPLICAS_MAX,
  STATE_BYTES_MAX,
  UPDATE_BYTES_MAX,
  WAITING_UPDATES_MAX,
} from './limits.js';
import { type Message, STATE_HEAD, decodeMessage, encodeMessage } from './message.js';
import { type Mutation, changesOf } from './mutation.js';
import { type Snapshot, decodeSnapshot, encodeSnapshot } from './snapshot.js';
import type { StateCut } from './state-cut.js';
import { StateCuts } from './state-cuts.js';
import type { Effect, Input } from './step.js';
import { UpdateLog } from './update-log.js';
import { type Update, applyChanges } from './update.js';
import { type MapValue, joinMaps } from './value.js';
import { type ReplicaId, type VersionVector, covers, includes, joined, meet } from './version.js';

/** Members that are asked at each tick, in turns. */
const MEMBERS_PER_TICK = 3;
/** States that are made for others at the same time. */
const CUTS_MAX = 4;
/** Records behind a snapshot, after which the next one is made. */
const RECORDS_PER_SNAPSHOT = 1_024;

export interface ReplicaOptions {
  readonly id: ReplicaId;
  /** All that hold the data, this one among them or not; null until `members` says it: nothing is forgotten. */
  readonly members: readonly ReplicaId[] | null;
  /** `DRIFT_MS_MAX` when left out. */
  readonly driftMsMax?: number;
  /** Records behind a snapshot, after which the next one is made; `Infinity` leaves it to the driver. */
  readonly recordsPerSnapshot?: number;
  /** With it whole states are sent as cuts with pieces of so many bytes, which the driver makes in slices. */
  readonly pieceBytes?: number;
}

/**
 * What the disk gives back: the last snapshot, and the records that were appended after it. Records that
 * the snapshot covers already count for nothing.
 */
export interface Restored {
  readonly snapshot: Uint8Array | null;
  readonly records: readonly Uint8Array[];
}

/** A write on its way to the disk, and what this replica has for good once it is there. */
interface Write {
  readonly number: number;
  readonly version: VersionVector;
}

/** What leaves when the write of this number is durable. */
interface Delayed {
  readonly number: number;
  readonly effect: Effect;
  /** An own update: all members get it. */
  readonly update?: Uint8Array;
}

export class Replica {
  readonly id: ReplicaId;
  readonly #clock: HybridClock;
  readonly #log: UpdateLog;
  readonly #recordsPerSnapshot: number;
  readonly #pieceBytes: number | undefined;
  readonly #cuts = new StateCuts();
  #members: readonly ReplicaId[] | null;
  #root: MapValue = { kind: 'map', entries: new Map() };
  #version: Map<ReplicaId, number>;
  /** The latest time of all updates that are applied. */
  #time: HybridTime;
  #durable: VersionVector;
  /** What members have said to have for good. */
  readonly #known = new Map<ReplicaId, VersionVector>();
  /** Updates that came before those that they depend on, by dot. */
  readonly #waiting = new Map<string, { readonly update: Update; readonly bytes: Uint8Array }>();
  #writes: Write[] = [];
  #delayed: Delayed[] = [];
  #number = 0;
  #records: number;
  #turn = 0;
  #effects: Effect[] = [];

  /** Throws `CrdtError` `bad-encoding` for a disk that gives back what was not written. */
  constructor(options: ReplicaOptions, restored: Restored) {
    this.id = options.id;
    this.#members = options.members;
    this.#recordsPerSnapshot = options.recordsPerSnapshot ?? RECORDS_PER_SNAPSHOT;
    this.#pieceBytes = options.pieceBytes;
    const snapshot = restored.snapshot === null ? undefined : decodeSnapshot(restored.snapshot);
    const driftMsMax = options.driftMsMax ?? DRIFT_MS_MAX;
    this.#time = snapshot?.state.time ?? TIME_ZERO;
    this.#clock = new HybridClock(driftMsMax, this.#time);
    this.#log = new UpdateLog(snapshot?.base ?? new Map());
    this.#version = new Map(snapshot?.state.version);
    if (snapshot !== undefined) this.#restore(snapshot);
    for (const record of restored.records) {
      const update = decodeUpdate(record);
      if (!covers(this.#version, update)) this.#apply(update, record);
    }
    this.#records = restored.records.length;
    this.#durable = new Map(this.#version);
  }

  /** The data as this replica has it, with what is not durable yet. Not to be changed. */
  get root(): MapValue {
    return this.#root;
  }

  get version(): VersionVector {
    return this.#version;
  }

  get durable(): VersionVector {
    return this.#durable;
  }

  /** Updates that are kept for members who lack them. */
  get keptUpdates(): number {
    return this.#log.size;
  }

  get waitingUpdates(): number {
    return this.#waiting.size;
  }

  /** The bytes of the state: equal at replicas that have applied the same updates. */
  get state(): Uint8Array {
    return this.#encodeState();
  }

  /** All of it in one piece, with what is not durable yet, for a driver that makes room on its own. */
  get snapshot(): Uint8Array {
    return encodeSnapshot({
      state: { version: this.#version, time: this.#time, root: this.#root },
      base: this.#log.base,
      updates: this.#log.all(),
    });
  }

  /**
   * The bytes of the state as it is now, with what is not durable yet, to be made while it goes on changing.
   * `head` stands before them.
   */
  cut(pieceBytes: number, head: Uint8Array = new Uint8Array()): StateCut {
    const state = { version: this.#version, time: this.#time, root: this.#root };
    return this.#cuts.begin(state, head, pieceBytes);
  }

  step(input: Input): readonly Effect[] {
    this.#effects = [];
    switch (input.type) {
      case 'mutate':
        this.#mutate(input.token, input.mutation, input.nowMs);
        break;
      case 'persisted':
        this.#persisted(input.number);
        break;
      case 'message':
        this.#receive(input.from, input.bytes, input.nowMs);
        break;
      case 'tick':
        this.#tick();
        break;
      case 'renew':
        this.#renew();
        break;
      case 'members':
        this.#members = input.members;
        for (const known of this.#known.keys()) {
          if (!input.members.includes(known)) this.#known.delete(known);
        }
        this.#collect();
        break;
    }
    return this.#effects;
  }

  #renew(): void {
    assert(this.#number === 0, 'what was read is written again before anything else');
    this.#durable = new Map();
    this.#number += 1;
    this.#writes.push({ number: this.#number, version: new Map(this.#version) });
    this.#replace();
  }

  #mutate(token: number, mutation: Mutation, nowMs: number): void {
    let update: Update;
    let bytes: Uint8Array;
    try {
      const time = this.#clock.tick(nowMs);
      const changes = changesOf(this.#root, mutation, { replica: this.id, time });
      if (changes.length === 0) {
        // What it would have removed may have been removed by an update that is not durable yet.
        this.#afterWrites({ type: 'done', token, dot: null });
        return;
      }
      const sequence = (this.#version.get(this.id) ?? 0) + 1;
      update = { replica: this.id, sequence, after: new Map(this.#version), time, changes };
      bytes = encodeUpdate(update);
      if (bytes.length > UPDATE_BYTES_MAX) {
        throw new CrdtError('limit', `an update has at most ${UPDATE_BYTES_MAX} bytes`);
      }
    } catch (error) {
      if (!(error instanceof CrdtError)) throw error;
      this.#effects.push({ type: 'refused', token, error });
      return;
    }
    const dot = { replica: this.id, sequence: update.sequence };
    this.#apply(update, bytes);
    this.#append(bytes);
    this.#delayed.push({
      number: this.#number,
      effect: { type: 'done', token, dot },
      update: bytes,
    });
  }

  #afterWrites(effect: Effect): void {
    if (this.#writes.length === 0) this.#effects.push(effect);
    else this.#delayed.push({ number: this.#number, effect });
  }

  #append(record: Uint8Array): void {
    this.#records += 1;
    this.#number += 1;
    this.#writes.push({ number: this.#number, version: new Map(this.#version) });
    if (this.#records > this.#recordsPerSnapshot) this.#replace();
    else this.#effects.push({ type: 'append', number: this.#number, record });
  }

  /** Writes everything in one piece, under the number that is taken already. */
  #replace(): void {
    this.#records = 0;
    this.#effects.push({ type: 'replace', number: this.#number, snapshot: this.snapshot });
  }

  #persisted(number: number): void {
    assert(number <= this.#number, 'what is durable has been written');
    while (this.#writes.length > 0 && this.#writes[0]!.number <= number) {
      this.#durable = this.#writes.shift()!.version;
    }
    while (this.#delayed.length > 0 && this.#delayed[0]!.number <= number) {
      const { effect, update } = this.#delayed.shift()!;
      this.#effects.push(effect);
      if (update === undefined) continue;
      for (const to of this.#others()) this.#send(to, { type: 'updates', updates: [update] });
    }
    this.#collect();
  }

  #receive(from: ReplicaId, bytes: Uint8Array, nowMs: number): void {
    try {
      const message = decodeMessage(bytes);
      if (message.type === 'digest') this.#takeDigest(from, message.version, message.asks);
      else if (message.type === 'state') this.#takeState(message.state, nowMs);
      else this.#takeUpdates(from, message.updates, nowMs);
    } catch (error) {
      if (!(error instanceof CrdtError)) throw error;
      this.#effects.push({ type: 'rejected', from, error });
    }
  }

  #takeUpdates(from: ReplicaId, updates: readonly Uint8Array[], nowMs: number): void {
    const before = this.#number;
    for (const update of updates) this.#takeUpdate(from, update, nowMs);
    const bytes = updates.reduce((sum, update) => sum + update.length, 0);
    if (this.#number === before || bytes < MESSAGE_BYTES_TARGET / 2) return;
    // There is probably more where it comes from: who was away for long does not wait for the next tick.
    const digest = { type: 'digest', version: this.#version, asks: false } as const;
    this.#afterWrites({ type: 'send', to: from, bytes: encodeMessage(digest) });
  }

  #takeUpdate(from: ReplicaId, bytes: Uint8Array, nowMs: number): void {
    // A copy: what comes in a message must not keep the whole message in memory.
    const own = bytes.slice();
    const update = decodeUpdate(own);
    if (covers(this.#version, update)) return;
    try {
      this.#admit(update, nowMs);
    } catch (error) {
      // The other updates of the message count.
      if (!(error instanceof CrdtError)) throw error;
      this.#effects.push({ type: 'rejected', from, error });
      return;
    }
    if (this.#waiting.size >= WAITING_UPDATES_MAX) return;
    this.#waiting.set(`${update.sequence} ${update.replica}`, { update, bytes: own });
    this.#applyWaiting();
  }

  #admit(update: Update, nowMs: number): void {
    this.#requireOthers(update.replica);
    if (!this.#version.has(update.replica) && this.#version.size >= REPLICAS_MAX) {
      throw new CrdtError('limit', `${REPLICAS_MAX} replicas have made updates already`);
    }
    for (const { removed } of update.changes) {
      if (removed.every((dot) => covers(update.after, dot))) continue;
      throw new CrdtError('bad-encoding', 'an update removes what its replica has not seen');
    }
    this.#clock.requireNear(update.time, nowMs);
  }

  #requireOthers(replica: ReplicaId): void {
    if (replica !== this.id) return;
    throw new CrdtError(
      'lost-own-updates',
      `others have updates of ${this.id} that are not on its disk: start it under another name`,
    );
  }

  /** Applies what waits no longer (Almeida, Shoker, Baquero 2018, causal delta-merging condition). */
  #applyWaiting(): void {
    for (let isProgress = true; isProgress;) {
      isProgress = false;
      for (const [name, { update, bytes }] of this.#waiting) {
        const isKnown = covers(this.#version, update);
        if (!isKnown && !includes(this.#version, update.after)) continue;
        this.#waiting.delete(name);
        if (isKnown) continue;
        this.#apply(update, bytes);
        this.#append(bytes);
        isProgress = true;
      }
    }
  }

  #apply(update: Update, bytes: Uint8Array): void {
    this.#cuts.beforeUpdate(update, this.#root);
    applyChanges(this.#root, update);
    this.#version.set(update.replica, update.sequence);
    this.#log.add(update, bytes);
    this.#takeTime(update.time);
  }

  #takeTime(time: HybridTime): void {
    if (compareTimes(time, this.#time) > 0) this.#time = time;
    this.#clock.advance(time);
  }

  #takeDigest(from: ReplicaId, version: VersionVector, asks: boolean): void {
    if (this.#members?.includes(from) === true) {
      this.#known.set(from, joined(this.#known.get(from) ?? new Map(), version));
    }
    if (!includes(version, this.#durable)) this.#sendMissing(from, version);
    if (asks && !includes(this.#durable, version)) this.#sendDigest(from, false);
    this.#collect();
  }

  #sendMissing(to: ReplicaId, version: VersionVector): void {
    if (this.#log.reaches(version)) {
      const updates = this.#log.missing(version, this.#durable);
      if (updates.length > 0) this.#send(to, { type: 'updates', updates });
      return;
    }
    if (this.#pieceBytes === undefined) {
      const bytes = encodeMessage({ type: 'state', state: this.#encodeState() });
      this.#afterWrites({ type: 'send', to, bytes });
    } else if (this.#cuts.unfinished < CUTS_MAX) {
      // Who is not sent one now asks again.
      this.#afterWrites({ type: 'send-state', to, cut: this.cut(this.#pieceBytes, STATE_HEAD) });
    }
  }

  #encodeState(): Uint8Array {
    const bytes = encodeState({
      version: this.#version,
      time: this.#time,
      root: this.#root,
    });
    if (bytes.length <= STATE_BYTES_MAX) return bytes;
    throw new CrdtError('limit', `a state has at most ${STATE_BYTES_MAX} bytes`);
  }

  #takeState(bytes: Uint8Array, nowMs: number): void {
    const { version, time, root } = decodeState(bytes);
    const own = version.get(this.id) ?? 0;
    if (own > (this.#version.get(this.id) ?? 0)) this.#requireOthers(this.id);
    if (includes(this.#version, version)) return;
    this.#clock.requireNear(time, nowMs);
    this.#takeTime(time);
    this.#cuts.beforeReplacement();
    this.#root = joinMaps({ value: this.#root, version: this.#version }, { value: root, version });
    const ahead = [...version].filter(([replica, sequence]) => {
      return sequence > (this.#version.get(replica) ?? 0);
    });
    this.#version = joined(this.#version, version);
    this.#log.drop(new Map(ahead));
    this.#number += 1;
    this.#writes.push({ number: this.#number, version: new Map(this.#version) });
    this.#replace();
    this.#applyWaiting();
  }

  #tick(): void {
    const others = this.#others();
    const count = Math.min(MEMBERS_PER_TICK, others.length);
    for (let asked = 0; asked < count; asked += 1) {
      this.#sendDigest(others[(this.#turn + asked) % others.length]!, true);
    }
    this.#turn += count;
  }

  /** Forgets updates up to the stable cut: what all members have for good. */
  #collect(): void {
    if (this.#members === null) return;
    const versions = this.#others().map((member) => this.#known.get(member) ?? new Map());
    this.#log.drop(meet([this.#durable, ...versions]));
  }

  #others(): readonly ReplicaId[] {
    return (this.#members ?? []).filter((member) => member !== this.id);
  }

  #sendDigest(to: ReplicaId, asks: boolean): void {
    this.#send(to, { type: 'digest', version: this.#durable, asks });
  }

  #send(to: ReplicaId, message: Message): void {
    this.#effects.push({ type: 'send', to, bytes: encodeMessage(message) });
  }

  #restore({ state, updates }: Snapshot): void {
    this.#root = state.root;
    for (const bytes of updates) this.#log.add(decodeUpdate(bytes), bytes);
  }
}
