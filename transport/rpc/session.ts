import { strict as assert } from 'node:assert';
import { formatHostPort } from '../identity/peer-address.js';
import type {
  Connection,
  ConnectionCloseInfo,
  ConnectionHandler,
  LocalAddress,
} from '../quic/connection.js';
import type { Stream, StreamHandler } from '../quic/stream.js';
import { CallQueue } from './call-queue.js';
import { Calls, type CallOpener } from './calls.js';
import { CLOSE_CODE } from './codes.js';
import type { Dispatch } from './dispatch.js';
import type { ReceiveBudget } from './frame-reader.js';
import { HeadDeadlines } from './head-deadlines.js';
import { OWN_HELLO, encodeHello, readHello } from './hello.js';
import { IncomingCall } from './incoming.js';
import { IncomingExchange } from './incoming-exchange.js';
import type { Interceptor } from './interceptors.js';
import { HELLO_BYTES_MAX, MESSAGE_BYTES_MAX, SEND_BYTES_MAX } from './limits.js';
import { Notifications } from './notifications.js';
import { IncomingOneWay, SENDS_ONLY } from './one-way.js';
import {
  IncomingFrames,
  ORDERED_NOTIFICATIONS,
  OrderedNotifications,
} from './ordered-notifications.js';
import type { Outgoing } from './outgoing.js';
import { OutgoingCall, type OutgoingCallOwner, type UnaryRequest } from './outgoing-call.js';
import { OutgoingStream, noStreams, type StreamRequest } from './outgoing-stream.js';
import {
  RpcError,
  type CallOptions,
  type CloseInfo,
  type MessageSource,
  type NotifyOptions,
  type PeerConnection,
  type PeerConnectionStats,
} from './rpc.js';
import type { IncomingOwner } from './unary-run.js';
import {
  PROTOCOL,
  WELCOME_METHOD,
  decodeNotification,
  encodeNotification,
  type Notification,
} from './wire.js';
import { encodeNotification2, type Frame } from './wire2.js';

/** What the sessions of an endpoint share. */
export interface SessionOwner {
  readonly dispatch: Dispatch;
  readonly interceptors: readonly Interceptor[];
  /** The head of a call must be whole by then. */
  readonly headTimeoutMs: number;
  onDatagram(session: PeerConnection, bytes: Uint8Array): void;
}

