import { strict as assert } from 'node:assert';
import { formatHostPort } from '../identity/peer-address.js';
import type { Connection, ConnectionCloseInfo, ConnectionHandler } from '../quic/connection.js';
import type { Stream, StreamHandler } from '../quic/stream.js';
import { CLOSE_CODE } from './codes.js';
import type { ReceiveBudget } from './frame-reader.js';
import type { IncomingContext } from './incoming-context.js';
import {
  IncomingCall,
  IncomingNotification,
  runNotification,
  type IncomingOwner,
} from './incoming.js';
import {
  CALLS_WAITING_MAX,
  HANDLERS_RUNNING_MAX,
  SEND_BYTES_MAX,
  TIMEOUT_MS_MAX,
} from './limits.js';
import { OutgoingCall, type CallOwner } from './outgoing-call.js';
import {
  RpcError,
  type CallOptions,
  type CloseInfo,
  type Handler,
  type RpcConnection,
} from './rpc.js';
import {
  RESERVED_PREFIX,
  WELCOME_METHOD,
  encodeNotification,
  encodeRequest,
  type Notification,
} from './wire.js';

/** What the sessions of an endpoint share. */
export interface SessionOwner {
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly isClosing: boolean;
  onHandlerError(method: string, peerId: string, error: unknown): void;
}

/** What a session does for a notification's context: there is no caller who waits. */
const NOTIFICATION_TIMEOUT_MS = TIMEOUT_MS_MAX;

const SENDS_ONLY: StreamHandler = {
  onData() {
    // Nothing comes back on a stream of this side.
  },
  onReset() {
    // Likewise.
  },
  onStopped() {
    // A notification that the peer does not want is lost, as it may be.
  },
  onDrained() {
    // A notification is one write.
  },
  onConnectionClosed() {
    // At most once: lost with the connection.
  },
};

/** Calls and notifications in both directions over one connection. */
export class Session implements RpcConnection, ConnectionHandler, CallOwner, IncomingOwner {
  readonly peerId: string;
  readonly closed: Promise<CloseInfo>;
  readonly receiveBudget: ReceiveBudget = { usedBytes: 0 };
  readonly notificationContexts = new Set<IncomingContext>();
  /** Resolves when the peer has let this side in; never for a connection that is lost before. */
  readonly welcomed: Promise<void>;

  readonly #connection: Connection;
  readonly #owner: SessionOwner;
  readonly #calls = new Set<OutgoingCall>();
  readonly #waiting = new Set<OutgoingCall>();
  #waitingBytes = 0;
  #runningCount = 0;
  #idleWaiters: (() => void)[] = [];
  #isRetiring = false;
  #onWelcome!: () => void;

