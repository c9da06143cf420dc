/** Where a rollback is, in the folder of its backup, so that a killed one goes on. */
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';

import { z } from 'zod';

import type { Disk } from './disk.js';
import { BackupError } from './errors.js';
import { ENTRIES_MAX, MANIFEST_BYTES_MAX } from './limits.js';

const JOURNAL_NAME = 'rollback.json';
const FORMAT = 1;

const journalSchema = z.object({
  format: z.literal(FORMAT),
  /** What comes next. */
  phase: z.enum(['export', 'restore', 'remove', 'folders', 'done']),
  directory: z.string().refine(isAbsolute),
  home: z.string().refine(isAbsolute),
  /** Folder for what was written since. */
  since: z.string().refine(isAbsolute),
  /** Records that were exported; null before that, or where the store itself is kept. */
  exported: z.number().int().nonnegative().nullable(),
  keepStore: z.boolean(),
  own: z.record(z.string(), z.string()),
  added: z.array(z.string().refine(isAbsolute)).max(ENTRIES_MAX),
});

export type Journal = z.infer<typeof journalSchema>;

/** Undefined if no rollback was begun. Throws `damaged`, `newer-version`. */
export function readJournal(backup: string): Journal | undefined {
  const path = join(backup, JOURNAL_NAME);
  if (!existsSync(path)) return undefined;
  if (lstatSync(path).size > MANIFEST_BYTES_MAX) throw unreadable(path);
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw unreadable(path);
  }
  const format = (content as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format > FORMAT) {
    const sentence = `${path} was written by a newer release (format ${format}); finish the rollback with that release`;
    throw new BackupError('newer-version', sentence, path);
  }
  const parsed = journalSchema.safeParse(content);
  if (!parsed.success) throw unreadable(path);
  return parsed.data;
}

function unreadable(path: string): BackupError {
  const sentence = `${path} is damaged, so it is not known how far a rollback came; remove it to begin again`;
  return new BackupError('damaged', sentence, path);
}

export function writeJournal(backup: string, journal: Journal, disk: Disk): void {
  const path = join(backup, JOURNAL_NAME);
  const temporary = `${path}.new`;
  if (existsSync(temporary)) disk.unlink(temporary);
  const file = disk.create(temporary);
  try {
    disk.write(file, Buffer.from(`${JSON.stringify(journal, null, 2)}\n`));
  } catch (error) {
    disk.close(file);
    throw error;
  }
  disk.finish(file);
  disk.rename(temporary, path);
  disk.syncFolder(dirname(path));
}

/** A backup that is kept is as before. */
export function removeJournal(backup: string, disk: Disk): void {
  const path = join(backup, JOURNAL_NAME);
  if (!existsSync(path)) return;
  disk.unlink(path);
  disk.syncFolder(backup);
}
