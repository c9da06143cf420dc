/**
 * What a build that is carried between machines says of itself: its files with their sizes and digests. The
 * release digest is made of these, so that a manifest that was changed anywhere is of another release. No modes,
 * owners or links are carried: there is no way to say them. Read without trust.
 *
 *     [1, name, digest, [[path, bytes, sha256], ...]]
 */
import { Fields, decode, encode } from '../wire/fields.js';
import { digestOf, nameOf } from './identity.js';
import type { BuildFile } from './identity.js';
import { BUILD_PATH_LENGTH_MAX, RELEASE_BYTES_MAX, RELEASE_FILES_MAX } from './limits.js';

const MANIFEST_VERSION = 1;
const PACKAGE_FILE = 'package.json';
const MAIN = 'dist/src/cli/main.js';

export interface BuildManifest {
  readonly name: string;
  readonly digest: string;
  /** In the order of their paths, which is the order in which their bytes travel. */
  readonly files: readonly BuildFile[];
}

export function encodeManifest({ name, digest, files }: BuildManifest): Uint8Array {
  const rows = files.map(({ path, bytes, sha256 }) => [path, bytes, sha256]);
  return encode([MANIFEST_VERSION, name, digest, rows]);
}

/** Throws a `NodeError` of code `malformed` that says what is wrong with it. */
export function decodeManifest(bytes: Uint8Array): BuildManifest {
  const fields = new Fields(decode(bytes, 'build manifest'), 'build manifest');
  const version = fields.count('version');
  if (version !== MANIFEST_VERSION) {
    fields.fail('version', `${MANIFEST_VERSION}; it is ${version}, of another release`);
  }
  const name = fields.string('name', 200);
  const digest = fields.string('digest', 64);
  const files = fields.list('files', RELEASE_FILES_MAX, (list) => readFile(list.fields('file')));
  if (bytesOf(files) > RELEASE_BYTES_MAX)
    fields.fail('files', `${RELEASE_BYTES_MAX} bytes at most`);
  const paths = new Set(files.map(({ path }) => path));
  for (const [at, { path }] of files.entries()) {
    const isNext = (files[at - 1]?.path ?? '') < path;
    if (!isNext || foldersOf(path).some((folder) => paths.has(folder))) {
      fields.fail('files', 'in the order of their paths, each once, none below another');
    }
  }
  if (!paths.has(PACKAGE_FILE) || !paths.has(MAIN))
    fields.fail('files', `${PACKAGE_FILE} and ${MAIN} among others`);
  const plus = name.lastIndexOf('+');
  const isNamed = digestOf(files) === digest && nameOf(name.slice(0, plus), digest) === name;
  if (!isNamed || !/^\d+\.\d+\.\d+/.test(name)) fields.fail('digest', 'that of the files');
  return { name, digest, files };
}

/** The folders that a file lies in, from that of the build. */
export function foldersOf(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, at) => names.slice(0, at + 1).join('/'));
}

/** Bytes of all files together. */
export function bytesOf(files: readonly BuildFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function readFile(fields: Fields): BuildFile {
  const path = fields.string('path', BUILD_PATH_LENGTH_MAX);
  if (!isInside(path)) fields.fail('path', `${PACKAGE_FILE}, or a plain path below dist or native`);
  const bytes = fields.count('bytes');
  const sha256 = fields.string('sha256', 64);
  if (!/^[0-9a-f]{64}$/.test(sha256)) fields.fail('sha256', '64 hexadecimal digits');
  return { path, bytes, sha256 };
}

/** No way out of the folder, and none to what is linked into it. */
function isInside(path: string): boolean {
  if (path === PACKAGE_FILE) return true;
  const names = path.split('/');
  const isPlain = names.every((name) => /^[\w@+.-]{1,255}$/.test(name) && !/^\.+$/.test(name));
  const isBelow = names.length > 1 && (names[0] === 'dist' || names[0] === 'native');
  return isPlain && isBelow && !path.startsWith('native/build/');
}
