import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isLeftover, readBounded, replaceFile, unfinishedName } from './durable-file.js';
import {
  SESSIONS_BYTES_MAX,
  SESSIONS_MAX,
  SESSIONS_PUT_PER_COUNT,
  SESSION_AGE_MS_MAX,
  SESSION_BYTES_MAX,
} from './limits.js';
import { SessionIndex } from './session-index.js';
import { isUsable, usableUntilMs } from './session-lifetime.js';
import { NONCE_BYTES, SEAL_BYTES, SessionSeal } from './session-seal.js';
import { isSystemError, toTicketError, type TicketError } from './ticket-error.js';

const SUFFIX = '.session';
const ENTRY = /^[0-9a-f]{32}\.session$/;
const ENTRY_BYTES_MAX = SEAL_BYTES + SESSION_BYTES_MAX;

export interface SessionStoreOptions {
  /** Made when it is missing. Processes of one identity may share it. */
  readonly directory: string;
  /** PKCS #8: who holds it can read the sessions. */
  readonly privateKeyPem: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** The directory cannot be used now; connections do without. Called once until it works again. */
  readonly onProblem?: (error: TicketError) => void;
}

/**
 * Sessions for the next connection to each peer, on disk: one sealed file a peer. Each session is
 * handed out once, by whichever process, so that no two connections can be linked by it or send
 * early data with it (RFC 8446 C.4). Nothing of this ever fails a connection: what cannot be read
 * or written is as if it were not there.
 */
export class DiskSessionStore {
  readonly #directory: string;
  readonly #seal: SessionSeal;
  readonly #now: () => number;
  readonly #onProblem: (error: TicketError) => void;
  /** What is on disk, as far as this process has counted. */
  readonly #index = new SessionIndex(SESSIONS_MAX, SESSIONS_BYTES_MAX);
  #putsUntilCount = 0;
  #hasProblem = false;

  /** Throws only when the private key cannot be read. */
  constructor(options: SessionStoreOptions) {
    this.#directory = options.directory;
    this.#seal = new SessionSeal(options.privateKeyPem);
    this.#now = options.now ?? Date.now;
    this.#onProblem = options.onProblem ?? ((): void => {});
    this.#attempt('unwritable', () => this.#count());
  }

  /** Keeps the session in place of an earlier one; one that is too large or too old is not kept. */
  put(peerId: string, session: Uint8Array): void {
    const nowMs = this.#now();
    const stored = { usableUntilMs: usableUntilMs(session, nowMs), session };
    if (session.length > SESSION_BYTES_MAX || !isUsable(stored, nowMs)) return;
    this.#attempt('unwritable', () => {
      if (this.#putsUntilCount <= 0) this.#count();
      const name = this.#seal.nameOf(peerId) + SUFFIX;
      const bytes = this.#seal.seal(peerId, stored, randomBytes(NONCE_BYTES));
      replaceFile(this.#pathOf(name), bytes);
      this.#putsUntilCount -= 1;
      for (const gone of this.#index.add(name, bytes.length)) this.#remove(gone);
      this.#hasProblem = false;
    });
  }

  /** The session of a peer, once among all processes. */
  take(peerId: string): Uint8Array | undefined {
    const name = this.#seal.nameOf(peerId) + SUFFIX;
    this.#index.remove(name);
    const bytes = this.#attempt('unreadable', () => this.#claim(name));
    const stored = bytes && this.#seal.open(peerId, bytes);
    return stored !== undefined && isUsable(stored, this.#now()) ? stored.session : undefined;
  }

  /** Content of an entry that nobody else has or will get; undefined when there is none. */
  #claim(name: string): Uint8Array | undefined {
    const claimed = unfinishedName(this.#pathOf(name));
    try {
      // Only one process can rename a file away, and it gets the content that it renamed.
      renameSync(this.#pathOf(name), claimed);
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined;
      throw error;
    }
    try {
      const bytes = readBounded(claimed, ENTRY_BYTES_MAX);
      return bytes !== undefined && bytes.length <= ENTRY_BYTES_MAX ? bytes : undefined;
    } finally {
      rmSync(claimed, { force: true });
    }
  }

  /** Counts what is on disk, and removes what is too old, left over or too much. */
  #count(): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const found: { readonly name: string; readonly bytes: number; readonly storedAtMs: number }[] =
      [];
    for (const name of readdirSync(this.#directory)) {
      if (isLeftover(name)) this.#remove(name);
      if (!ENTRY.test(name)) continue;
      const stats = statSync(this.#pathOf(name), { throwIfNoEntry: false });
      if (stats === undefined) continue;
      if (stats.mtimeMs + SESSION_AGE_MS_MAX < this.#now()) this.#remove(name);
      else found.push({ name, bytes: stats.size, storedAtMs: stats.mtimeMs });
    }
    this.#index.clear();
    found.sort((one, other) => one.storedAtMs - other.storedAtMs);
    for (const { name, bytes } of found) {
      for (const gone of this.#index.add(name, bytes)) this.#remove(gone);
    }
    this.#putsUntilCount = SESSIONS_PUT_PER_COUNT;
  }

  #attempt<Result>(code: 'unreadable' | 'unwritable', action: () => Result): Result | undefined {
    try {
      return action();
    } catch (error) {
      this.#putsUntilCount = 0; // The directory may be another one by then.
      if (!this.#hasProblem) {
        this.#hasProblem = true;
        this.#onProblem(toTicketError(code, this.#directory, error));
      }
      return undefined;
    }
  }

  #remove(name: string): void {
    rmSync(this.#pathOf(name), { force: true });
  }

  #pathOf(name: string): string {
    return join(this.#directory, name);
  }
}
