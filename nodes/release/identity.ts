/**
 * Which release a folder holds. Its digest covers the files that run: `package.json`, what was built
 * (without tests and benchmarks), and what the native addon is built from. It is the same on every
 * machine; dependencies count by the exact versions that `package.json` names.
 */
import { createHash } from 'node:crypto';
import { lstat, readFile, readdir, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { COMMAND_VERSION } from '../control-plane/state.js';
import { NodeError, messageOf } from '../errors.js';
import { RELEASE_BYTES_MAX, RELEASE_FILES_MAX } from './limits.js';

/** One build of this package. */
export interface Release {
  /** Version of the package, and the first twelve digits of the digest: `2.1.0+ab12cd34ef56`. */
  readonly name: string;
  /** SHA-256 in hexadecimal. */
  readonly digest: string;
  /** The newest version of commands that it reads and writes. */
  readonly commandVersion: number;
}

/** Where a release has its command line, from its folder. */
export const MAIN_FILE = join('dist', 'src', 'cli', 'main.js');
const PACKAGE_NAME = 'agentic-flow';
const DIGEST_DIGITS_IN_NAME = 12;
const FOLDERS = ['dist', 'native'];
/** Tests and benchmarks do not run; the addon is built again on each machine. */
const SKIPPED = new Set(['dist/test', 'dist/bench', 'native/build', 'native/build.log']);
/** Files that are open at the same time. */
const READ_AT_ONCE = 32;
const SET_ID_BITS = 0o6000;
const SKIPPED_ENDINGS = ['.d.ts', '.map', '.tsbuildinfo'];

const packageFile = z.object({ name: z.string(), version: z.string().min(1).max(100) });

/** The folder of the package that this code belongs to. */
export function ownFolder(): string {
  // dist/nodes/release/identity.js lies three folders below the package.
  return join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
}

/** The release that this process runs. */
export async function ownRelease(): Promise<Release> {
  return { ...(await identify(ownFolder())), commandVersion: COMMAND_VERSION };
}

/** A file of a build. */
export interface BuildFile {
  /** From the folder of the build, with `/` between names. */
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
}

/** Name and digest of the release in a folder. Throws as `describeBuild` does. */
export async function identify(folder: string): Promise<Pick<Release, 'name' | 'digest'>> {
  const { name, digest } = await describeBuild(folder);
  return { name, digest };
}

/** The digest of a release: of the paths and digests of its files, in the order of their paths. */
export function digestOf(files: readonly BuildFile[]): string {
  const whole = createHash('sha256');
  for (const { path, sha256 } of files) whole.update(`${path}\n${sha256}\n`);
  return whole.digest('hex');
}

/** The name of a release of that version of the package and that digest. */
export function nameOf(version: string, digest: string): string {
  return `${version}+${digest.slice(0, DIGEST_DIGITS_IN_NAME)}`;
}

/**
 * The release in a folder, with its files in the order of their paths.
 * @throws NodeError `refused` when the folder holds no build of this package.
 */
export async function describeBuild(
  folder: string,
): Promise<Pick<Release, 'name' | 'digest'> & { readonly files: readonly BuildFile[] }> {
  const version = await packageVersion(folder);
  const paths = [
    'package.json',
    ...(await Promise.all(FOLDERS.map((one) => filesOf(folder, one)))).flat(),
  ];
  if (paths.length > RELEASE_FILES_MAX) {
    throw notBuilt(folder, `it has more than ${RELEASE_FILES_MAX} files`);
  }
  if (!paths.includes(slashes(MAIN_FILE))) throw notBuilt(folder, `${MAIN_FILE} is missing`);
  const files: BuildFile[] = [];
  let bytes = 0;
  paths.sort();
  for (let from = 0; from < paths.length; from += READ_AT_ONCE) {
    const some = paths.slice(from, from + READ_AT_ONCE);
    const contents = await Promise.all(some.map((path) => readFile(join(folder, path))));
    for (const [at, content] of contents.entries()) {
      bytes += content.byteLength;
      const sha256 = createHash('sha256').update(content).digest('hex');
      files.push({ path: some[at] ?? '', bytes: content.byteLength, sha256 });
    }
    if (bytes > RELEASE_BYTES_MAX) {
      throw notBuilt(folder, `its files have more than ${RELEASE_BYTES_MAX} bytes`);
    }
  }
  const digest = digestOf(files);
  return { name: nameOf(version, digest), digest, files };
}

/** Refuses a build to be carried of which a file would do more than its bytes say. */
export async function requirePlainFiles(
  folder: string,
  files: readonly BuildFile[],
): Promise<void> {
  for (const { path } of files) {
    const found = await lstat(join(folder, path));
    if (!found.isFile()) throw notBuilt(folder, `${path} is no regular file`);
    if ((found.mode & SET_ID_BITS) !== 0) throw notBuilt(folder, `${path} is set-uid or set-gid`);
  }
}

async function packageVersion(folder: string): Promise<string> {
  try {
    const parsed = packageFile.parse(
      JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')),
    );
    if (parsed.name !== PACKAGE_NAME) throw new Error(`it is of the package ${parsed.name}`);
    return parsed.version;
  } catch (error) {
    throw notBuilt(folder, `its package.json cannot be used: ${messageOf(error)}`);
  }
}

/** Paths of the files of a release below one of its folders, from the folder of the release. */
async function filesOf(folder: string, below: string): Promise<string[]> {
  const root = join(folder, below);
  if (!(await stat(root).catch(() => undefined))?.isDirectory()) return [];
  const found: string[] = [];
  const waiting = [root];
  for (const directory of waiting) {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      const name = slashes(relative(folder, path));
      if (SKIPPED.has(name)) continue;
      if (entry.isDirectory()) waiting.push(path);
      // What a link leads to could change and leave the digest as it was.
      else if (!entry.isFile()) throw notBuilt(folder, `${name} is no regular file`);
      else if (!SKIPPED_ENDINGS.some((each) => name.endsWith(each))) found.push(name);
    }
    if (found.length > RELEASE_FILES_MAX) break;
  }
  return found;
}

function slashes(path: string): string {
  return path.split(sep).join('/');
}

function notBuilt(folder: string, why: string): NodeError {
  return new NodeError(
    'refused',
    `${folder} holds no release of ${PACKAGE_NAME}: ${why}. Give the folder of an installed or built package`,
  );
}
