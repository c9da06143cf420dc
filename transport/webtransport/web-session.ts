import { DatagramStreams } from './datagram-streams.js';
import {
  CLOSE_REASON_BYTES_MAX,
  CODE_MAX,
  INCOMING_STREAMS_BUSY,
  INCOMING_STREAMS_MAX,
  OPENING_STREAMS_MAX,
} from './limits.js';
import type { Link, LinkEvents, LinkStream, LinkStreamHandler } from './link.js';
import type { BidirectionalStream, CloseInfo, Session } from './session.js';
import { SessionError } from './session-error.js';
import { WebStreams } from './web-streams.js';

/** Code with which a stream is refused that nobody would have room for. */
const REFUSED_CODE = 0;

interface Opening {
  readonly isUnidirectional: boolean;
  readonly resolve: (streams: WebStreams) => void;
  readonly reject: (error: SessionError) => void;
}

/**
 * A session on a link: gives what the link says the shape of web streams.
 *
 *   connecting --begin--> open --close(), closed by the peer, lost--> over
 *        +--------- onClosed (refused) ---------------------------------^
 */
export class WebSession implements Session, LinkEvents {
  readonly ready: Promise<void>;
  readonly closed: Promise<CloseInfo>;
  readonly draining: Promise<void>;
  readonly datagrams: DatagramStreams;
  readonly incomingBidirectionalStreams: ReadableStream<BidirectionalStream>;
  readonly incomingUnidirectionalStreams: ReadableStream<ReadableStream<Uint8Array>>;

  #link: Link | undefined;
  #state: 'connecting' | 'open' | 'over' = 'connecting';
  #resolveDraining!: () => void;
  #resolveReady!: () => void;
  #rejectReady!: (error: SessionError) => void;
  #resolveClosed!: (info: CloseInfo) => void;
  #rejectClosed!: (error: SessionError) => void;
  readonly #bidirectional: Incoming<BidirectionalStream>;
  readonly #unidirectional: Incoming<ReadableStream<Uint8Array>>;
  #opening: Opening[] = [];

