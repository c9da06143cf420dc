import { randomBytes } from 'node:crypto';
import type { RemoteInfo } from 'node:dgram';
import {
  HALF_OPEN_CONNECTIONS_RETRY,
  PENDING_HELLOS_MAX,
  PENDING_HELLO_MS_MAX,
  REPLAY_ENTRIES_MAX,
  REPLAY_WINDOW_MS,
} from '../limits.js';
import type { TicketOptions } from '../engine.js';
import { QuicError } from '../quic-error.js';
import type { QuicSettings } from '../settings.js';
import { ClientHelloReader, type ClientHello } from './client-hello.js';
import type { Listener } from './listener.js';
import type { Native } from './native.js';
import { CONNECTION_ID_BYTES, VERSION_1, readInitialHeader, type InitialHeader } from './packet.js';
import { ReplayRegister, earlyDataDelayMs } from './replay-register.js';
import { RetryTokens } from './retry.js';

/** What a new connection is made with. */
export interface Acceptance {
  readonly listener: Listener;
  readonly isEarly: boolean;
  readonly ticketKey: Uint8Array | undefined;
  /** Our connection id. */
  readonly connectionId: Uint8Array;
  /** The peer's first choice of it, when it has been through a Retry. */
  readonly originalId: Uint8Array | undefined;
  /** The id that the peer sends to until it knows ours. */
  readonly firstId: Uint8Array;
  /** All that has come of the peer, in order. */
  readonly datagrams: readonly Buffer[];
}

export type Decision =
  | { readonly kind: 'accept'; readonly acceptance: Acceptance }
  /** Send this back, and forget it. */
  | { readonly kind: 'answer'; readonly packet: Uint8Array }
  /** Nothing to do yet, or ever. */
  | { readonly kind: 'none' };

interface Pending {
  readonly reader: ClientHelloReader;
  readonly datagrams: Buffer[];
  readonly atMs: number;
}

/** One for the process: an engine that is opened again with the same keys must know what it took. */
const register = new ReplayRegister({
  windowMs: REPLAY_WINDOW_MS,
  entriesMax: REPLAY_ENTRIES_MAX,
});

const NONE: Decision = { kind: 'none' };
const RETRY_PACKET_BYTES_MAX = 256;

/**
 * Decides what becomes of the first packets of a peer, before there is a connection: which
 * application it wants, whether it must show its address first (Retry), whether it may send early
 * data.
 *
 *   Initial --token missing, many handshakes--> Retry
 *      | \--ClientHello in several packets----> kept until it is whole
 *      v
 *   application by protocol, ticket key by name, early data only if never seen before
 */
export class Acceptor {
  readonly #native: Native;
  readonly #settings: QuicSettings;
  readonly #tickets: TicketOptions | undefined;
  readonly #listeners: Listener[];
  readonly #retryTokens = new RetryTokens();
  readonly #pending = new Map<string, Pending>();

  constructor(
    native: Native,
    main: Listener,
    settings: QuicSettings,
    tickets: TicketOptions | undefined,
  ) {
    this.#native = native;
    this.#settings = settings;
    this.#tickets = tickets;
    this.#listeners = [main];
  }

  /** Throws `QuicError` with code `bad-option` when another has one of its protocols. */
  addListener(listener: Listener): void {
    const { protocols } = listener;
    const taken = protocols.find((protocol) =>
      this.#listeners.some((other) => other.protocols.includes(protocol)),
    );
    if (taken !== undefined || protocols.length === 0) {
      const what = taken === undefined ? 'it names no protocol' : `'${taken}' is served already`;
      throw new QuicError('bad-option', `the application cannot be served: ${what}`);
    }
    this.#listeners.push(listener);
  }

  removeListener(listener: Listener): void {
    const index = this.#listeners.indexOf(listener);
    if (index >= 0) this.#listeners.splice(index, 1);
  }

