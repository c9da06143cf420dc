/**
 * Copies a SQLite database together with its write-ahead log by plain reads, without opening it:
 * opening would checkpoint the log into the file, or leave a -shm beside it.
 *
 * While a program writes: the file is copied before its log. A log is only appended to until it starts
 * anew, and then its header changes. So if the header is the same before and after, every page that a
 * checkpoint changed in the file meanwhile is in the copied log as well, and what was appended last is
 * at worst a transaction without its end, which SQLite leaves out. Without a log in use there is no such
 * order; then two readings must be equal.
 *
 * Trap: reading a database file that this very process has open through SQLite drops SQLite's locks
 * (see `src/memory/database.ts`). Never copy a store that an engine of this process serves.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs';

import { translateFileError, V1Error } from './errors.js';
import { COPY_TRIES_MS, COPY_SETTLE_MS } from './limits.js';

/** What belongs to a database: the file, its write-ahead log, or a rollback journal of old. */
const DATABASE_SUFFIXES = ['', '-wal', '-journal'] as const;
const BLOCK_BYTES = 1024 * 1024;
/** Of a write-ahead log: magic, version, page size, checkpoint sequence, two salts, two checksums. */
const LOG_HEADER_BYTES = 32;
const FILE_HEADER_BYTES = 100;
/** Of the two format bytes in the header of a file that has a write-ahead log. */
const LOG_MODE = 2;

/** Copies `source` and its log to `destination` in a state that existed at one moment. */
export async function copyDatabase(source: string, destination: string): Promise<void> {
  const untilMs = performance.now() + COPY_TRIES_MS;
  for (let attempt = 1; performance.now() < untilMs; attempt += 1) {
    const before = stateOf(source);
    const log = logInUse(source);
    const hashes = readAll(source, (suffix) => `${destination}${suffix}`);
    if (log !== undefined && log === logInUse(source)) return;
    // Long enough for file times first; then shorter than the pauses of a busy writer.
    await settle(COPY_SETTLE_MS / attempt);
    // A writer within the resolution of file times shows in the second reading.
    const again = readAll(source, () => undefined);
    if (before === stateOf(source) && hashes === again) return;
    for (const suffix of DATABASE_SUFFIXES) rmSync(destination + suffix, { force: true });
  }
  const sentence = `${source} is being written to all the time; stop agentic-flow v1 and try again`;
  throw new V1Error('busy', sentence, source);
}

async function settle(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Which log the database writes to now; undefined if none, or if there is a rollback journal. */
function logInUse(source: string): string | undefined {
  try {
    if (statSync(`${source}-journal`, { throwIfNoEntry: false }) !== undefined) return undefined;
    const file = statSync(source, { bigint: true, throwIfNoEntry: false });
    const log = statSync(`${source}-wal`, { bigint: true, throwIfNoEntry: false });
    if (file === undefined || log === undefined || log.size < LOG_HEADER_BYTES) return undefined;
    // What sql.js writes has a log of no meaning beside it.
    const [writes, reads] = readStart(source, FILE_HEADER_BYTES).subarray(18, 20);
    if (writes !== LOG_MODE || reads !== LOG_MODE) return undefined;
    const header = readStart(`${source}-wal`, LOG_HEADER_BYTES);
    return `${file.ino} ${log.ino} ${header.toString('hex')}`;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw translateFileError(error, source);
  }
}

function readStart(path: string, bytes: number): Buffer {
  const start = Buffer.alloc(bytes);
  const descriptor = openSync(path, 'r');
  try {
    readSync(descriptor, start, 0, bytes, 0);
    return start;
  } finally {
    closeSync(descriptor);
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function stateOf(source: string): string {
  const parts = DATABASE_SUFFIXES.map((suffix) => {
    const found = statSync(source + suffix, { bigint: true, throwIfNoEntry: false });
    return found === undefined ? 'none' : `${found.ino} ${found.size} ${found.mtimeNs}`;
  });
  return parts.join(', ');
}

/** Reads every file that belongs to the database; returns a hash of all, copies where told. */
function readAll(source: string, target: (suffix: string) => string | undefined): string {
  const hash = createHash('sha256');
  for (const suffix of DATABASE_SUFFIXES) {
    const path = source + suffix;
    if (!existsSync(path)) continue;
    hash.update(`${suffix}\n`);
    readFile(path, target(suffix), (block) => hash.update(block));
  }
  return hash.digest('hex');
}

function readFile(
  path: string,
  target: string | undefined,
  onBlock: (block: Uint8Array) => void,
): void {
  const block = new Uint8Array(BLOCK_BYTES);
  let input: number | undefined;
  let output: number | undefined;
  let current = path;
  try {
    input = openSync(path, 'r');
    if (target !== undefined) {
      current = target;
      output = openSync(target, 'w', 0o600);
    }
    for (;;) {
      const length = readSync(input, block);
      if (length === 0) return;
      const read = block.subarray(0, length);
      onBlock(read);
      if (output !== undefined) writeAll(output, read);
    }
  } catch (error) {
    // A journal comes and goes with each transaction.
    if (input === undefined && isMissing(error)) return;
    throw translateFileError(error, current);
  } finally {
    if (input !== undefined) closeSync(input);
    if (output !== undefined) closeSync(output);
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += writeSync(descriptor, bytes, written);
  }
}

/** SHA-256 over the database file and its logs, in hexadecimal. Reads only. */
export function databaseHash(source: string): string {
  return readAll(source, () => undefined);
}
