import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkLength,
  checkMachinePaths,
  checkReach,
  checkSource,
  fileLinesMax,
  partOf,
  type Violation,
} from './architecture/rules.js';

const root = process.cwd();
const folders = ['transport', 'consensus', 'nodes', 'sim', 'src', 'bench', 'examples', 'test'];

function filesBelow(folder: string, pattern: RegExp): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .filter((entry) => !/node_modules|native\/build/.test(entry.parentPath))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

function check(
  files: readonly string[],
  rule: (file: string, text: string) => Violation[],
): string[] {
  return files
    .flatMap((file) => rule(file, readFileSync(join(root, file), 'utf8')))
    .map(({ file, line, sentence }) => `${file}:${line} ${sentence}`);
}

describe('the source tree', () => {
  const sources = folders.flatMap((folder) => filesBelow(folder, /\.ts$/));

  it('is found', () => {
    expect(sources).toContain('test/architecture.test.ts');
    expect(sources.length).toBeGreaterThan(20);
  });

  it('imports in one direction, and its cores are pure', () => {
    expect(check(sources, checkSource)).toEqual([]);
  });

  it('lets the simulator load nothing of Node by way of nodes', () => {
    const texts = sources.map((file) => [file, readFileSync(join(root, file), 'utf8')] as const);
    const found = checkReach(new Map(texts));
    expect(found.map(({ file, line, sentence }) => `${file}:${line} ${sentence}`)).toEqual([]);
  });

  it(`has no file over ${fileLinesMax} lines`, () => {
    expect(check(sources, checkLength)).toEqual([]);
  });

  it('names no path of a machine', () => {
    const texts = [...folders, 'docs', 'native', '.ci'].flatMap((folder) =>
      filesBelow(folder, /\.(?:ts|js|mjs|json|md|sh|yml|cc|h|gyp)$|^[^.]+$/),
    );
    const top = readdirSync(root).filter((name) => /\.(?:md|json|js)$/.test(name));
    expect(check([...texts, ...top], checkMachinePaths)).toEqual([]);
  });
});

/** Each row: a file, its text, and what must be said about it (null: nothing). */
const sourceCases: readonly (readonly [file: string, text: string, expected: string | null])[] = [
  // Directions.
  ['transport/a.ts', `import { b } from './quic/b.js';`, null],
  ['transport/a.ts', `import x from 'node:dgram'; import 'msgpackr';`, null],
  [
    'transport/a.ts',
    `import { b } from '../consensus/b.js';`,
    'transport does not import consensus',
  ],
  ['transport/a.ts', `import type { B } from '../src/memory/b.js';`, 'does not import a library'],
  ['consensus/a.ts', `export * from '../transport/b.js';`, 'consensus does not import transport'],
  ['src/memory/a.ts', `import { b } from '../security/b.js';`, null],
  ['src/memory/a.ts', `import { b } from '../../nodes/b.js';`, 'a library of src does not import'],
  ['src/memory/a.ts', `import { b } from '../../nodes/rollout/b.js';`, 'import a core of nodes'],
  ['src/memory/a.ts', `import { b } from '../cli/b.js';`, 'does not import the top of src'],
  ['src/memory/a.ts', `import { b } from '../../sim/b.js';`, 'does not import sim'],
  ['src/memory/a.ts', `const b = await import('../../nodes/b.js');`, 'does not import nodes'],
  ['src/memory/a.ts', `let b: import('../../nodes/b.js').B;`, 'does not import nodes'],
  ['nodes/a.ts', `import { b } from '../src/memory/b.js';`, null],
  ['nodes/a.ts', `import { b } from '../transport/b.js';`, null],
  ['nodes/a.ts', `import { b } from '../sim/b.js';`, 'nodes does not import sim'],
  ['nodes/a.ts', `import { b } from '../src/cli/b.js';`, 'nodes does not import the top of src'],
  ['nodes/a.ts', `import { b } from '../test/b.js';`, 'nodes does not import test'],
  ['sim/a.ts', `import { b } from '../consensus/raft/b.js';`, null],
  ['sim/a.ts', `import { b } from '../nodes/control-plane/b.js';`, null],
  ['sim/a.ts', `import type { B } from '../src/memory/b.js';`, null],
  ['sim/a.ts', `import { b } from '../src/memory/b.js';`, 'sim does not import a library'],
  ['sim/a.ts', `import { b } from '../transport/b.js';`, 'sim does not import transport'],
  ['src/cli/a.ts', `import { b } from '../../nodes/b.js';`, null],
  ['src/cli/a.ts', `import { b } from '../../bench/b.js';`, 'does not import bench'],
  ['bench/a.ts', `import { b } from '../nodes/b.js'; import { c } from '../test/c.js';`, null],
  ['src/odd/a.ts', '', 'has no place'],
  ['nodes/a.ts', `import { b } from '../odd/b.js';`, 'which has no place'],
  // Cores.
  ['consensus/raft/a.ts', `import { b } from '../b.js';`, null],
  ['consensus/raft/a.ts', `import { b } from 'node:crypto';`, 'nothing from outside'],
  ['consensus/raft/a.ts', `import type { b } from 'yjs';`, 'nothing from outside'],
  ['nodes/rollout/a.ts', `import { b } from '../control-plane/b.js';`, null],
  ['nodes/rollout/a.ts', `import { b } from '../../consensus/raft/b.js';`, null],
  ['nodes/rollout/a.ts', `import type { B } from '../../src/memory/b.js';`, null],
  ['nodes/rollout/a.ts', `import { type B } from '../../src/memory/b.js';`, 'a core of nodes'],
  ['nodes/rollout/a.ts', `import { b } from '../../src/memory/b.js';`, 'a core of nodes does not'],
  ['nodes/rollout/a.ts', `import '../../src/memory/b.js';`, 'a core of nodes does not'],
  ['nodes/replica/a.ts', `import { b } from '../storage/b.js';`, 'a core of nodes does not'],
  ['nodes/storage/a.ts', `const now = Date.now(); await 1;`, null],
  ['consensus/a.ts', `const now = Date.now();`, 'this is Date'],
  ['consensus/a.ts', `const chance = Math.random();`, 'this is Math.random'],
  ['consensus/a.ts', `const floor = Math.floor(1.5);`, null],
  ['consensus/a.ts', `setTimeout(() => {}, 1);`, 'this is setTimeout'],
  ['consensus/a.ts', `setInterval(() => {}, 1);`, 'this is setInterval'],
  ['consensus/a.ts', `setImmediate(() => {});`, 'this is setImmediate'],
  ['consensus/a.ts', `const now = performance.now();`, 'this is performance'],
  ['consensus/a.ts', `const later = new Promise(() => {});`, 'this is Promise'],
  ['consensus/a.ts', `type Later = Promise<void>;`, 'this is Promise'],
  ['consensus/a.ts', `export async function f() {}`, 'this is async'],
  ['consensus/a.ts', `const f = async () => 1;`, 'this is async'],
  ['consensus/a.ts', `const { now } = globalThis;`, 'this is globalThis'],
  ['consensus/a.ts', `const time = process.hrtime();`, 'this is process.hrtime'],
  ['consensus/a.ts', `// Date.now, setTimeout\nconst words = 'new Promise async';`, null],
  ['consensus/a.ts', `interface A { Date: number }\nconst a = { Date: 1 };\na.Date;`, null],
];

