/** Carries out a plan of the configuration phase, file by file, each whole or not at all. */
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { ConfigError, translateConfigError } from './errors.js';
import { CONFIG_BYTES_MAX } from './limits.js';
import type { ConfigPlan, FileChange } from './plan-types.js';
import { CONFIG_FOLDER } from './read-config.js';
import { isInside, readSource, realRoot } from './source-file.js';

export interface ApplyConfigOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** What is needed to undo it; the bytes of changed files are in the backup. */
export interface AppliedConfig {
  /** Absolute paths of files that were not there before. */
  readonly created: readonly string[];
  /** Absolute paths, and of a link the file it leads to. */
  readonly changed: readonly {
    readonly path: string;
    readonly target: string;
    readonly sha256: string;
  }[];
  /** Folders that were not there before, the outermost first. */
  readonly folders: readonly string[];
}

const NEW_FILE_MODE = 0o600;

/**
 * Carries out `plan`. A file that is as the plan wants it already counts as done, so a run that was killed
 * is simply run again. Throws `ConfigError` `changed-since-plan` before anything is written if a file
 * differs from what was planned for; `outside`, `no-permission`, `disk-full`, `interrupted`, `io`.
 */
export async function applyConfig(
  plan: ConfigPlan,
  options: ApplyConfigOptions = {},
): Promise<AppliedConfig> {
  const targets = plan.changes.map((change) => targetOf(plan, change));
  plan.changes.forEach((change, at) => stateOf(change, targets[at]!));
  const folder = join(plan.directory, CONFIG_FOLDER);
  const folders = plan.changes.length === 0 ? [] : makeFolder(plan.directory, folder);
  const created: string[] = [];
  const changed: { path: string; target: string; sha256: string }[] = [];
  for (const [at, change] of plan.changes.entries()) {
    if (options.signal?.aborted === true) {
      const sentence = `changing the configuration was interrupted after ${at} of ${plan.changes.length} files; run it again`;
      throw new ConfigError('interrupted', sentence, plan.directory);
    }
    const target = targets[at]!;
    try {
      if (stateOf(change, target) === 'before') replace(change, target, folder);
    } catch (error) {
      throw translateConfigError(error, change.path);
    }
    if (change.before === null) created.push(change.path);
    else changed.push({ path: change.path, target, sha256: change.after.sha256 });
    options.onProgress?.(at + 1, plan.changes.length);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { created, changed, folders };
}

/** A link is written through, so that it stays one. */
function targetOf(plan: ConfigPlan, change: FileChange): string {
  const roots = [plan.directory, plan.home].map(realRoot);
  const found = lstatSync(change.path, { throwIfNoEntry: false });
  const folder = found === undefined ? nearestFolder(change.path) : change.path;
  const real = realpathOf(folder, change.path);
  if (!roots.some((root) => isInside(real, root))) {
    const sentence = `${change.path} leads out of the directory and the home directory; it is not written`;
    throw new ConfigError('outside', sentence, change.path);
  }
  return found === undefined ? change.path : real;
}

function nearestFolder(path: string): string {
  let folder = dirname(path);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

function realpathOf(path: string, shown: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw translateConfigError(error, shown);
  }
}

/** Whether the file is as before the plan or as after it; anything else is refused. */
function stateOf(change: FileChange, target: string): 'before' | 'after' {
  const missing = lstatSync(target, { throwIfNoEntry: false }) === undefined;
  if (missing && change.before === null) return 'before';
  if (!missing) {
    const limits = { bytesMax: CONFIG_BYTES_MAX, strict: false };
    const reading = readSource({ path: target, name: change.name }, [], limits);
    if (!reading.ok)
      throw new ConfigError(reading.code, `${change.path} ${reading.reason}`, change.path);
    if (reading.file.content.sha256 === change.after.sha256) return 'after';
    if (reading.file.content.sha256 === change.before?.sha256) return 'before';
  }
  const sentence = `${change.path} was ${missing ? 'removed' : 'changed'} after the plan was made; it is not touched. Run the migration again`;
  throw new ConfigError('changed-since-plan', sentence, change.path);
}

/** Makes the folder and tells which parts of it were not there. */
function makeFolder(directory: string, folder: string): string[] {
  const outer = join(directory, dirname(CONFIG_FOLDER));
  const missing = [outer, folder].filter((path) => !existsSync(path));
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const path of missing) syncFolder(dirname(path));
  } catch (error) {
    throw translateConfigError(error, folder);
  }
  return missing;
}

function replace(change: FileChange, target: string, folder: string): void {
  const before = statSync(target, { throwIfNoEntry: false });
  const temporary = temporaryFor(target, folder);
  rmSync(temporary, { force: true });
  try {
    const file = openSync(temporary, 'wx', NEW_FILE_MODE);
    try {
      const content = change.after.content();
      for (let done = 0; done < content.length;) done += writeSync(file, content, done);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (before !== undefined) keepOwner(temporary, before);
    // A last look: what the user saved meanwhile is not overwritten.
    if (stateOf(change, target) === 'before') renameSync(temporary, target);
    syncFolder(dirname(target));
  } finally {
    rmSync(temporary, { force: true });
  }
}

function keepOwner(path: string, before: { mode: number; uid: number; gid: number }): void {
  const now = statSync(path);
  if (now.uid !== before.uid || now.gid !== before.gid) chownSync(path, before.uid, before.gid);
  chmodSync(path, before.mode & 0o7777);
}

/**
 * In the folder of the migration where that is on the same file system, so that what a kill leaves is
 * removed with it; else beside the file, under a name that the next run finds again.
 */
function temporaryFor(target: string, folder: string): string {
  const name = `${basename(target)}.agentic-flow-new`;
  const same = statSync(dirname(target)).dev === statSync(folder).dev;
  return join(same ? folder : dirname(target), name);
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
