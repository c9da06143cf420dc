/**
 * How far a migration is, for the run after a kill. Each step is written here before it begins, and each can
 * be done again.
 */
import { z } from 'zod';

import { readJsonFile, writeJsonFile } from './json-file.js';
import { v2Files } from './files.js';

const FORMAT = 1;

const stateSchema = z.object({
  format: z.literal(FORMAT),
  /** `data`: the backup is complete. `config`: the store is whole. `finish`: settings are changed. */
  step: z.enum(['data', 'config', 'finish']),
  mode: z.enum(['cut-over', 'side-by-side']),
  home: z.string(),
  backup: z.string(),
  /** It was there before, so that a run that fails leaves it. */
  isBackupKept: z.boolean().default(false),
  sources: z.record(z.string(), z.string()),
  /** What the step `config` is about to change and add. */
  changed: z.record(z.string(), z.string()),
  added: z.array(z.string()),
});

export type MigrationState = z.infer<typeof stateSchema>;

/** Undefined if no migration was left unfinished. Throws `invalid`. */
export function readState(directory: string): MigrationState | undefined {
  return readJsonFile(v2Files(directory).state, stateSchema);
}

export function writeState(directory: string, state: Omit<MigrationState, 'format'>): void {
  writeJsonFile(v2Files(directory).state, { format: FORMAT, ...state });
}
