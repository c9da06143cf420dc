import { strict as assert } from 'node:assert';
import type { Connection, ConnectionCloseInfo } from '../connection.js';
import type { Authenticate, SignatureAlgorithm } from '../engine.js';
import { HANDSHAKE_MS_MAX } from '../limits.js';
import { CERTIFICATE_REQUIRED, HANDSHAKE_FAILURE, NO_APPLICATION_PROTOCOL } from './alerts.js';
import type { Credentials } from './credentials.js';
import type { Frame, Hello, PeerLimits } from './frame.js';
import type { Handshake, MemoryConnection } from './memory-connection.js';
import type { TicketContent, Tickets } from './tickets.js';

/** What is offered to those who dial, by the engine itself or by an application on its port. */
export interface Offer {
  /** The one that is liked best first. */
  readonly protocols: readonly string[];
  readonly credentials: Credentials;
  readonly signatureAlgorithms: readonly SignatureAlgorithm[];
  readonly limits: PeerLimits;
  /** Undefined when no certificate is asked. */
  readonly authenticate: Authenticate | undefined;
  readonly tickets: Tickets | undefined;
  readonly onConnection: (connection: Connection) => void;
}

export interface AnswerOptions {
  readonly offer: Offer | undefined;
  /** The connection has come open. */
  readonly onOpen: () => void;
  /** It is over. `isRefused` when it never was open. */
  readonly onOver: (connection: MemoryConnection, isRefused: boolean, reason: string) => void;
}

/**
 * The dialled side of a handshake. Without early data the connection opens with the last word of
 * the peer, with it at once.
 */
export class Answer implements Handshake {
  readonly #options: AnswerOptions;
  #protocol = '';
  #ticket: TicketContent | undefined;
  #limits: PeerLimits | undefined;
  #isOpen = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AnswerOptions) {
    this.#options = options;
  }

  onHandshakeFrame(connection: MemoryConnection, frame: Frame): void {
    if (frame.kind === 'hello') this.#onHello(connection, frame);
    else if (frame.kind === 'finished') this.#onFinished(connection, frame.certificate);
    else assert.fail(`the side that dials sends no ${frame.kind}`);
  }

  onOver(connection: MemoryConnection, info: ConnectionCloseInfo): void {
    clearTimeout(this.#timer);
    this.#options.onOver(connection, !this.#isOpen, connection.failure ?? info.reason);
  }

  #onHello(connection: MemoryConnection, hello: Hello): void {
    const { offer } = this.#options;
    const protocol = hello.protocols.find((each) => offer?.protocols.includes(each) === true);
    if (offer === undefined || protocol === undefined) {
      connection.shut('transport', NO_APPLICATION_PROTOCOL.code, NO_APPLICATION_PROTOCOL.reason);
      return;
    }
    if (!hello.signatureAlgorithms.includes(offer.credentials.signature)) {
      connection.shut('transport', HANDSHAKE_FAILURE.code, HANDSHAKE_FAILURE.reason);
      return;
    }
    this.#protocol = protocol;
    const now = Date.now();
    const { ticket, isEarly } = hello;
    const content = ticket === undefined ? undefined : offer.tickets?.open(ticket, now);
    if (content?.protocol === protocol) this.#ticket = content;
    const isEarlyTaken =
      isEarly &&
      ticket !== undefined &&
      this.#ticket !== undefined &&
      offer.tickets?.takeEarly(ticket, this.#ticket, now) === true;
    connection.send({
      kind: 'welcome',
      protocol,
      certificate: offer.credentials.certificate,
      asksCertificate: offer.authenticate !== undefined,
      signatureAlgorithms: offer.signatureAlgorithms,
      limits: offer.limits,
      isResumed: this.#ticket !== undefined,
      isEarlyTaken,
    });
    connection.isResumed = this.#ticket !== undefined;
    this.#timer = setTimeout(
      () => connection.shut('transport', 0, 'the handshake took too long'),
      HANDSHAKE_MS_MAX,
    );
    this.#limits = hello.limits;
    if (isEarlyTaken) this.#open(connection, this.#ticketCertificate());
  }

  #onFinished(connection: MemoryConnection, shown: Uint8Array | undefined): void {
    clearTimeout(this.#timer);
    // RFC 8446 2.2: who resumes is whom the ticket was made for.
    const certificate = this.#ticketCertificate() ?? shown;
    if (!this.#isOpen && !this.#open(connection, certificate)) return;
    if (connection.isOver) return;
    connection.finishHandshake(true);
    this.#sendTicket(connection);
  }

  /** Judges the peer, and hands the connection over. */
  #open(connection: MemoryConnection, certificate: Uint8Array | undefined): boolean {
    const offer = this.#options.offer!;
    if (offer.authenticate !== undefined) {
      if (!connection.judge(offer.authenticate, certificate)) return false;
      if (certificate === undefined) {
        connection.shut('transport', CERTIFICATE_REQUIRED.code, CERTIFICATE_REQUIRED.reason);
        return false;
      }
    }
    this.#isOpen = true;
    connection.protocol = this.#protocol;
    connection.open(this.#limits!);
    this.#options.onOpen();
    offer.onConnection(connection);
    return true;
  }

  #ticketCertificate(): Uint8Array | undefined {
    if (this.#ticket === undefined) return undefined;
    return new Uint8Array(Buffer.from(this.#ticket.certificate, 'base64'));
  }

  #sendTicket(connection: MemoryConnection): void {
    const ticket = this.#options.offer?.tickets?.seal({
      certificate: Buffer.from(connection.peerCertificate).toString('base64'),
      protocol: this.#protocol,
      issuedAtMs: Date.now(),
    });
    if (ticket !== undefined) connection.send({ kind: 'ticket', ticket });
  }
}
