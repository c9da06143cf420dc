/** How much room and time a migration takes. */
import { freeBytes } from './backup/index.js';
import type { PlanReport } from './data/index.js';
import { MigrationError } from './errors.js';
import { SPACE_MARGIN_BYTES } from './limits.js';
import type { Analysis } from './analysis.js';
import type { Estimate } from './report.js';

/** From a plan, whose rows were read and whose sample was embedded. */
export function estimateOf(directory: string, analysis: Analysis, plan: PlanReport): Estimate {
  const { textsToEmbed, embedRate, estimatedSeconds, storeBytes, archiveBytes, vectorBytes } = plan;
  return {
    texts: textsToEmbed,
    textsPerSecond: embedRate,
    seconds: estimatedSeconds,
    bytesNeeded: bytesOf(analysis) + storeBytes + archiveBytes + vectorBytes,
    bytesFree: freeBytes(directory),
  };
}

/**
 * Refuses before anything is written where the disk cannot hold what is surely needed: a throwaway copy of each
 * store, the archive and the store. Throws `disk-full`. (The backup looks at its own disk.)
 */
export function checkSpace(directory: string, analysis: Analysis): void {
  const needed = 3 * bytesOf(analysis) + SPACE_MARGIN_BYTES;
  const free = freeBytes(directory);
  if (free >= needed) return;
  throw new MigrationError(
    'disk-full',
    `the migration of ${directory} needs about ${megabytes(needed)} MB and ${megabytes(free)} MB are free; ` +
      'free space and try again, nothing was changed',
    directory,
  );
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1e6);
}

function bytesOf({ installation: { stores, configs } }: Analysis): number {
  const ofStores = stores.reduce((sum, { bytes, walBytes }) => sum + bytes + walBytes, 0);
  return configs.reduce((sum, { bytes }) => sum + bytes, ofStores);
}
