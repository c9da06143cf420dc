/** What a migration leaves beside the store, to know its source again. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';

import { z } from 'zod';

import { syncFile } from '../memory/database.js';
import { MANIFEST_BYTES_MAX } from './limits.js';

const FORMAT = 1;

const manifestSchema = z.object({
  format: z.literal(FORMAT),
  source: z.object({
    path: z.string(),
    /** SHA-256 over the bytes of the database and its logs. */
    fileHash: z.string(),
    /** Over all rows, so that a mere checkpoint of v1 does not count as a change. */
    contentHash: z.string(),
  }),
  store: z.string(),
  migratedAt: z.string(),
  counts: z.record(z.string(), z.number()),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** Undefined if there is none, or none that this release wrote. */
export function readManifest(path: string): Manifest | undefined {
  if (!existsSync(path) || statSync(path).size > MANIFEST_BYTES_MAX) return undefined;
  try {
    return manifestSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

export function writeManifest(path: string, manifest: Omit<Manifest, 'format'>): void {
  writeFileSync(path, `${JSON.stringify({ format: FORMAT, ...manifest }, null, 2)}\n`);
  syncFile(path, 'must-exist');
}
