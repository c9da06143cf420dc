/**
 * Reads the missing blocks of a snapshot from one source: a bounded number at a time, each again
 * until it is there. A block that is late or lost holds up no other.
 *
 *     missing --> on its way --> there
 *        ^            |
 *        +-- waits <--+ late, lost, refused for now, or not what the manifest says
 */
import { RpcError } from '../../transport/rpc/rpc.js';
import { TokenBucket } from '../../transport/token-bucket.js';
import {
  BLOCK_BYTES_MAX,
  DAMAGED_BLOCKS_MAX,
  READS_IN_FLIGHT_MAX,
  READ_BACKOFF_MS_MAX,
  READ_BACKOFF_MS_MIN,
  READ_TIMEOUT_MS_MAX,
  READ_TIMEOUT_MS_MIN,
  SOURCE_FAILING_MS_MAX,
  SOURCE_UNREACHABLE_MS_MAX,
} from './limits.js';
import type { PartialSnapshot } from './partial.js';

/** Times that a test shortens; the defaults are those of `limits.ts`. */
export interface ReadingTimes {
  readonly readTimeoutMsMin: number;
  readonly readTimeoutMsMax: number;
  readonly backoffMsMin: number;
  readonly backoffMsMax: number;
  readonly unreachableMsMax: number;
  readonly failingMsMax: number;
}

export const READING_TIMES: ReadingTimes = {
  readTimeoutMsMin: READ_TIMEOUT_MS_MIN,
  readTimeoutMsMax: READ_TIMEOUT_MS_MAX,
  backoffMsMin: READ_BACKOFF_MS_MIN,
  backoffMsMax: READ_BACKOFF_MS_MAX,
  unreachableMsMax: SOURCE_UNREACHABLE_MS_MAX,
  failingMsMax: SOURCE_FAILING_MS_MAX,
};

/** What happened to the reads of a node, for its status. */
export interface ReadCounters {
  /** Bytes of blocks that were read and were as promised. */
  readBytes: number;
  failedReads: number;
}

export interface ReadingPorts {
  /** Reads from the source; a late answer to a read that timed out is dropped. */
  read(options: {
    readonly offset: number;
    readonly length: number;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  }): Promise<Uint8Array>;
  /** False once the snapshot is of no use any more. */
  isWanted(): boolean;
  now(): number;
  /** Resolves after so long, or sooner when the signal is aborted; never rejects. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/**
 * How reading ended: with `source-lost` and `source-damaged` (its blocks are not what they should be)
 * another source is needed; `stopped` is the node, and an `unwanted` snapshot is of no use any more.
 * What was read stays in each case.
 */
export type ReadingEnd = 'complete' | 'source-lost' | 'source-damaged' | 'unwanted' | 'stopped';

/** How often it is asked whether the snapshot is still wanted while reads take their time. */
const WANTED_POLL_MS = 1_000;

interface Retry {
  readonly block: number;
  readonly dueAtMs: number;
}

export class BlockReading {
  readonly #partial: PartialSnapshot;
  readonly #ports: ReadingPorts;
  readonly #times: ReadingTimes;
  readonly #counters: ReadCounters;
  readonly #bucket: TokenBucket | undefined;
  readonly #inFlight = new Map<number, Promise<void>>();
  /** How often each block has failed since it was last looked for. */
  readonly #failures = new Map<number, number>();
  readonly #retries: Retry[] = [];
  /** Ends reads whose answers nobody waits for any more. */
  readonly #reads = new AbortController();
  #waiting = new AbortController();
  #next = 0;
  #window = READS_IN_FLIGHT_MAX;
  #timeoutMs: number;
  #damaged = 0;
  #failingSinceMs: number | undefined;
  #end: ReadingEnd | undefined;
  /** The disk failed: no source can mend that. */
  #error: unknown;

  constructor(
    partial: PartialSnapshot,
    ports: ReadingPorts,
    counters: ReadCounters,
    bytesPerSecondMax: number,
    times: ReadingTimes = READING_TIMES,
  ) {
    this.#partial = partial;
    this.#ports = ports;
    this.#counters = counters;
    this.#times = times;
    this.#timeoutMs = times.readTimeoutMsMin;
    this.#bucket = readBucket(bytesPerSecondMax, ports.now());
  }