  constructor() {
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.closed = new Promise((resolve, reject) => {
      this.#resolveClosed = resolve;
      this.#rejectClosed = reject;
    });
    this.draining = new Promise((resolve) => {
      this.#resolveDraining = resolve;
    });
    // Nobody has to wait for them.
    this.ready.catch(() => undefined);
    this.closed.catch(() => undefined);
    this.datagrams = new DatagramStreams(() => (this.#state === 'open' ? this.#link : undefined));
    const onTaken = (): void => this.#link?.onStreamTaken();
    this.#bidirectional = new Incoming<BidirectionalStream>(onTaken);
    this.#unidirectional = new Incoming<ReadableStream<Uint8Array>>(onTaken);
    this.incomingBidirectionalStreams = this.#bidirectional.readable;
    this.incomingUnidirectionalStreams = this.#unidirectional.readable;
  }

  /** Enough streams wait to be taken: the link should hand over no more now. */
  get isBusy(): boolean {
    return this.#bidirectional.isBusy || this.#unidirectional.isBusy;
  }

  /** The link can be used from now on. */
  begin(link: Link): void {
    if (this.#state !== 'connecting') return;
    this.#link = link;
    this.#state = 'open';
    this.#resolveReady();
    this.#open();
  }

  async createBidirectionalStream(): Promise<BidirectionalStream> {
    const { readable, writable } = await this.#create(false);
    return { readable, writable };
  }

  async createUnidirectionalStream(): Promise<WritableStream<Uint8Array>> {
    const { writable } = await this.#create(true);
    return writable;
  }

  close(info: Partial<CloseInfo> = {}): void {
    const { closeCode = 0, reason = '' } = info;
    if (!Number.isInteger(closeCode) || closeCode < 0 || closeCode > CODE_MAX) {
      throw new SessionError('bad-argument', `closeCode is ${closeCode}; it has 32 bits`);
    }
    if (this.#state === 'over') return;
    const full = { closeCode, reason: shortened(reason) };
    const link = this.#link;
    this.onClosed(full);
    link?.close(full);
  }

  onStream(stream: LinkStream, isUnidirectional: boolean): LinkStreamHandler {
    const streams = new WebStreams().attach(stream);
    const { readable, writable } = streams;
    const isTaken = isUnidirectional
      ? this.#unidirectional.push(readable)
      : this.#bidirectional.push({ readable, writable });
    if (!isTaken) {
      stream.stop(REFUSED_CODE);
      if (!isUnidirectional) stream.reset(REFUSED_CODE);
    }
    return streams;
  }

  onStreamsAvailable(): void {
    this.#open();
  }

  onDraining(): void {
    this.#resolveDraining();
  }

  onDatagram(bytes: Uint8Array): void {
    this.datagrams.push(bytes);
  }

  onClosed(reason: CloseInfo | SessionError): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    const error = reason instanceof SessionError ? reason : undefined;
    const shown = error ?? new SessionError('session-closed', 'the session was closed');
    this.#rejectReady(shown);
    if (reason instanceof SessionError) this.#rejectClosed(reason);
    else this.#resolveClosed(reason);
    this.datagrams.end(error, shown);
    this.#bidirectional.end(error);
    this.#unidirectional.end(error);
    for (const opening of this.#opening.splice(0)) opening.reject(shown);
  }

  #create(isUnidirectional: boolean): Promise<WebStreams> {
    return new Promise((resolve, reject) => {
      if (this.#state === 'over') {
        reject(new SessionError('session-closed', 'the session is closed'));
        return;
      }
      if (this.#opening.length >= OPENING_STREAMS_MAX) {
        reject(
          new SessionError('limit', `${OPENING_STREAMS_MAX} streams wait for the peer already`),
        );
        return;
      }
      this.#opening.push({ isUnidirectional, resolve, reject });
      this.#open();
    });
  }

  /** Opens what waits, as far as the peer allows; each type in order. */
  #open(): void {
    const link = this.#link;
    if (this.#state !== 'open' || link === undefined) return;
    const isFull = { true: false, false: false };
    this.#opening = this.#opening.filter(({ isUnidirectional, resolve }) => {
      const type = isUnidirectional ? 'true' : 'false';
      if (isFull[type]) return true;
      const streams = new WebStreams();
      const stream = link.open(isUnidirectional, streams);
      isFull[type] = stream === undefined;
      if (stream === undefined) return true;
      resolve(streams.attach(stream));
      return false;
    });
  }
}

/** Streams that the peer opened and that nobody took yet. */
class Incoming<T> {
  readonly readable: ReadableStream<T>;
  #controller!: ReadableStreamDefaultController<T>;
  #isOver = false;

  constructor(onTaken: () => void) {
    this.readable = new ReadableStream<T>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: onTaken,
        cancel: () => {
          this.#isOver = true;
        },
      },
      { highWaterMark: INCOMING_STREAMS_MAX },
    );
  }

  get isBusy(): boolean {
    const waiting = INCOMING_STREAMS_MAX - (this.#controller.desiredSize ?? INCOMING_STREAMS_MAX);
    return !this.#isOver && waiting >= INCOMING_STREAMS_BUSY;
  }

  /** False when there is no room. */
  push(stream: T): boolean {
    if (this.#isOver || (this.#controller.desiredSize ?? 0) <= 0) return false;
    this.#controller.enqueue(stream);
    return true;
  }

  end(error: SessionError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (error === undefined) this.#controller.close();
    else this.#controller.error(error);
  }
}

/** As much of a text as may travel, cut between characters. */
function shortened(text: string): string {
  const bytes = new Uint8Array(CLOSE_REASON_BYTES_MAX);
  const { read } = new TextEncoder().encodeInto(text, bytes);
  return text.slice(0, read);
}