  constructor(owner: SessionOwner, connection: Connection, peerId: string) {
    this.#owner = owner;
    this.#connection = connection;
    this.peerId = peerId;
    this.welcomed = new Promise((resolve) => {
      this.#onWelcome = resolve;
    });
    this.closed = connection.closed.then((info) => this.#onClosed(info));
    connection.setHandler(this);
  }

  get connection(): RpcConnection {
    return this;
  }

  get remoteHost(): string {
    return this.#connection.remoteHost;
  }

  get remotePort(): number {
    return this.#connection.remotePort;
  }

  get isOpen(): boolean {
    return this.#connection.isOpen && !this.#isRetiring;
  }

  get isSendFull(): boolean {
    return this.#connection.queuedBytes > SEND_BYTES_MAX;
  }

  call(method: string, payload: unknown, options: CallOptions): Promise<unknown> {
    const { timeoutMs } = options;
    assert(
      timeoutMs > 0 && timeoutMs <= TIMEOUT_MS_MAX,
      `the timeout of a call must be more than 0 and at most ${TIMEOUT_MS_MAX} ms`,
    );
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted === true) {
        const cause: unknown = options.signal.reason;
        throw new RpcError('cancelled', `'${method}' was cancelled before it was sent`, { cause });
      }
      if (!this.isOpen) {
        throw new RpcError('unavailable', `the connection to ${this.#describePeer()} is closed`);
      }
      const frame = encodeRequest({ method, timeoutMs, payload });
      this.#checkRoom(frame.length);
      const call = new OutgoingCall(this, { method, frame, options }, resolve, reject);
      this.#calls.add(call);
      if (this.#waiting.size > 0 || !this.#begin(call)) {
        this.#waiting.add(call);
        this.#waitingBytes += frame.length;
      }
    });
  }

  notify(method: string, payload: unknown): boolean {
    if (!this.isOpen || this.isSendFull) return false;
    let frame: Uint8Array;
    try {
      frame = encodeNotification({ method, payload });
    } catch {
      return false;
    }
    const stream = this.#connection.openUnidirectional(SENDS_ONLY);
    stream?.write(frame, true);
    this.#retireIfWorn();
    return stream !== undefined;
  }

  async close(code: number = CLOSE_CODE.normal, reason = ''): Promise<void> {
    const error = new RpcError(
      'unavailable',
      `the connection to ${this.#describePeer()} is closed`,
    );
    this.#failCalls(error);
    await this.#connection.close(code, reason);
  }

  /** Tells the peer that it is let in. */
  welcome(): void {
    this.notify(WELCOME_METHOD, null);
  }

  /** Resolves when no handler runs. */
  idle(): Promise<void> {
    if (this.#runningCount === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  onStream(stream: Stream): StreamHandler {
    return stream.isUnidirectional
      ? new IncomingNotification(this, stream)
      : new IncomingCall(this, stream);
  }

  onStreamsAvailable(): void {
    for (const call of this.#waiting) {
      if (!this.#begin(call)) return;
      this.#leaveQueue(call);
    }
  }

  onCallOver(call: OutgoingCall): void {
    this.#calls.delete(call);
    this.#leaveQueue(call);
    this.#retireIfWorn();
  }

  onNotification(notification: Notification): void {
    if (notification.method === WELCOME_METHOD) this.#onWelcome();
    else runNotification(this, notification, NOTIFICATION_TIMEOUT_MS);
  }

  takeHandler(method: string): Handler | RpcError {
    if (this.#owner.isClosing) return new RpcError('unavailable', 'the peer is shutting down');
    const handler = this.#owner.handlers.get(method);
    if (handler === undefined || method.startsWith(RESERVED_PREFIX)) {
      return new RpcError('unknown-method', `the peer has no method '${method}'`);
    }
    if (this.#runningCount >= HANDLERS_RUNNING_MAX) {
      const text = `${HANDLERS_RUNNING_MAX} handlers run for this connection already`;
      return new RpcError('overloaded', text);
    }
    this.#runningCount += 1;
    return handler;
  }

  releaseHandler(): void {
    this.#runningCount -= 1;
    assert(this.#runningCount >= 0, 'a handler ends once');
    if (this.#runningCount > 0) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
    if (this.#isRetiring) this.#retire();
  }

  reportHandlerError(method: string, error: unknown): void {
    this.#owner.onHandlerError(method, this.peerId, error);
  }

  #describeLoss(info: ConnectionCloseInfo): string {
    const by = info.local ? 'closed by this side' : 'lost';
    const why = info.reason === '' ? '' : `: ${info.reason}`;
    return `the connection to ${this.#describePeer()} was ${by}${why}`;
  }

  #describePeer(): string {
    const host = this.#connection.remoteHost;
    return formatHostPort({ host, port: this.#connection.remotePort });
  }

  #checkRoom(bytes: number): void {
    if (this.#waiting.size >= CALLS_WAITING_MAX) {
      throw new RpcError('overloaded', `${CALLS_WAITING_MAX} calls to this peer wait already`);
    }
    if (this.#waitingBytes + this.#connection.queuedBytes + bytes > SEND_BYTES_MAX) {
      throw new RpcError('overloaded', `${SEND_BYTES_MAX} bytes to this peer wait already`);
    }
  }

  #begin(call: OutgoingCall): boolean {
    const stream = this.#connection.openBidirectional(call);
    if (stream === undefined) return false;
    call.begin(stream);
    return true;
  }

  #leaveQueue(call: OutgoingCall): void {
    if (this.#waiting.delete(call)) this.#waitingBytes -= call.frame.length;
  }

  #retireIfWorn(): void {
    if (this.#connection.isWorn && !this.#connection.isServer) this.#retire();
  }

  /** Takes no more calls, and closes when those that run have their answers. */
  #retire(): void {
    this.#isRetiring = true;
    if (this.#calls.size === 0 && this.#runningCount === 0) {
      void this.#connection.close(CLOSE_CODE.worn, 'replaced by a fresh connection');
    }
  }

  #failCalls(error: RpcError): void {
    for (const call of this.#calls) call.fail(error);
  }

  #onClosed(info: ConnectionCloseInfo): CloseInfo {
    const error = new RpcError('unavailable', this.#describeLoss(info));
    this.#failCalls(error);
    for (const context of this.notificationContexts) context.abort(error);
    return { code: info.code, reason: info.reason, local: info.local };
  }
}
