/** What may be done to a directory as it is: migrated, with a migration that was stopped, or without permission. */
import { accessSync, constants, existsSync, lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { V1Installation, V1Store } from '../v1/index.js';
import { findBackups } from './backup/index.js';
import { readJournal } from './backup/journal.js';
import { MigrationError } from './errors.js';
import { realDirectory, stagedFiles, v2Files } from './files.js';
import { type Manifest } from './manifest.js';
import type { MigrationState } from './state.js';

/** What a migration that is gone on with, or is brought up to date, was begun with. */
export type Begun = Pick<Manifest, 'mode' | 'home' | 'backup'>;

export interface Wanted {
  readonly home?: string | undefined;
  readonly backupPath?: string | undefined;
  readonly sideBySide?: boolean | undefined;
}

/** Throws `invalid` for an option that would have no effect any more. */
export function requireSameOptions(directory: string, begun: Begun, wanted: Wanted): void {
  const { home, backupPath, sideBySide } = wanted;
  const other = [
    home !== undefined && realDirectory(home) !== begun.home ? `with --home ${begun.home}` : '',
    backupPath !== undefined && realDirectory(backupPath) !== begun.backup
      ? `with its backup in ${begun.backup}`
      : '',
    sideBySide === true && begun.mode !== 'side-by-side' ? 'without --side-by-side' : '',
  ].filter((text) => text !== '');
  if (other.length === 0) return;
  throw new MigrationError(
    'invalid',
    `the migration of ${directory} was begun ${other.join(' and ')}; leave the option out to ` +
      'go on with that, or go back with --rollback and migrate again',
    directory,
  );
}

/**
 * Throws `invalid` where a store or an archive lies in the place of the one that this migration makes: somebody
 * works with it, and it holds what nothing else does.
 */
export function refuseForeignStore(directory: string, state: MigrationState | undefined): void {
  const { store, archive } = v2Files(directory);
  const staged = stagedFiles(directory);
  for (const [path, ours] of [
    [store, staged.store],
    [archive, staged.archive],
  ] as const) {
    // Once settings are written ours is moved there.
    const isOurs = state?.step === 'finish' && !existsSync(ours);
    if (isOurs || !existsSync(path)) continue;
    throw new MigrationError(
      'invalid',
      `${path} is there already, and this migration did not make it: a program of v2 may have written to it. ` +
        'Stop that program, move the file out of the folder, run this again, and bring over what it holds with ' +
        '"agentic-flow store export" and "agentic-flow store import"',
      path,
    );
  }
}

/** Throws `invalid` for the directory of a swarm's node, whose memory the node has open or has replaced. */
export function refuseNode(directory: string): void {
  for (const folder of [directory, dirname(directory)]) {
    const nodeFile = join(folder, 'node.json');
    const identity = join(folder, 'identity.pem');
    if (!existsSync(identity) || !existsSync(nodeFile)) continue;
    throw new MigrationError(
      'invalid',
      `${folder} is the directory of a swarm's node, which keeps its memory itself; a swarm is migrated with ` +
        '"agentic-flow rollout start"; nothing was changed',
      folder,
    );
  }
}

/** Throws `invalid` where `.agentic-flow` is a link or a file: a rollback removes the folder that a migration made. */
export function refuseOtherFolder(directory: string): void {
  const { folder } = v2Files(directory);
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory()) return;
  throw new MigrationError(
    'invalid',
    `${folder} is ${found.isSymbolicLink() ? 'a link' : 'no folder'}, and the migration needs a folder of its own ` +
      'there; move it away and try again, nothing was changed',
    folder,
  );
}

/** Throws `invalid` where a rollback was stopped when part of v1 was given back already. */
export function refuseHalfRollback(directory: string, backup: string | undefined): void {
  const known = findBackups(directory).map(({ path }) => path);
  for (const path of backup === undefined ? known : [backup, ...known]) {
    const journal = readJournal(path);
    if (journal === undefined || journal.directory !== directory || journal.phase === 'export')
      continue;
    throw new MigrationError(
      'invalid',
      `a rollback of ${directory} was begun and stopped; finish it with --rollback, then migrate again`,
      path,
    );
  }
}

/** Throws `no-permission` before anything is written, where what must be read or written may not be. */
export function requireAccess(directory: string, { stores, configs }: V1Installation): void {
  const { folder } = v2Files(directory);
  requireMode(existsSync(folder) ? folder : directory, constants.W_OK, 'written to');
  for (const { path } of [...stores, ...configs]) {
    if (existsSync(path)) requireMode(path, constants.R_OK, 'read, so that no backup can hold it');
  }
}

function requireMode(path: string, mode: number, what: string): void {
  try {
    accessSync(path, mode);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new MigrationError(
      'no-permission',
      `${path} may not be ${what} (${reason}); change its permissions, or run this as its owner; nothing was changed`,
      path,
    );
  }
}

/** Throws `invalid` where a store that is in the backup, and waits to be read, is not found any more. */
export function requireStores(
  { sources, backup }: MigrationState,
  usable: readonly V1Store[],
): void {
  const found = new Set(usable.map(({ name }) => name));
  const gone = Object.keys(sources).filter((name) => !found.has(name));
  if (gone.length === 0) return;
  throw new MigrationError(
    'invalid',
    `${gone.join(', ')}: found when this migration was begun, and not now; set the environment variables as they ` +
      'were then and run this again, or add --rollback to remove what is there and begin anew',
    backup,
  );
}
