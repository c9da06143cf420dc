/**
 * Puts that are acknowledged once the log of puts has them, and go into the file of the store when nothing
 * else is put, when somebody reads, or when too many wait.
 *
 *   none --put--> waiting --a rest, a read, too many--> applying --all are in the file--> none
 *
 * What the disk fails to take is tried again at the next read, so a read fails rather than to miss something
 * that was acknowledged.
 */
import { randomUUID } from 'node:crypto';
import { isOperational } from '../errors.js';
import { nextTurn } from '../pace.js';
import {
  APPLIED_AT_ONCE_PUTS,
  LOGGED_AT_ONCE_BYTES_MAX,
  PUT_LOG_ANEW_BYTES,
  PUT_LOG_BYTES_MAX,
  UNAPPLIED_BYTES_MAX,
  UNAPPLIED_PUTS_MAX,
  UNAPPLIED_REST_MS,
} from './limits.js';
import type { PackedPuts } from './packed-puts.js';
import { entryBytes, type LoggedPuts, PutLog, removePutLog } from './put-log.js';
import type { StoreFile } from './store-file.js';
import type { WalSync } from './wal-sync.js';

/** An entry of the log. */
interface Waiting {
  readonly entry: LoggedPuts;
  readonly puts: number;
  readonly bytes: number;
}

export interface DeferredPutsOptions {
  /** Brings entries into the file, in one transaction. */
  readonly apply: (entries: readonly LoggedPuts[]) => void;
  /** Makes what was brought in survive a power cut. */
  readonly wal: WalSync;
  /** The file follows when nothing was put for so long. */
  readonly restMs?: number | undefined;
}

export class DeferredPuts {
  readonly #file: StoreFile;
  readonly #apply: DeferredPutsOptions['apply'];
  readonly #wal: WalSync;
  readonly #restMs: number;
  #log: PutLog | undefined;
  #sequence: number;
  #waiting: Waiting[] = [];
  #puts = 0;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** What is in the file may be lost: the log stays. */
  #failure: unknown;
  #isClosed = false;

  constructor(file: StoreFile, { wal, apply, restMs = UNAPPLIED_REST_MS }: DeferredPutsOptions) {
    this.#file = file;
    this.#apply = apply;
    this.#wal = wal;
    this.#restMs = restMs;
    this.#sequence = file.putLog?.applied ?? 0;
  }

  /** False for what is written to the file at once. */
  takes(writes: readonly PackedPuts[]): boolean {
    return entryBytes(writes.map(({ block }) => block)) <= LOGGED_AT_ONCE_BYTES_MAX;
  }

  /** Appends one entry to the log. Throws `disk-full`, `read-only`, `io`. */
  append(writes: readonly PackedPuts[], acceptedMs: number): void {
    const blocks = writes.map(({ block }) => block);
    const bytes = entryBytes(blocks);
    if (this.#failure !== undefined) throw this.#failure;
    const log = this.#openLog();
    if (log.bytes + bytes > PUT_LOG_BYTES_MAX) {
      this.applyAll();
      this.#wal.syncNow();
      log.beginAnew();
    }
    const entry = { sequence: this.#sequence + 1, acceptedMs, blocks };
    log.append(entry);
    this.#sequence = entry.sequence;
    const puts = writes.reduce((sum, { count }) => sum + count, 0);
    this.#waiting.push({ entry, puts, bytes });
    this.#puts += puts;
    this.#bytes += bytes;
    this.#rest();
  }

  /** Resolves when the disk has what was appended. Throws `io`. */
  async sync(): Promise<void> {
    if (this.#log === undefined || this.#log.isSynced) return;
    const synced = this.#log.sync();
    try {
      while (this.#puts > UNAPPLIED_PUTS_MAX || this.#bytes > UNAPPLIED_BYTES_MAX)
        this.#applyNext();
    } catch (error) {
      // They are safe in the log; it is tried again.
      if (!isOperational(error)) throw error;
    } finally {
      await synced;
    }
  }

  /** Everything that was appended is in the file when this returns. Throws what applying throws. */
  applyAll(): void {
    while (this.#waiting.length > 0) this.#applyNext();
  }

  /** The same in steps; what is appended meanwhile may wait. */
  async settle(): Promise<void> {
    const until = this.#sequence;
    while ((this.#waiting[0]?.entry.sequence ?? Infinity) <= until) {
      this.#applyNext();
      if (this.#waiting.length > 0) await nextTurn();
    }
  }

  /** All is in the file and on the disk; the log goes. */
  close(): void {
    this.applyAll();
    const isRemovable = this.#log !== undefined && this.#failure === undefined;
    if (isRemovable) this.#wal.syncNow();
    this.closeNow();
    if (isRemovable) removePutLog(this.#file.path);
  }

  /** What waits stays in the log. */
  closeNow(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#log?.close();
    this.#log = undefined;
  }

  /** The file knows its log before there is one. */
  #openLog(): PutLog {
    if (this.#log !== undefined) return this.#log;
    const name = randomUUID();
    this.#file.setPutLog({ name, applied: this.#sequence });
    this.#wal.syncNow();
    this.#log = PutLog.create(this.#file.path, name);
    return this.#log;
  }

  #applyNext(): void {
    let [count, puts, bytes] = [0, 0, 0];
    for (const one of this.#waiting) {
      if (count > 0 && puts + one.puts > APPLIED_AT_ONCE_PUTS) break;
      count += 1;
      puts += one.puts;
      bytes += one.bytes;
    }
    this.#apply(this.#waiting.slice(0, count).map(({ entry }) => entry));
    this.#waiting.splice(0, count);
    this.#puts -= puts;
    this.#bytes -= bytes;
  }

  #rest(): void {
    if (this.#timer !== undefined) {
      this.#timer.refresh();
      return;
    }
    this.#timer = setTimeout(() => void this.#follow(), this.#restMs);
    this.#timer.unref();
  }

  /** The file follows until something is put again. */
  async #follow(): Promise<void> {
    const until = this.#sequence;
    try {
      while (!this.#isClosed && this.#sequence === until && this.#waiting.length > 0) {
        this.#applyNext();
        await nextTurn();
      }
      if (this.#isClosed || this.#sequence !== until) return;
      if ((this.#log?.bytes ?? 0) < PUT_LOG_ANEW_BYTES) return;
      await this.#syncFile();
      const isQuiet = !this.#isClosed && this.#sequence === until && this.#waiting.length === 0;
      if (isQuiet) this.#log?.beginAnew();
    } catch (error) {
      if (!isOperational(error)) throw error;
    }
  }

  async #syncFile(): Promise<void> {
    try {
      await this.#wal.sync();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }
}