  /** Rejects only when the disk of this node fails. No read is under way when it has settled. */
  async run(signal: AbortSignal): Promise<ReadingEnd> {
    const stop = (): void => this.#finish('stopped');
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    while (this.#end === undefined) {
      if (this.#partial.isComplete) this.#finish('complete');
      else if (!this.#ports.isWanted()) this.#finish('unwanted');
      else await this.#step();
    }
    signal.removeEventListener('abort', stop);
    await Promise.all(this.#inFlight.values());
    if (this.#error !== undefined) throw this.#error;
    return this.#end;
  }

  #finish(end: ReadingEnd): void {
    this.#end ??= end;
    this.#reads.abort(new RpcError('cancelled', 'the snapshot is not read on'));
    this.#waiting.abort();
  }

  /** Starts a read, or waits until one can be started or has ended. */
  async #step(): Promise<void> {
    const hasRoom = this.#inFlight.size < this.#window;
    const block = hasRoom ? this.#take() : undefined;
    if (block === undefined) {
      const dueAtMs = Math.min(...this.#retries.map((retry) => retry.dueAtMs));
      const pauseMs = hasRoom ? dueAtMs - this.#ports.now() : WANTED_POLL_MS;
      await this.#wait(Math.min(pauseMs, WANTED_POLL_MS));
      return;
    }
    const pauseMs =
      this.#bucket?.take(this.#ports.now(), this.#partial.manifest.length(block)) ?? 0;
    if (pauseMs > 0) {
      this.#retries.push({ block, dueAtMs: this.#ports.now() });
      await this.#wait(pauseMs);
      return;
    }
    const reading = this.#read(block).finally(() => this.#inFlight.delete(block));
    this.#inFlight.set(block, reading);
  }

  /** Until a read has ended, the time has passed, or all is over. */
  async #wait(milliseconds: number): Promise<void> {
    this.#waiting = new AbortController();
    const pause = this.#ports.sleep(Math.max(milliseconds, 1), this.#waiting.signal);
    await Promise.race([...this.#inFlight.values(), pause]);
    this.#waiting.abort();
  }

  /** A block whose time has come: first those that failed before. */
  #take(): number | undefined {
    const now = this.#ports.now();
    const at = this.#retries.findIndex(({ dueAtMs }) => dueAtMs <= now);
    if (at >= 0) {
      const [retry] = this.#retries.splice(at, 1);
      return retry?.block;
    }
    const { blocks } = this.#partial.description;
    while (this.#next < blocks) {
      const block = this.#next;
      this.#next += 1;
      if (!this.#partial.has(block)) return block;
    }
    return undefined;
  }

  async #read(block: number): Promise<void> {
    const { manifest } = this.#partial;
    const timeoutMs = this.#timeoutMs;
    const { signal } = this.#reads;
    const [offset, length] = [manifest.offset(block), manifest.length(block)];
    let bytes: Uint8Array;
    try {
      bytes = await this.#ports.read({ offset, length, timeoutMs, signal });
    } catch (error) {
      if (!signal.aborted) this.#failed(block, error, timeoutMs);
      return;
    }
    try {
      if (await this.#partial.put(block, bytes)) this.#succeeded(block, bytes.length);
      else this.#wasDamaged(block);
    } catch (error) {
      this.#error = error;
      this.#finish('stopped');
    }
  }

  #succeeded(block: number, length: number): void {
    this.#counters.readBytes += length;
    this.#failures.delete(block);
    this.#failingSinceMs = undefined;
    if (this.#window < READS_IN_FLIGHT_MAX) this.#window += 1;
    else this.#timeoutMs = this.#times.readTimeoutMsMin;
  }

  #wasDamaged(block: number): void {
    this.#damaged += 1;
    if (this.#damaged >= DAMAGED_BLOCKS_MAX) this.#finish('source-damaged');
    this.#again(block);
  }

  #failed(block: number, error: unknown, timeoutMs: number): void {
    this.#again(block);
    const code = error instanceof RpcError ? error.code : 'internal';
    if (code === 'deadline-exceeded' && timeoutMs === this.#timeoutMs) {
      // A path that is slower than thought: fewer at a time, and more time for each.
      this.#window = Math.max(1, this.#window >> 1);
      this.#timeoutMs = Math.min(timeoutMs * 2, this.#times.readTimeoutMsMax);
    }
    const now = this.#ports.now();
    this.#failingSinceMs ??= now;
    const failingMs = now - this.#failingSinceMs;
    const { unreachableMsMax, failingMsMax } = this.#times;
    const patienceMs = code === 'unavailable' ? unreachableMsMax : failingMsMax;
    if (isFinal(error) || failingMs >= patienceMs) this.#finish('source-lost');
  }

  #again(block: number): void {
    this.#counters.failedReads += 1;
    const failures = (this.#failures.get(block) ?? 0) + 1;
    this.#failures.set(block, failures);
    const { backoffMsMin, backoffMsMax } = this.#times;
    const backoffMs = Math.min(backoffMsMin * 2 ** Math.min(failures - 1, 16), backoffMsMax);
    this.#retries.push({ block, dueAtMs: this.#ports.now() + backoffMs });
  }
}

/** Whether a source will not give the snapshot, however often it is asked. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof RpcError)) return false;
  const { code, reason } = error;
  if (code === 'refused') return reason === 'snapshot-unknown';
  return ['malformed', 'permission-denied', 'unauthenticated', 'unknown-method'].includes(code);
}

/** Holds reads of blocks to a rate; undefined for 0, which is none. One block is always let through at once. */
export function readBucket(bytesPerSecondMax: number, nowMs: number): TokenBucket | undefined {
  if (bytesPerSecondMax <= 0) return undefined;
  const burst = Math.max(BLOCK_BYTES_MAX, bytesPerSecondMax / 10);
  return new TokenBucket(bytesPerSecondMax, burst, nowMs);
}
