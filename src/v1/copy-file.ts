/**
 * Copies a SQLite database together with its write-ahead log by plain reads, without opening it:
 * opening would checkpoint the log into the file, or leave a -shm beside it.
 *
 * Trap: reading a database file that this very process has open through SQLite drops SQLite's locks
 * (see `src/memory/database.ts`). Never copy a store that an engine of this process serves.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs';

import { translateFileError, V1Error } from './errors.js';
import { COPY_ATTEMPTS_MAX, COPY_SETTLE_MS } from './limits.js';

/** What belongs to a database: the file, its write-ahead log, or a rollback journal of old. */
const DATABASE_SUFFIXES = ['', '-wal', '-journal'] as const;
const BLOCK_BYTES = 1024 * 1024;

/** Copies `source` and its log to `destination` in a state that existed at one moment. */
export async function copyDatabase(source: string, destination: string): Promise<void> {
  for (let attempt = 1; attempt <= COPY_ATTEMPTS_MAX; attempt += 1) {
    const before = stateOf(source);
    const hashes = readAll(source, (suffix) => `${destination}${suffix}`);
    await settle();
    // A writer within the resolution of file times shows in the second reading.
    const again = readAll(source, () => undefined);
    if (before === stateOf(source) && hashes === again) return;
    for (const suffix of DATABASE_SUFFIXES) rmSync(destination + suffix, { force: true });
  }
  const sentence = `${source} is being written to all the time; stop agentic-flow v1 and try again`;
  throw new V1Error('busy', sentence, source);
}

async function settle(): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, COPY_SETTLE_MS);
  });
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
