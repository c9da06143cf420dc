import { MIGRATION_MS_MAX } from '../limits.js';
import { QuicError } from '../quic-error.js';
import type { NativeConnection, NativeHost, NativePathEvent } from './native.js';

/** How often a new path is probed until something comes back. */
const PROBE_AGAIN_MS = 250;
/** How often a path is probed after a move: for three seconds. */
const INSIST_COUNT = 12;
/** How often, and how long, a connection id of the peer is waited for. */
const ID_POLL_MS = 10;
const ID_WAIT_MS_MAX = 1_000;

/** A path that is being tried. */
interface Attempt {
  readonly local: NativeHost;
  readonly resolve: () => void;
  readonly reject: (error: QuicError) => void;
  readonly timer: NodeJS.Timeout;
  readonly again: NodeJS.Timeout;
}

/**
 * Moves a connection that this side dialled to another local address (RFC 9000 9.2):
 *
 *   probe the new path --answered--> switch to it
 *                      \--failed, late, closed--> the old path stays in use
 */
export class Migration {
  readonly #native: NativeConnection;
  #attempt: Attempt | undefined;
  #insisting: NodeJS.Timeout | undefined;

  readonly #send: () => void;

  /** `send` sees to it that packets go out soon. */
  constructor(native: NativeConnection, send: () => void) {
    this.#native = native;
    this.#send = send;
  }

  /**
   * Does `ask` now and again for some seconds, to hear on a path that has just come into use or gone
   * out of it, and `over` at the end, unless another path comes in between.
   */
  insist(ask: () => void, over?: () => void): void {
    let left = INSIST_COUNT;
    const insistOnce = (): void => {
      if (left === 0) {
        clearInterval(this.#insisting);
        over?.();
        return;
      }
      left -= 1;
      ask();
    };
    clearInterval(this.#insisting);
    this.#insisting = setInterval(insistOnce, PROBE_AGAIN_MS);
    insistOnce();
  }

  /** Ids for the next path may still be on their way, right after the handshake or another move. */
  async awaitId(): Promise<void> {
    for (let waitedMs = 0; waitedMs < ID_WAIT_MS_MAX; waitedMs += ID_POLL_MS) {
      if (this.#native.availableDcids() > 0) return;
      await new Promise((resolve) => setTimeout(resolve, ID_POLL_MS));
    }
  }

  /** Resolves when `local` can be switched to. */
  probe(local: NativeHost, remote: NativeHost): Promise<void> {
    if (this.#attempt !== undefined) return Promise.reject(failed('another one is going on'));
    if (this.#native.stats().peerDisableActiveMigration) {
      return Promise.reject(failed('the peer does not allow it'));
    }
    try {
      this.#native.probePath(local, remote);
    } catch (cause) {
      return Promise.reject(failed('no connection id is left for another path', cause));
    }
    return new Promise((resolve, reject) => {
      const text = `nothing came back on the new path in ${MIGRATION_MS_MAX} ms`;
      const timer = setTimeout(() => this.#end()?.reject(failed(text)), MIGRATION_MS_MAX);
      const again = setInterval(() => this.probeAgain(local, remote), PROBE_AGAIN_MS);
      this.#attempt = { local, resolve, reject, timer, again };
      this.#send();
    });
  }

  /**
   * Asks once more on a path that has not answered. quiche does so itself only after a time-out of the
   * path, which there is none of while other packets are acknowledged on it.
   */
  probeAgain(local: NativeHost, remote: NativeHost): void {
    try {
      this.#native.probePath(local, remote);
      this.#send();
    } catch {
      // The engine has given this path up: an event says so.
    }
  }

  onPathEvent(event: NativePathEvent): void {
    if (event.type !== 'Validated' && event.type !== 'FailedValidation') return;
    const wanted = this.#attempt?.local;
    if (event.local.host !== wanted?.host || event.local.port !== wanted.port) return;
    const attempt = this.#end();
    if (event.type === 'Validated') attempt?.resolve();
    else attempt?.reject(failed('nothing came back on the new path'));
  }

  /** The connection is over. */
  abandon(): void {
    clearInterval(this.#insisting);
    this.#end()?.reject(new QuicError('closed', 'the connection was closed while it moved'));
  }

  #end(): Attempt | undefined {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    clearTimeout(attempt?.timer);
    clearInterval(attempt?.again);
    return attempt;
  }
}

function failed(why: string, cause?: unknown): QuicError {
  const text = `the connection stays on its path: ${why}`;
  return new QuicError('migration-failed', text, cause === undefined ? {} : { cause });
}
