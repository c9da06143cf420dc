import type { LocalAddress } from '../connection.js';
import { Addresses } from './addresses.js';
import { isUnreliable, type Frame, type Hello } from './frame.js';
import type { Lane, LaneEnd } from './lane.js';
import { UsedTickets } from './tickets.js';

/** What the network asks of an engine. */
export interface Listener {
  /** A first packet; returns the new connection, or undefined when it is ignored. */
  onHello(hello: Hello, lane: Lane): LaneEnd | undefined;
}

/** Something that has frames to send in the next turn. */
export interface Flusher {
  flush(): void;
}

/** Something on its way. */
interface Parcel {
  readonly lane: Lane;
  /** An unreliable frame; undefined stands for the next of the lane's queue. */
  readonly frame: Frame | undefined;
  /** Milliseconds of `performance.now`. */
  readonly dueMs: number;
  /** Instead of the lane's own: a path that is only tried. */
  readonly from: LocalAddress | undefined;
  readonly to: LocalAddress | undefined;
}

/** Addresses, cut paths and the frames on their way. */
export class Fabric {
  latencyMs = 0;
  readonly usedTickets = new UsedTickets(Date.now());

  readonly #addresses: Addresses<Listener>;
  readonly #cuts = new Set<string>();
  readonly #heldLanes = new Set<Lane>();
  #parcels: Parcel[] = [];
  #flushers: Flusher[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isTurnScheduled = false;

  constructor(hosts: readonly string[]) {
    this.#addresses = new Addresses(hosts);
  }

  /** Takes an address. Throws as `Addresses.bind`. */
  bind(host: string, port: number, listener: Listener): LocalAddress {
    const local = this.#addresses.bind(host, port, listener);
    // Somebody may have dialled before anybody listened.
    this.#release();
    return local;
  }

  unbind(local: LocalAddress, listener: Listener): void {
    this.#addresses.unbind(local, listener);
  }

  /** Sends a frame; an unreliable one over another path than the lane's own, if one is given. */
  send(
    lane: Lane,
    frame: Frame,
    path: { readonly from?: LocalAddress; readonly to?: LocalAddress } = {},
  ): void {
    if (isUnreliable(frame)) {
      this.#push({ lane, frame, dueMs: this.#dueMs(), from: path.from, to: path.to });
    } else {
      lane.queue.push(frame);
      this.#pushNext(lane);
    }
  }

  /** Calls `flush` in the next turn, before anything is delivered in it. */
  requestFlush(flusher: Flusher): void {
    this.#flushers.push(flusher);
    this.#schedule();
  }

  /** A lane has another path now: what was held up may pass on it. */
  onPathChanged(): void {
    this.#release();
  }

  /** What this lane has not delivered never will be. */
  abandon(lane: Lane): void {
    lane.queue.length = 0;
    lane.heldCount = 0;
    this.#heldLanes.delete(lane);
  }

  partition(a: LocalAddress, b: LocalAddress): void {
    this.#cuts.add(pathKey(a, b));
  }

  heal(a: LocalAddress, b: LocalAddress): void {
    this.#cuts.delete(pathKey(a, b));
    this.#release();
  }

  /** True when frames do not pass: the path is cut, or nobody listens at its end. */
  isCut(from: LocalAddress, to: LocalAddress): boolean {
    return this.#cuts.has(pathKey(from, to)) || this.#addresses.holderOf(to) === undefined;
  }

  #dueMs(): number {
    return this.latencyMs === 0 ? 0 : performance.now() + this.latencyMs;
  }

  #push(parcel: Parcel): void {
    this.#parcels.push(parcel);
    this.#schedule();
  }

  #pushNext(lane: Lane): void {
    this.#push({ lane, frame: undefined, dueMs: this.#dueMs(), from: undefined, to: undefined });
  }

  #schedule(): void {
    if (this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    clearTimeout(this.#timer);
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#isTurnScheduled = false;
    const flushers = this.#flushers;
    this.#flushers = [];
    for (const flusher of flushers) flusher.flush();
    const parcels = this.#parcels;
    this.#parcels = [];
    const now = performance.now();
    let late = parcels.findIndex(({ dueMs }) => dueMs > now);
    if (late < 0) late = parcels.length;
    for (const parcel of parcels.slice(0, late)) this.#deliver(parcel);
    if (late < parcels.length) this.#parcels = [...parcels.slice(late), ...this.#parcels];
    this.#scheduleLate();
  }

  /** Nothing is due now, but something is on its way. */
  #scheduleLate(): void {
    const next = this.#parcels[0];
    if (next === undefined || this.#isTurnScheduled) return;
    const leftMs = next.dueMs - performance.now();
    if (leftMs <= 0) {
      this.#schedule();
      return;
    }
    this.#timer = setTimeout(() => this.#schedule(), leftMs);
  }

  #deliver({ lane, frame, from = lane.from, to = lane.to }: Parcel): void {
    if (frame !== undefined) {
      if (this.isCut(from, to)) lane.sender.onLost();
      else this.#handOver(lane, frame, from);
      return;
    }
    // Undefined when the lane was abandoned in the meantime.
    const next = lane.queue[0];
    if (next === undefined) return;
    if (!this.isCut(lane.from, lane.to)) {
      lane.queue.shift();
      this.#handOver(lane, next, lane.from);
      return;
    }
    lane.sender.onLost();
    if (lane.queue.at(-1)?.kind === 'close') {
      // Nothing is sent again for a connection that is over.
      this.abandon(lane);
    } else {
      lane.heldCount += 1;
      this.#heldLanes.add(lane);
    }
  }

  #handOver(lane: Lane, frame: Frame, from: LocalAddress): void {
    if (frame.kind === 'hello')
      lane.receiver = this.#addresses.holderOf(lane.to)?.onHello(frame, lane);
    if (lane.receiver === undefined) {
      lane.sender.onLost();
      return;
    }
    lane.receiver.onFrame(frame, from);
    lane.sender.onDelivered(frame);
  }

  /** Paths may have opened: what was held up is sent again. */
  #release(): void {
    for (const lane of this.#heldLanes) {
      if (this.isCut(lane.from, lane.to)) continue;
      this.#heldLanes.delete(lane);
      for (; lane.heldCount > 0; lane.heldCount -= 1) this.#pushNext(lane);
    }
  }
}

function keyOf({ host, port }: LocalAddress): string {
  return `${host} ${port}`;
}

function pathKey(a: LocalAddress, b: LocalAddress): string {
  return [keyOf(a), keyOf(b)].sort().join(' | ');
}
