/** Small JSON files that must be there whole or not at all. */
import { existsSync, readFileSync, statSync } from 'node:fs';

import type { z } from 'zod';

import { replaceFile } from '../memory/replace-file.js';
import { MigrationError } from './errors.js';
import { JSON_FILE_BYTES_MAX } from './limits.js';

/** Undefined if there is no such file. Throws `invalid` for one that holds something else. */
export function readJsonFile<T>(path: string, schema: z.ZodType<T>): T | undefined {
  if (!existsSync(path)) return undefined;
  const { size } = statSync(path);
  if (size > JSON_FILE_BYTES_MAX) {
    throw new MigrationError(
      'invalid',
      `${path} has ${size} bytes; this release wrote no such file`,
      path,
    );
  }
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    throw new MigrationError(
      'invalid',
      `${path} cannot be read, or another release wrote it; move it away, or use the release that wrote it`,
      path,
    );
  }
}

/** On the disk, under its name, when it returns. Throws what `replaceFile` does. */
export function writeJsonFile(path: string, value: unknown): void {
  const bytes = Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
  // Whoever may read the store reads how it was made.
  replaceFile(path, [{ start: 0, bytes }], 0o666);
}
