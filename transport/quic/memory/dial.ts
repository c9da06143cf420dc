import { strict as assert } from 'node:assert';
import type { Connection, ConnectionCloseInfo } from '../connection.js';
import type { ConnectOptions } from '../engine.js';
import { QuicError } from '../quic-error.js';
import type { Credentials } from './credentials.js';
import type { Frame, Hello, Welcome } from './frame.js';
import { HANDSHAKE_FAILURE } from './alerts.js';
import type { Handshake, MemoryConnection } from './memory-connection.js';
import { decodeSession, encodeSession, type Session } from './session.js';

/** Error code of a dial that its own side gave up; no peer acts on it. */
const ABANDONED_CODE = 0;

export interface DialOptions {
  readonly connect: ConnectOptions;
  readonly credentials: Credentials;
  readonly hello: Omit<Hello, 'kind' | 'ticket' | 'isEarly'>;
  /** The connection is over, open or not. */
  readonly onOver: (connection: MemoryConnection) => void;
}

/** The dialling side of a handshake. */
export class Dial implements Handshake {
  readonly #options: DialOptions;
  readonly #where: string;
  readonly #session: Session | undefined;
  #welcome: Welcome | undefined;
  #refusal: string | undefined;
  #resolve!: (connection: Connection) => void;
  #reject!: (error: QuicError) => void;

  constructor(options: DialOptions) {
    this.#options = options;
    const { host, port, session } = options.connect;
    this.#where = `${host}:${port}`;
    const known = session === undefined ? undefined : decodeSession(session);
    // A session of another protocol would promise what this side does not speak.
    if (known !== undefined && options.hello.protocols.includes(known.protocol)) {
      this.#session = known;
    }
  }

  /** Resolves when the handshake is over, within `leftMs`. */
  async run(connection: MemoryConnection, leftMs: number): Promise<Connection> {
    const { connect, hello } = this.#options;
    const { signal, timeoutMs } = connect;
    const outcome = new Promise<Connection>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const giveUp = (error: QuicError): void => {
      this.#reject(error);
      connection.shut('application', ABANDONED_CODE, '');
    };
    const timer = setTimeout(
      () => giveUp(new QuicError('timeout', `no answer from ${this.#where} in ${timeoutMs} ms`)),
      Math.max(leftMs, 0),
    );
    const onAbort = (): void => {
      giveUp(new QuicError('cancelled', `connecting to ${this.#where} was cancelled`));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    connection.guard(() => {
      const isEarly = this.#mayBeEarly();
      connection.send({ kind: 'hello', ...hello, ticket: this.#session?.ticket, isEarly });
      if (!isEarly) return;
      connection.open(this.#session!.limits);
      connect.onOpen(connection);
    });
    try {
      return await outcome;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  onHandshakeFrame(connection: MemoryConnection, frame: Frame): void {
    if (frame.kind === 'welcome') this.#onWelcome(connection, frame);
    else if (frame.kind === 'ticket') this.#onTicket(connection, frame.ticket);
    else assert.fail(`the side that is dialled sends no ${frame.kind}`);
  }

  onOver(connection: MemoryConnection, info: ConnectionCloseInfo): void {
    this.#options.onOver(connection);
    const reason = connection.failure ?? info.reason;
    if (this.#refusal !== undefined) {
      this.#reject(new QuicError('unauthenticated', this.#refusal));
      return;
    }
    const code = info.kind === 'transport' ? 'handshake-failed' : 'closed';
    this.#reject(
      new QuicError(
        info.kind === 'idle' ? 'timeout' : code,
        `the connection to ${this.#where} failed: ${reason}`,
      ),
    );
  }

  /** Nothing is sent early to a peer that was accepted once and is not any more. */
  #mayBeEarly(): boolean {
    const { isEarly, authenticate } = this.#options.connect;
    return (
      isEarly === true &&
      this.#session !== undefined &&
      authenticate(this.#session.certificate).isAccepted
    );
  }

  #onWelcome(connection: MemoryConnection, welcome: Welcome): void {
    const { credentials, connect } = this.#options;
    if (welcome.asksCertificate && !welcome.signatureAlgorithms.includes(credentials.signature)) {
      connection.shut('transport', HANDSHAKE_FAILURE.code, HANDSHAKE_FAILURE.reason);
      return;
    }
    this.#welcome = welcome;
    // The end of the handshake goes out first: without it the peer could not read why it is refused.
    const certificate = welcome.asksCertificate ? credentials.certificate : undefined;
    connection.send({ kind: 'finished', certificate });
    const verdict = connect.authenticate(welcome.certificate);
    if (!verdict.isAccepted) {
      this.#refusal = verdict.reason;
      connection.shut('application', verdict.code, verdict.reason);
      return;
    }
    connection.peerCertificate = welcome.certificate;
    connection.protocol = welcome.protocol;
    connection.isResumed = welcome.isResumed;
    const isOpenAlready = !connection.isHandshaking;
    if (isOpenAlready) connection.learn(welcome.limits);
    else connection.open(welcome.limits);
    connection.finishHandshake(welcome.isEarlyTaken);
    if (!isOpenAlready) connect.onOpen(connection);
    if (!connection.isOver) this.#resolve(connection);
  }

  #onTicket(connection: MemoryConnection, ticket: Uint8Array): void {
    const welcome = this.#welcome;
    assert(welcome !== undefined, 'a ticket follows the handshake');
    const { limits } = welcome;
    const { peerCertificate: certificate, protocol } = connection;
    this.#options.connect.onSession?.(encodeSession({ ticket, certificate, protocol, limits }));
  }
}
