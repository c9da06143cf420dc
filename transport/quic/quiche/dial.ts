import type { Connection } from '../connection.js';
import type { ConnectOptions } from '../engine.js';
import { QuicError } from '../quic-error.js';

/** An outbound connection until it is established: settles once, by whatever comes first. */
export class Dial {
  readonly promise: Promise<Connection>;
  readonly #options: ConnectOptions;
  readonly #abandon: () => void;
  readonly #timer: NodeJS.Timeout;
  #resolve!: (connection: Connection) => void;
  #reject!: (error: QuicError) => void;
  /** Why the peer was refused, if it was. */
  refusal: string | undefined;

  /** `leftMs`: what is left of the timeout; `abandon` is called when this side gives up. */
  constructor(options: ConnectOptions, leftMs: number, abandon: () => void) {
    this.#options = options;
    this.#abandon = abandon;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Settled before anybody waits: that is no unhandled rejection.
    this.promise.catch(() => undefined);
    this.#timer = setTimeout(
      () =>
        this.#giveUp(
          new QuicError('timeout', `no answer from ${this.where} in ${options.timeoutMs} ms`),
        ),
      Math.max(leftMs, 0),
    );
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get where(): string {
    return `${this.#options.host}:${this.#options.port}`;
  }

  onOpen(connection: Connection): void {
    this.#options.onOpen(connection);
  }

  onEstablished(connection: Connection): void {
    this.#settle();
    this.#resolve(connection);
  }

  fail(error: QuicError): void {
    this.#settle();
    const { refusal } = this;
    this.#reject(
      refusal === undefined ? error : new QuicError('unauthenticated', refusal, { cause: error }),
    );
  }

  readonly #onAbort = (): void =>
    this.#giveUp(new QuicError('cancelled', `connecting to ${this.where} was cancelled`));

  #giveUp(error: QuicError): void {
    this.#settle();
    this.#reject(error);
    this.#abandon();
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }
}
