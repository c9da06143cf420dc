/** What a migration leaves beside the store: where it came from, and how to go back. */
import { z } from 'zod';

import { v2Files } from './files.js';
import { readJsonFile, writeJsonFile } from './json-file.js';

const FORMAT = 2;

const manifestSchema = z.object({
  format: z.literal(FORMAT),
  /** Whether v1 stays in use beside v2. */
  mode: z.enum(['cut-over', 'side-by-side']),
  migratedAt: z.string(),
  /** Where the bytes of v1 are. */
  backup: z.string(),
  /** Home directory whose files belonged to it. */
  home: z.string(),
  /** SHA-256 of each store with its logs, as it was read last. */
  sources: z.record(z.string(), z.string()),
  /** Configuration files of v1 that were changed, each with the SHA-256 of what it became. */
  changed: z.record(z.string(), z.string()),
  /** Files that were added. */
  added: z.array(z.string()),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** Undefined if the directory was not migrated. Throws `invalid`. */
export function readManifest(directory: string): Manifest | undefined {
  return readJsonFile(v2Files(directory).manifest, manifestSchema);
}

export function writeManifest(directory: string, manifest: Omit<Manifest, 'format'>): void {
  writeJsonFile(v2Files(directory).manifest, { format: FORMAT, ...manifest });
}
