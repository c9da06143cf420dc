import { randomBytes } from 'node:crypto';
import { KeyGenerations } from './key-generations.js';
import {
  TICKET_KEY_BYTES,
  isRotationDue,
  rotate,
  withoutExpired,
  type KeyRing,
} from './key-ring.js';
import { TICKET_KEYS_CHECK_MS, TICKET_KEYS_RETRY_MS, TICKET_KEY_PERIOD_MS } from './limits.js';
import { toTicketError, type TicketError } from './ticket-error.js';

export interface TicketKeysOptions {
  /**
   * Where the keys are kept, to outlive the process and to be shared by processes of one identity:
   * `PATH.1`, `PATH.2`, ... in a directory that exists. Left out: in memory only.
   */
  readonly path?: string;
  /** How long a key seals, and how much longer it opens. Milliseconds; 12 hours when left out. */
  readonly periodMs?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /**
   * The keys cannot be read or written now; this process goes on with keys of its own, and tickets
   * of other processes are of no use to it. Called once until it works again.
   */
  readonly onProblem?: (error: TicketError) => void;
}

/**
 * The keys with which session tickets are sealed (`TicketOptions.keys` of the engine): 48 bytes
 * each, the first seals, all open. A new one every period; the one before opens for another period,
 * so that a ticket can be used for at least one period after it was given.
 */
export class TicketKeys {
  readonly #generations: KeyGenerations | undefined;
  readonly #periodMs: number;
  readonly #now: () => number;
  readonly #onProblem: (error: TicketError) => void;
  readonly #openedAtMs: number;
  #ring: KeyRing;
  /** Generation on disk that holds `#ring`; undefined while it is in memory only. */
  #generation: number | undefined;
  #usedSinceMs: number;
  #nextCheckMs: number;
  #hasProblem = false;

  /**
   * Opens the keys at `path`, or makes the first. Throws `TicketError`: `unreadable`,
   * `unwritable`, `newer-version`. A damaged file is replaced: what is lost is a shorter handshake
   * for each peer, once.
   */
  constructor(options: TicketKeysOptions = {}) {
    this.#generations = options.path === undefined ? undefined : new KeyGenerations(options.path);
    this.#periodMs = options.periodMs ?? TICKET_KEY_PERIOD_MS;
    const now = options.now ?? Date.now;
    this.#now = () => Math.floor(now());
    this.#onProblem = options.onProblem ?? ((): void => {});
    const nowMs = this.#now();
    this.#openedAtMs = nowMs;
    this.#usedSinceMs = nowMs;
    this.#ring = rotate([], randomBytes(TICKET_KEY_BYTES), nowMs, this.#periodMs);
    this.#nextCheckMs = nowMs + TICKET_KEYS_CHECK_MS;
    this.#refresh(nowMs);
  }

  /**
   * The keys of this moment. Reads and writes a small file when one is due; never throws.
   * `TicketOptions.keys` takes it as it is.
   */
  readonly keys = (): readonly Uint8Array[] => {
    const nowMs = this.#now();
    const isCheckDue =
      nowMs >= this.#nextCheckMs || nowMs < this.#nextCheckMs - 2 * TICKET_KEYS_RETRY_MS;
    if (isRotationDue(this.#ring, nowMs, this.#periodMs) || isCheckDue) this.#tryRefresh(nowMs);
    return withoutExpired(this.#ring, nowMs, this.#periodMs).map(({ bytes }) => bytes);
  };

  /**
   * When the keys were first used by anybody, in milliseconds since the epoch: before this process
   * if they were found on disk. For `TicketOptions.keysUsedSince`.
   */
  get keysUsedSince(): number {
    return this.#usedSinceMs;
  }

  #tryRefresh(nowMs: number): void {
    this.#nextCheckMs = nowMs + TICKET_KEYS_CHECK_MS;
    const ring = this.#ring;
    try {
      this.#refresh(nowMs);
      this.#hasProblem = false;
    } catch (error) {
      this.#nextCheckMs = nowMs + TICKET_KEYS_RETRY_MS;
      this.#replace(ring);
      // An old key is not used for longer because the disk is full.
      if (isRotationDue(ring, nowMs, this.#periodMs)) this.#replace(this.#rotated(nowMs));
      if (this.#hasProblem) return;
      this.#hasProblem = true;
      this.#onProblem(toTicketError('unwritable', 'the file of ticket keys', error));
    }
  }

  /** Takes what others made, and makes what is due. */
  #refresh(nowMs: number): void {
    if (this.#generations === undefined) {
      if (isRotationDue(this.#ring, nowMs, this.#periodMs)) this.#replace(this.#rotated(nowMs));
      return;
    }
    // Twice: the generation to be made may have been made by another process in the meantime.
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const next = this.#adopt(this.#generations);
      const isDue = isRotationDue(this.#ring, nowMs, this.#periodMs);
      if (!isDue && this.#generation !== undefined) return;
      const ring = isDue ? this.#rotated(nowMs) : this.#ring;
      if (this.#generations.publish(next, ring)) {
        this.#replace(ring, next);
        return;
      }
    }
    this.#adopt(this.#generations);
  }

  /** Takes the latest keys on disk, if they are others; gives the number of the generation next. */
  #adopt(generations: KeyGenerations): number {
    if (this.#generation !== undefined && generations.isLatest(this.#generation)) {
      return this.#generation + 1;
    }
    const found = generations.read();
    if (found?.ring !== undefined) {
      this.#replace(found.ring, found.number);
      const oldest = Math.min(...found.ring.map(({ createdAtMs }) => createdAtMs));
      // Whatever their clock said: they were there before this process looked.
      this.#usedSinceMs = Math.min(this.#usedSinceMs, oldest, this.#openedAtMs - 1);
    } else if (this.#generation !== undefined) {
      // Somebody removed or damaged the file: those keys shall not be used any more.
      this.#replace(rotate([], randomBytes(TICKET_KEY_BYTES), this.#now(), this.#periodMs));
    }
    return (found?.number ?? this.#generation ?? 0) + 1;
  }

  #rotated(nowMs: number): KeyRing {
    return rotate(this.#ring, randomBytes(TICKET_KEY_BYTES), nowMs, this.#periodMs);
  }

  #replace(ring: KeyRing, generation?: number): void {
    this.#ring = ring;
    this.#generation = generation;
  }
}