  /** A datagram that `classifyPacket` called `initial`, for a connection id that nobody has. */
  decide(datagram: Buffer, remote: RemoteInfo, halfOpenCount: number): Decision {
    const header = readInitialHeader(datagram);
    if (header === undefined) return NONE;
    const address = `${remote.address} ${remote.port}`;
    const originalId = this.#originalId(header, address);
    if (originalId === undefined && this.#wantsRetry(halfOpenCount)) {
      return { kind: 'answer', packet: this.#retry(header, address) };
    }
    // After a Retry the peer uses the id that we chose in it (RFC 9000 7.3).
    const connectionId =
      originalId === undefined ? randomBytes(CONNECTION_ID_BYTES) : header.destination;
    const [main] = this.#listeners;
    if (main === undefined) return NONE;
    if (this.#listeners.length === 1 && this.#tickets === undefined) {
      const acceptance = { listener: main, isEarly: false, ticketKey: undefined };
      const ids = { connectionId, originalId, firstId: header.destination };
      return accept({ ...acceptance, ...ids, datagrams: [datagram] });
    }
    const key = `${header.destination.toString()} ${address}`;
    const read = this.#readHello(key, header, datagram);
    if (read === undefined) return NONE;
    const listener = this.#listenerFor(read.hello);
    const ticketKey = listener === main ? this.#ticketKeyFor(read.hello) : undefined;
    const isEarly = listener === main && this.#mayBeEarly(read.hello);
    const { datagrams } = read;
    const ids = { connectionId, originalId, firstId: header.destination };
    return accept({ listener, isEarly, ticketKey, ...ids, datagrams });
  }

  #originalId(header: InitialHeader, address: string): Uint8Array | undefined {
    if (header.token.length === 0) return undefined;
    return this.#retryTokens.open(header.token, address, header.destination, Date.now());
  }

  #wantsRetry(halfOpenCount: number): boolean {
    const { retry } = this.#settings;
    if (retry === 'auto') return halfOpenCount >= HALF_OPEN_CONNECTIONS_RETRY;
    return retry === 'always';
  }

  #retry(header: InitialHeader, address: string): Uint8Array {
    const packet = Buffer.alloc(RETRY_PACKET_BYTES_MAX);
    const { source, destination } = header;
    const newSource = randomBytes(CONNECTION_ID_BYTES);
    const token = this.#retryTokens.seal(address, newSource, destination, Date.now());
    const length = this.#native.retry(source, destination, newSource, token, VERSION_1, packet);
    return packet.subarray(0, length);
  }

  /** The ClientHello, once it is whole, and the datagrams that it came in. */
  #readHello(
    key: string,
    header: InitialHeader,
    datagram: Buffer,
  ): { readonly hello: ClientHello; readonly datagrams: readonly Buffer[] } | undefined {
    const nowMs = performance.now();
    const pending = this.#pending.get(key) ?? {
      reader: new ClientHelloReader(header.destination),
      datagrams: [],
      atMs: nowMs,
    };
    const hello = pending.reader.push(datagram);
    if (hello === 'invalid') {
      this.#pending.delete(key);
      return undefined;
    }
    pending.datagrams.push(datagram);
    if (hello !== 'incomplete') {
      this.#pending.delete(key);
      return { hello, datagrams: pending.datagrams };
    }
    this.#pending.set(key, pending);
    this.#expirePending(nowMs);
    return undefined;
  }

  /** The oldest go first, and those that have waited too long. */
  #expirePending(nowMs: number): void {
    for (const [key, { atMs }] of this.#pending) {
      if (this.#pending.size <= PENDING_HELLOS_MAX && nowMs - atMs <= PENDING_HELLO_MS_MAX) return;
      this.#pending.delete(key);
    }
  }

  /** Nobody else's is the main one's: TLS tells the peer that there is no such protocol. */
  #listenerFor(hello: ClientHello): Listener {
    const found = this.#listeners.find(({ protocols }) =>
      protocols.some((protocol) => hello.protocols.includes(protocol)),
    );
    return found ?? (this.#listeners[0] as Listener);
  }

  #ticketKeyFor(hello: ClientHello): Uint8Array | undefined {
    const keys = this.#tickets?.keys() ?? [];
    const name = hello.firstTicketKeyName;
    const named =
      name && keys.find((key) => Buffer.compare(key.subarray(0, name.length), name) === 0);
    return named ?? keys[0];
  }

  /** Without early data of its own, a handshake gives tickets that allow it the next time. */
  #mayBeEarly(hello: ClientHello): boolean {
    if (this.#tickets === undefined) return false;
    if (!hello.hasEarlyData) return true;
    const { keysUsedSince } = this.#tickets;
    const startedAt = performance.timeOrigin;
    const delayMs = earlyDataDelayMs({ keysUsedSince, startedAt, windowMs: REPLAY_WINDOW_MS });
    const nowMs = performance.now();
    return nowMs >= delayMs && register.isFresh(hello.random, nowMs);
  }
}

function accept(acceptance: Acceptance): Decision {
  return { kind: 'accept', acceptance };
}
