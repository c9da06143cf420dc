/** Files of the project that tools read and write: within its directory, whatever links say. */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { ToolError } from './errors.js';
import { FILE_BYTES_MAX } from './limits.js';

/** Folders that hold what is not the project's text. */
const REFUSED_FOLDERS = new Set(['.git', '.agentic-flow', '.swarm', 'node_modules']);

export interface ProjectFile {
  /** Absolute, without links. */
  readonly path: string;
  /** As the caller may name it, from the directory of the project. */
  readonly name: string;
}

/**
 * A file of the project by the name that a caller gave. Links are followed and must stay within the
 * directory. Throws `ToolError` for what lies elsewhere.
 */
export async function fileOf(directory: string, given: string): Promise<ProjectFile> {
  if (given === '') throw new ToolError('the path of a file is empty');
  const root = await realpath(directory);
  const asked = isAbsolute(given) ? withoutRoot(directory, root, given) : resolve(root, given);
  refuseOutside(root, asked, given);
  const path = await resolved(asked);
  refuseOutside(root, path, given);
  const name = relative(root, path);
  const refused = name.split(sep).find((part) => REFUSED_FOLDERS.has(part));
  if (refused !== undefined) {
    throw new ToolError(`${given} lies in ${refused}, which tools do not touch`);
  }
  return { path, name };
}

/** The directory may have been named by way of a link. */
function withoutRoot(directory: string, root: string, given: string): string {
  const inside = relative(resolve(directory), resolve(given));
  const isInside = inside !== '' && !inside.startsWith('..') && !isAbsolute(inside);
  return isInside ? join(root, inside) : resolve(given);
}

/** Of a file that is not there yet: its nearest folder, without links, and the rest. */
async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw translated(error, path);
    // A link to nothing would be written through.
    const isLink = await lstat(path).then(
      () => true,
      () => false,
    );
    if (isLink) throw new ToolError(`${path} is a link to a file that is not there`);
    const parent = dirname(path);
    if (parent === path) throw new ToolError(`${path} is no file of the project`);
    return join(await resolved(parent), path.slice(parent.length + (parent.endsWith(sep) ? 0 : 1)));
  }
}

function refuseOutside(root: string, path: string, given: string): void {
  const inside = relative(root, path);
  if (inside === '' || inside.startsWith('..') || isAbsolute(inside)) {
    throw new ToolError(`${given} lies outside of the project ${root}; nothing was done`);
  }
}

/** The text of a file; undefined for one that is not there. Throws `ToolError` for what is no text. */
export async function readProjectFile({ path, name }: ProjectFile): Promise<string | undefined> {
  let handle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw translated(error, name);
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new ToolError(`${name} is no regular file`);
    if (stat.size > FILE_BYTES_MAX) {
      throw new ToolError(`${name} has ${stat.size} bytes; at most ${FILE_BYTES_MAX} are read`);
    }
    const bytes = Buffer.alloc(stat.size);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      bytes.subarray(0, bytesRead),
    );
  } catch (error) {
    if (error instanceof TypeError) throw new ToolError(`${name} is no UTF-8 text`);
    throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file whole or not at all, with the mode that it had. `isNew`: refuses to replace one. The
 * folders that are missing are made.
 */
export async function writeProjectFile(
  { path, name }: ProjectFile,
  text: string,
  { isNew = false }: { isNew?: boolean } = {},
): Promise<void> {
  const temporary = `${path}.${randomUUID().slice(0, 8)}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const old = await lstat(path).catch(() => undefined);
    if (isNew && old !== undefined) throw new ToolError(`${name} is there already`);
    const handle = await open(temporary, 'wx', old === undefined ? 0o644 : old.mode & 0o777);
    try {
      // The mask of the process may have taken some bits away.
      if (old !== undefined) await handle.chmod(old.mode & 0o777);
      await handle.writeFile(text, 'utf8');
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error instanceof ToolError ? error : translated(error, name);
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

function translated(error: unknown, name: string): ToolError {
  const code = codeOf(error);
  const because: Record<string, string> = {
    EACCES: 'may not be read or written by this user',
    EPERM: 'may not be changed',
    EROFS: 'lies on a file system that cannot be written',
    ENOSPC: 'could not be written: the disk is full',
    ELOOP: 'is a link that may not be followed here',
    ENOTDIR: 'lies below what is no folder',
    EISDIR: 'is a folder',
    ENAMETOOLONG: 'has a name that is too long',
  };
  return new ToolError(`${name} ${because[String(code)] ?? `failed with ${String(code)}`}`);
}
