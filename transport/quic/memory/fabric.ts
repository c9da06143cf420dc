import { isIP } from 'node:net';
import type { LocalAddress } from '../connection.js';
import { QuicError } from '../quic-error.js';
import { isUnreliable, type Frame, type Hello } from './frame.js';
import type { Lane, LaneEnd } from './lane.js';
import { FREE_PORT_FIRST, FREE_PORT_LAST } from './limits.js';
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

const ANY_HOSTS = ['0.0.0.0', '::'];

/** Addresses, cut paths and the frames on their way. */
export class Fabric {
  latencyMs = 0;
  readonly usedTickets = new UsedTickets(Date.now());

  readonly #hosts: ReadonlySet<string>;
  readonly #listeners = new Map<string, Listener>();
  readonly #cuts = new Set<string>();
  readonly #heldLanes = new Set<Lane>();
  #parcels: Parcel[] = [];
  #flushers: Flusher[] = [];
  #nextPort = FREE_PORT_FIRST;
  #timer: NodeJS.Timeout | undefined;
  #isTurnScheduled = false;

  constructor(hosts: readonly string[]) {
    this.#hosts = new Set(hosts);
  }

  /**
   * Takes an address. Throws `QuicError`: `address-in-use`, `address-unavailable`, `host-not-found`.
   */
  bind(host: string, port: number, listener: Listener): LocalAddress {
    const address = toIp(host);
    if (!isLoopback(address) && !ANY_HOSTS.includes(address) && !this.#hosts.has(address)) {
      throw new QuicError(
        'address-unavailable',
        `cannot listen on ${host}:${port}: this network has no such address; name it in \`hosts\``,
      );
    }
    const local = { host: address, port: port === 0 ? this.#freePort(address) : port };
    if (this.#listeners.has(keyOf(local))) {
      throw new QuicError(
        'address-in-use',
        `cannot listen on ${host}:${port}: an engine of this network holds it; choose another port`,
      );
    }
    this.#listeners.set(keyOf(local), listener);
    this.#release();
    return local;
  }

  /** Gives an address back; the one that took it must say so. */
  unbind(local: LocalAddress, listener: Listener): void {
    if (this.#listeners.get(keyOf(local)) === listener) this.#listeners.delete(keyOf(local));
  }

  /** Where packets to `host` come from that an engine at `local` sends. */
  sourceOf(local: LocalAddress, host: string): LocalAddress {
    if (!ANY_HOSTS.includes(local.host)) return local;
    return { host: isIP(host) === 6 ? '::1' : '127.0.0.1', port: local.port };
  }

  /** The IP address of a host to dial from `local`. Throws `QuicError` code `host-not-found`. */
  resolve(host: string, local: LocalAddress): string {
    const address = toIp(host);
    if (isIP(address) === 6 && isIP(local.host) === 4) {
      throw new QuicError(
        'host-not-found',
        `${host} is an IPv6 address, but this endpoint listens on ${local.host} (IPv4)`,
      );
    }
    return address;
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
    return this.#cuts.has(pathKey(from, to)) || this.#listenerAt(to) === undefined;
  }

  #listenerAt(address: LocalAddress): Listener | undefined {
    const exact = this.#listeners.get(keyOf(address));
    if (exact !== undefined) return exact;
    const anyHost = isIP(address.host) === 6 ? '::' : '0.0.0.0';
    return this.#listeners.get(keyOf({ host: anyHost, port: address.port }));
  }

  #freePort(host: string): number {
    for (let tries = FREE_PORT_LAST - FREE_PORT_FIRST; tries >= 0; tries -= 1) {
      const port = this.#nextPort;
      this.#nextPort = port === FREE_PORT_LAST ? FREE_PORT_FIRST : port + 1;
      if (!this.#listeners.has(keyOf({ host, port }))) return port;
    }
    throw new QuicError('address-in-use', `every free port of ${host} is taken`);
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
    if (frame.kind === 'hello') lane.receiver = this.#listenerAt(lane.to)?.onHello(frame, lane);
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

function toIp(host: string): string {
  if (isIP(host) !== 0) return host;
  if (host === 'localhost') return '127.0.0.1';
  throw new QuicError('host-not-found', `the host name '${host}' has no address on this network`);
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
