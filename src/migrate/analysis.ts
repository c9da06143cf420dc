/** What of an installation can be migrated, and what cannot be read at all. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';

import { discoverInstallation, V1Error, type V1Installation, type V1Store } from '../v1/index.js';
import { MigrationError } from './errors.js';

/** What v1 keeps its memory in. */
const NAMES_OF_V1 = ['.swarm', '.swarm/memory.db', 'agentdb.db', '.agentdb', '.hive-mind'];

export interface AnalysisOptions {
  readonly directory: string;
  readonly home?: string | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface Analysis {
  readonly installation: V1Installation;
  /** Stores with rows that can be read. */
  readonly usable: readonly V1Store[];
  /** Files of v1 in which nothing can be read though something should be there. */
  readonly unusable: readonly V1Store[];
}

/** Undefined if the directory is there and holds nothing of v1. */
export async function analyseIfAny(options: AnalysisOptions): Promise<Analysis | undefined> {
  try {
    return await analyse(options);
  } catch (error) {
    const isEmpty = error instanceof V1Error && error.code === 'no-installation';
    if (isEmpty && statSync(options.directory, { throwIfNoEntry: false })?.isDirectory() === true) {
      refuseLinksOut(options.directory);
      return undefined;
    }
    throw error;
  }
}

/** Throws `unusable` where what v1 would have there is a link to another place: that is not nothing of v1. */
function refuseLinksOut(directory: string): void {
  const root = realpathSync(directory);
  for (const name of NAMES_OF_V1) {
    const path = join(root, name);
    if (!existsSync(path)) continue;
    const real = realpathSync(path);
    if (real.startsWith(root + sep)) continue;
    throw new MigrationError(
      'unusable',
      `${path} is a link out of the directory to ${real}, which is not followed; migrate the directory in which ` +
        'that lies, or name a database there with CLAUDE_FLOW_DB_PATH or AGENTDB_PATH; nothing was changed',
      path,
    );
  }
}

/**
 * Looks at everything of v1 and writes nothing. Throws `unusable` where there are stores and nothing can be
 * read in any of them: a migration of nothing must not look like one.
 */
async function analyse(options: AnalysisOptions): Promise<Analysis> {
  const { directory, home, env, signal, onProgress } = options;
  const installation = await discoverInstallation(directory, {
    ...(home === undefined ? {} : { home }),
    ...(env === undefined ? {} : { env }),
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  const usable = installation.stores.filter(isReadable);
  const unusable = installation.stores.filter((store) => !isReadable(store) && isBroken(store));
  if (usable.length === 0 && unusable.some(isDatabase)) {
    const list = unusable.map(({ path, findings }) => `${path}: ${findings[0] ?? 'not readable'}`);
    throw new MigrationError(
      'unusable',
      `nothing in ${installation.directory} can be read as data of v1 (${list.join('; ')}); restore ` +
        'the file from a backup and try again, nothing was changed',
      installation.directory,
    );
  }
  return { installation, usable, unusable };
}

function isDatabase({ format }: V1Store): boolean {
  return !format.endsWith('-json');
}

function rowCount(store: V1Store): number {
  return Object.values(store.rows).reduce((sum, count) => sum + count, 0);
}

function isReadable(store: V1Store): boolean {
  if (store.state === 'ok' || store.state === 'empty') return true;
  return store.state === 'damaged' && rowCount(store) > 0;
}

/** A JSON file of 0 bytes is what v1 leaves of a session that it never wrote: it holds no row. */
function isBroken({ state, format }: V1Store): boolean {
  if (state === 'empty-file' && format.endsWith('-json')) return false;
  return state !== 'ok' && state !== 'empty';
}