/** Three files of nodes, of which the codec is imported by the simulator and may import on. */
const treeWith = (codec: string): Map<string, string> =>
  new Map([
    ['sim/a.ts', `import { b } from '../nodes/wire/b.js';`],
    ['nodes/wire/b.ts', `import 'msgpackr';\nimport { c } from './c.js';`],
    ['nodes/wire/c.ts', codec],
    ['nodes/d.ts', `import 'node:fs'; import { b } from './wire/b.js';`],
  ]);

describe('the rules', () => {
  it.each(sourceCases)('%s: %s', (file, text, expected) => {
    const sentences = checkSource(file, text).map(({ sentence }) => sentence);
    if (expected === null) expect(sentences).toEqual([]);
    else expect(sentences).toEqual([expect.stringContaining(expected)]);
  });

  it('follow what the simulator loads', () => {
    expect(
      checkReach(treeWith(`import type { D } from '../d.js'; import '../wire/b.js';`)),
    ).toEqual([]);
    expect(checkReach(treeWith(`import { d } from '../d.js';`))).toEqual([
      {
        file: 'sim/a.ts',
        line: 1,
        sentence:
          'the simulator loads a module of Node: ' +
          'nodes/wire/b.ts -> nodes/wire/c.ts -> nodes/d.ts -> node:fs',
      },
    ]);
  });

  it('name the line', () => {
    const text = `const a = 1;\n\nimport { b } from '../consensus/b.js';`;
    expect(checkSource('transport/a.ts', text)[0]).toMatchObject({ line: 3 });
    expect(checkSource('consensus/a.ts', `let a;\nDate.now();`)[0]).toMatchObject({ line: 2 });
  });

  it('divide the tree into parts', () => {
    expect(partOf('nodes/rollout/machine.ts')).toBe('core');
    expect(partOf('nodes/rollout-report.ts')).toBe('nodes');
    expect(partOf('src/index.ts')).toBe('top');
    expect(partOf('dist/a.ts')).toBeNull();
  });

  it('count lines', () => {
    expect(checkLength('sim/a.ts', 'x\n'.repeat(fileLinesMax))).toEqual([]);
    expect(checkLength('sim/a.ts', 'x\n'.repeat(fileLinesMax + 1))).toHaveLength(1);
  });

  it('find paths of a machine', () => {
    const path = ['', 'work', 'main'].join('/');
    expect(checkMachinePaths('README.md', `run\ncd ${path}`)[0]).toMatchObject({ line: 2 });
    expect(checkMachinePaths('README.md', `see docs${path}`)).toEqual([]);
    expect(checkMachinePaths('a.ts', `'${['', 'tmp', 'bash_jobs'].join('/')}.1'`)).toHaveLength(1);
  });
});
