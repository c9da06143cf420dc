/** Builds of this package beside the one that is tested: copies of it, some of them broken on purpose. */
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { scratch } from '../e2e/support/directories.js';

/** The folder of this package; this file is dist/test/releases/builds.js in it. */
export const PACKAGE = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const NOT_COPIED = ['dist/test', 'dist/bench', 'native/build'].map((each) => join(PACKAGE, each));

/** Text by path from the folder of the package, put before the text of that file. */
export type Additions = Readonly<Record<string, string>>;

/** A copy in a folder of its own that is the same release. */
export function sameBuild(name: string): string {
  const folder = scratch(name);
  mkdirSync(folder, { recursive: true });
  for (const each of ['package.json', 'dist', 'native']) {
    const filter = (source: string): boolean => !NOT_COPIED.includes(source);
    cpSync(join(PACKAGE, each), join(folder, each), { recursive: true, filter });
  }
  link(join(PACKAGE, 'node_modules'), join(folder, 'node_modules'));
  link(join(PACKAGE, 'native', 'build'), join(folder, 'native', 'build'));
  return folder;
}

/** A copy that is another release, since at least one of its files differs. */
export function copyBuild(name: string, additions: Additions = {}): string {
  const folder = sameBuild(name);
  const mark = { 'dist/nodes/release/limits.js': `// ${name}\n` };
  for (const [path, text] of Object.entries({ ...mark, ...additions })) {
    const file = join(folder, path);
    const [first = '', ...rest] = readFileSync(file, 'utf8').split(/(?<=\n)/);
    const isScript = first.startsWith('#!');
    writeFileSync(
      file,
      isScript ? [first, text, ...rest].join('') : [text, first, ...rest].join(''),
    );
  }
  return folder;
}

export function link(target: string, path: string): void {
  if (existsSync(target)) symlinkSync(target, path);
}

/** Ends whenever a supervisor starts it, but says what it is when it is asked. */
export const DIES_AS_STANDBY: Additions = {
  'dist/src/cli/main.js': "if (process.argv.includes('--supervised')) process.exit(3);\n",
};

/** Warms, and ends when it has got the directory. */
export const DIES_WITH_DIRECTORY: Additions = {
  'dist/src/cli/main.js':
    "if (process.argv.includes('--supervised')) process.on('message', (message) => {\n" +
    "  if (message.type === 'go') setTimeout(() => process.exit(4), 20);\n});\n",
};

/** Serves for so long, and ends. */
export function diesAfter(milliseconds: number): Additions {
  return {
    'dist/src/cli/main.js':
      "if (process.argv.includes('--supervised')) process.on('message', (message) => {\n" +
      `  if (message.type === 'go') setTimeout(() => process.exit(5), ${milliseconds});\n});\n`,
  };
}