/** Calls and notifications in both directions over one connection. */
export class Session
  implements PeerConnection, ConnectionHandler, CallOpener, OutgoingCallOwner, IncomingOwner
{
  readonly peerId: string;
  readonly closed: Promise<CloseInfo>;
  readonly receiveBudget: ReceiveBudget = { usedBytes: 0 };
  /** Resolves when the peer has let this side in; never for a connection that is lost before. */
  readonly welcomed: Promise<void>;
  readonly dispatch: Dispatch;
  peerMessageBytesMax = MESSAGE_BYTES_MAX;
  admitted: Promise<void> = Promise.resolve();

  readonly #connection: Connection;
  readonly #owner: SessionOwner;
  readonly #heads: HeadDeadlines;
  readonly #notifications: Notifications;
  readonly #ordered: OrderedNotifications;
  readonly #calls: Calls;
  readonly #open = new Set<Outgoing>();
  readonly #queue = new CallQueue();
  #version: 1 | 2;
  #isAdmitted = true;
  #isFirstFlight = false;
  #hasHello = false;
  #hasBegunAgain = new WeakSet<Outgoing>();
  #runningCount = 0;
  #idleWaiters: (() => void)[] = [];
  #roomWaiters: (() => void)[] = [];
  #isRetiring = false;
  #onWelcome!: () => void;

  constructor(owner: SessionOwner, connection: Connection, peerId: string) {
    this.#owner = owner;
    this.dispatch = owner.dispatch;
    this.#connection = connection;
    this.#ordered = new OrderedNotifications(connection);
    this.peerId = peerId;
    this.#version = connection.protocol === PROTOCOL ? 1 : 2;
    this.#calls = new Calls(this, owner.interceptors);
    this.#heads = new HeadDeadlines(owner.headTimeoutMs);
    this.#notifications = new Notifications(this);
    this.welcomed = new Promise((resolve) => {
      this.#onWelcome = resolve;
    });
    this.closed = connection.closed.then((info) => this.#onClosed(info));
    connection.setHandler(this);
  }

  get connection(): PeerConnection {
    return this;
  }

  get remoteHost(): string {
    return this.#connection.remoteHost;
  }

  get remotePort(): number {
    return this.#connection.remotePort;
  }

  get version(): 1 | 2 {
    return this.#version;
  }

  get isEarly(): boolean {
    return !this.#isAdmitted;
  }

  get isOpen(): boolean {
    return this.#connection.isOpen && !this.#isRetiring;
  }

  get isSendFull(): boolean {
    return this.#connection.queuedBytes > SEND_BYTES_MAX;
  }

  get datagramBytesMax(): number {
    return this.#connection.datagramBytesMax;
  }

  call(method: string, payload: unknown, options: CallOptions): Promise<unknown> {
    return this.#calls.call(method, payload, options);
  }

  serverStream(
    method: string,
    payload: unknown,
    options: CallOptions,
  ): AsyncIterableIterator<unknown> {
    return this.#calls.serverStream(method, payload, options);
  }

  clientStream(method: string, messages: MessageSource, options: CallOptions): Promise<unknown> {
    return this.#calls.clientStream(method, messages, options);
  }

  duplex(
    method: string,
    messages: MessageSource,
    options: CallOptions,
  ): AsyncIterableIterator<unknown> {
    return this.#calls.duplex(method, messages, options);
  }

  notify(method: string, payload: unknown, options: NotifyOptions = {}): boolean {
    if (!this.isOpen || !this.#isAdmitted || this.isSendFull) return false;
    const encode = this.#version === 1 ? encodeNotification : encodeNotification2;
    let frame: Uint8Array;
    try {
      frame = encode({ method, payload });
    } catch {
      return false;
    }
    const isSent = options.inOrder === true ? this.#ordered.send(frame) : this.#sendOneWay(frame);
    this.#retireIfWorn();
    return isSent;
  }

  sendDatagram(bytes: Uint8Array): boolean {
    return this.isOpen && this.#isAdmitted && this.#connection.sendDatagram(bytes);
  }

  stats(): PeerConnectionStats {
    return {
      ...this.#connection.stats(),
      callsOpen: this.#open.size,
      callsWaiting: this.#queue.size,
      handlersRunning: this.#runningCount,
    };
  }

  migrate(local: LocalAddress): Promise<void> {
    return this.#connection.migrate(local);
  }

  async close(code: number = CLOSE_CODE.normal, reason = ''): Promise<void> {
    const text = `the connection to ${this.#describePeer()} is closed`;
    this.failCalls(new RpcError('unavailable', text));
    this.#ordered.end();
    await this.#connection.close(code, reason);
  }

  /** Says hello; to a peer that dialled, in version 1, that it is let in. */
  greet(): void {
    if (this.#version === 2) this.#sendOneWay(encodeHello(OWN_HELLO));
    else if (this.#connection.isServer) {
      this.#sendOneWay(encodeNotification({ method: WELCOME_METHOD, payload: null }));
    }
  }

  /**
   * The peer has not proven itself, or not let this side in: only calls that may run twice go out.
   * `admitted` settles when that is over; `admit` must be called when it has resolved.
   */
  holdUntil(admitted: Promise<void>): void {
    this.#isAdmitted = false;
    this.#isFirstFlight = true;
    this.admitted = admitted;
    admitted.catch(() => undefined);
  }

  /**
   * When the handshake of an early connection is over: a peer that did not resume has not read the
   * first flight, and one that went back to version 1 has not understood it. What rode in it may be
   * sent twice, and is, as soon as the peer lets this side in.
   */
  onEstablished(): void {
    if (!this.#isFirstFlight || this.#connection.isEarly) return;
    this.#isFirstFlight = false;
    if (this.#connection.protocol === PROTOCOL) this.#version = 1;
    else if (this.#connection.isResumed) return;
    // A copy: each that begins again is another one.
    const begun = Array.from(this.#open);
    for (const call of begun) {
      if (call instanceof OutgoingCall) this.#beginOnceMore(call);
      else if (this.#version === 1) call.fail(noStreams(call.method));
    }
  }

  admit(): void {
    this.#isAdmitted = true;
    this.onStreamsAvailable();
  }

  /** Resolves when no handler runs. */
  idle(): Promise<void> {
    if (this.#runningCount === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  failCalls(error: RpcError): void {
    for (const call of this.#open) call.fail(error);
  }

  openUnary(request: UnaryRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#checkOpen(request.method, request.options);
      this.#enter(() => new OutgoingCall(this, this.#version, request, resolve, reject));
    });
  }

  openStream(request: StreamRequest): OutgoingStream {
    this.#checkOpen(request.method, request.options);
    if (this.#version === 1) throw noStreams(request.method);
    return this.#enter(() => new OutgoingStream(this, request));
  }

  onStream(stream: Stream): StreamHandler {
    // The welcome may come in the packet that ends the handshake.
    if (!this.#isAdmitted) this.onEstablished();
    if (this.#version === 1) {
      return stream.isUnidirectional
        ? new IncomingOneWay(stream, this.receiveBudget, (message, isEarly) =>
            this.#onNotification(decodeNotification(message), message.length, isEarly),
          )
        : new IncomingCall(this, stream, this.receiveBudget);
    }
    return stream.isUnidirectional
      ? new IncomingFrames(this, stream)
      : new IncomingExchange(this, this.#heads, stream, this.receiveBudget);
  }

  onStreamsAvailable(): void {
    this.#queue.drain(!this.#isAdmitted, (call) => this.#begin(call));
  }

  onFrame(frame: Frame, bytes: number, isEarly: boolean): void {
    if (frame.type === 'notification') this.#onNotification(frame, bytes, isEarly);
    else if (frame.type === 'hello') this.#onHello(frame.members, bytes);
  }

  onViolation(reason: string): void {
    void this.#connection.close(CLOSE_CODE.protocolViolation, reason);
  }

  onDatagram(bytes: Uint8Array): void {
    this.#owner.onDatagram(this, bytes);
  }

  onCallOver(call: Outgoing): void {
    this.#open.delete(call);
    this.#queue.remove(call);
    this.onSendRoom();
    this.#retireIfWorn();
  }

  beginAgain(call: OutgoingCall): boolean {
    if (this.#hasBegunAgain.has(call)) return false;
    return this.#beginOnceMore(call);
  }

  onHandlerBegin(): void {
    this.#runningCount += 1;
  }

  onHandlerEnd(): void {
    this.#runningCount -= 1;
    assert(this.#runningCount >= 0, 'a handler ends once');
    this.onSendRoom();
    if (this.#runningCount > 0) return;
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
    if (this.#isRetiring) this.#retire();
  }

  awaitSendRoom(resume: () => void): void {
    this.#roomWaiters.push(resume);
  }

  onSendRoom(): void {
    if (this.#roomWaiters.length === 0 || this.isSendFull) return;
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const resume of waiters) resume();
  }

  #enter<Call extends Outgoing>(make: () => Call): Call {
    this.#queue.checkRoom(0, this.#connection.queuedBytes);
    const call = make();
    this.#open.add(call);
    try {
      this.#queue.checkRoom(call.waitingBytes, this.#connection.queuedBytes);
    } catch (error) {
      call.fail(error as RpcError);
      return call;
    }
    this.#beginOrWait(call);
    return call;
  }

  #beginOrWait(call: Outgoing): void {
    const mayBegin = this.#isAdmitted ? this.#queue.size === 0 : call.isIdempotent;
    if (!mayBegin || !this.#begin(call)) this.#queue.add(call);
  }

  #beginOnceMore(call: OutgoingCall): boolean {
    const again = call.again(this.#version);
    if (again === undefined) return false;
    this.#hasBegunAgain.add(again);
    this.#open.add(again);
    if (this.#isAdmitted) this.#beginOrWait(again);
    else this.#queue.add(again);
    return true;
  }

  #begin(call: Outgoing): boolean {
    // What the peer would only take for a replay again waits with the others.
    if (!this.#isAdmitted && this.#hasBegunAgain.has(call)) return false;
    const stream = this.#connection.openBidirectional(call);
    if (stream === undefined) return false;
    call.begin(stream);
    return true;
  }

  #checkOpen(method: string, options: CallOptions): void {
    if (options.signal?.aborted === true) {
      const cause: unknown = options.signal.reason;
      throw new RpcError('cancelled', `'${method}' was cancelled before it was sent`, { cause });
    }
    if (!this.isOpen) {
      throw new RpcError('unavailable', `the connection to ${this.#describePeer()} is closed`);
    }
  }

  #sendOneWay(frame: Uint8Array): boolean {
    const stream = this.#connection.openUnidirectional(SENDS_ONLY);
    stream?.write(frame, true);
    return stream !== undefined;
  }

  #onHello(members: Readonly<Record<string, unknown>>, bytes: number): void {
    try {
      if (bytes > HELLO_BYTES_MAX) throw new RpcError('malformed', 'the hello is too long');
      if (this.#hasHello) throw new RpcError('malformed', 'the peer said hello twice');
      this.#hasHello = true;
      const { features, limits } = readHello(members);
      this.peerMessageBytesMax = limits.messageBytes;
      this.#ordered.isUnderstood = features.includes(ORDERED_NOTIFICATIONS);
    } catch (error) {
      const reason = error instanceof RpcError ? error.message : 'the hello cannot be read';
      this.onViolation(reason);
      return;
    }
    this.#onWelcome();
  }

  #onNotification(notification: Notification, bytes: number, isEarly: boolean): void {
    if (this.#version === 1 && notification.method === WELCOME_METHOD) this.#onWelcome();
    else this.#notifications.run(notification, bytes, isEarly);
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

  #retireIfWorn(): void {
    if (this.#connection.isWorn && !this.#connection.isServer) this.#retire();
  }

  /** Takes no more calls, and closes when those that run have their answers. */
  #retire(): void {
    this.#isRetiring = true;
    this.#ordered.end();
    if (this.#open.size === 0 && this.#runningCount === 0) {
      void this.#connection.close(CLOSE_CODE.worn, 'replaced by a fresh connection');
    }
  }

  #onClosed(info: ConnectionCloseInfo): CloseInfo {
    const error = new RpcError('unavailable', this.#describeLoss(info));
    this.#heads.stop();
    // Whoever waits to be let in is told what `connect` would have said.
    if (this.#isAdmitted) this.failCalls(error);
    else this.admitted.catch((why: unknown) => this.failCalls(why as RpcError));
    this.#notifications.abort(error);
    return { code: info.code, reason: info.reason, local: info.local };
  }
}
