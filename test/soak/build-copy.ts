/**
 * Releases of this package to run: copies of what was built, so that a build in the middle of a soak changes
 * nothing. A copy with another version in its package.json is another release.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of this package; this file is dist/test/soak/build-copy.js in it. */
const PACKAGE = fileURLToPath(new URL('../../../', import.meta.url));
const NOT_COPIED = ['dist/test', 'dist/bench', 'native/build'].map((each) => join(PACKAGE, each));

/** `version`: as it is unless given. Returns the program of the copy. */
export function copyPackage(folder: string, version?: string): string {
  mkdirSync(folder, { recursive: true });
  for (const each of ['dist', 'native']) {
    const filter = (source: string): boolean => !NOT_COPIED.includes(source);
    cpSync(join(PACKAGE, each), join(folder, each), { recursive: true, filter });
  }
  const described: unknown = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
  const text = JSON.stringify(
    { ...(described as object), ...(version === undefined ? {} : { version }) },
    null,
    2,
  );
  writeFileSync(join(folder, 'package.json'), `${text}\n`);
  for (const each of ['node_modules', 'native/build']) {
    const target = join(PACKAGE, each);
    if (existsSync(target)) symlinkSync(target, join(folder, each));
  }
  return join(folder, 'dist', 'src', 'cli', 'main.js');
}
