/** Uses the new store as its users will: searches, and v1's own calls. */
import { dirname } from 'node:path';

import { placesOf, Project } from '../../compat/index.js';
import { Database } from '../../memory/database.js';
import { type Embedder, openMemoryStore } from '../../memory/index.js';
import { openArchive } from '../data/index.js';
import { MigrationError } from '../errors.js';
import { RECALL_MIN } from '../limits.js';
import { type ReplayValidation, replayReads } from './replay.js';
import type { StorePaths } from './rows.js';
import { type SearchValidation, validateSearches } from './searches.js';

/** Throws `differs` where searches find too little, or v1's calls answer otherwise than before. */
export async function validateUse(
  { store: path, archive: archivePath }: StorePaths,
  embedder: Embedder,
  signal?: AbortSignal,
): Promise<{ readonly searches: SearchValidation; readonly replay: ReplayValidation }> {
  const searches = await search(path, embedder, signal);
  if (searches.recall < RECALL_MIN) {
    throw new MigrationError(
      'differs',
      `searches of the new store find ${(searches.recall * 100).toFixed(1)} % of what an exact scan finds, ` +
        `${RECALL_MIN * 100} % are wanted; this is a bug of the migration, report it`,
    );
  }
  const archive = openArchive(archivePath);
  // Not where a project has them yet.
  const places = { ...placesOf(dirname(path)), store: path, archive: archivePath };
  const project = new Project(places, { readOnly: true });
  try {
    return { searches, replay: replayReads(project, archive) };
  } finally {
    project.close();
    archive.close();
  }
}

async function search(
  path: string,
  embedder: Embedder,
  signal: AbortSignal | undefined,
): Promise<SearchValidation> {
  const store = await openMemoryStore(path, { create: false, embedder });
  try {
    const database = Database.open(path, { readOnly: true });
    try {
      return await validateSearches(store, database, embedder, signal);
    } finally {
      database.close();
    }
  } finally {
    await store.close();
  }
}
