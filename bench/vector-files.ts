import { fork } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RUNG_VARIABLE, type Rung } from '../src/memory/index/rung.js';
import type { Bench, Measurements } from './harness.js';
import type { Asked } from './vector-files/child.js';

/** How much work a round is. */
export interface VectorFilesBenchSize {
  /** Of the snapshot that all builds of the kernel open, of 384 dimensions. */
  readonly vectors: number;
  /** Of the one that the native kernel opens too, of 32 dimensions; 0 leaves it out. */
  readonly manyVectors: number;
  /** Of the engine whose turns of the event loop are measured, of 384 dimensions. */
  readonly engineVectors: number;
  /** Batches of 16 inserts, each with 4 searches. */
  readonly batches: number;
}

const usual: VectorFilesBenchSize = {
  vectors: 50_000,
  manyVectors: 1_000_000,
  engineVectors: 50_000,
  batches: 400,
};
const dimensions = 384;
const manyDimensions = 32;

/**
 * The files of the vector index, each measurement in a new process. `open`: milliseconds until a
 * snapshot is open and has answered its first query, and of them those of processors. `anon` and `file`:
 * by how much the memory of the process has grown that is its own, and that is pages of files, which the
 * system takes back when it needs them. `turn`: milliseconds of each turn of the event loop of an engine
 * that takes inserts and searches while it links; `insert` and `search` are those calls alone, `upkeep`
 * the turns without one. Each also in milliseconds of processors, which other work does not stretch.
 */
export function vectorFilesBench(
  size: VectorFilesBenchSize = usual,
  names?: readonly string[],
): Bench {
  let folder = '';
  const fileOf = (name: string): string => {
    if (folder === '') folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
    return join(folder, name);
  };
  const close = (): void => {
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  };
  const opening = (rung: Rung): Bench['subjects'][number] => ({
    name: rung,
    prepare: async () => {
      const path = fileOf('vectors.index');
      if (!existsSync(path)) await buildInFile(path, size.vectors, dimensions);
    },
    run: () => ask(rung, { do: 'open', path: fileOf('vectors.index'), dimensions }),
    close,
  });
  const building = (name: string, inFile: boolean): Bench['subjects'][number] => ({
    name,
    run: async () => {
      const asked = { vectors: size.vectors, dimensions, inFile } as const;
      return ask('native', { do: 'build', path: fileOf('built.index'), ...asked });
    },
    close,
  });
  return {
    description: 'opening snapshots of the vector index, its memory, and turns of the event loop',
    roundsDefault: 3,
    metrics: {
      open: 'ms',
      'open-cpu': 'ms',
      anon: 'MB',
      file: 'MB',
      ...Object.fromEntries(
        ['insert', 'search', 'upkeep'].flatMap((kind) =>
          ['p99', 'max', 'cpu-p99', 'cpu-max'].map((part) => [`${kind}-${part}`, 'ms']),
        ),
      ),
    },
    subjects: [
      opening('native'),
      opening('wasm'),
      opening('js'),
      ...(size.manyVectors === 0
        ? []
        : [
            {
              name: 'native-many',
              prepare: async () => {
                await buildInFile(fileOf('many.index'), size.manyVectors, manyDimensions);
              },
              run: () =>
                ask('native', {
                  do: 'open',
                  path: fileOf('many.index'),
                  dimensions: manyDimensions,
                }),
              close,
            },
          ]),
      building('built-in-memory', false),
      building('built-in-file', true),
      {
        name: 'engine',
        run: () => {
          const { engineVectors: vectors, batches } = size;
          return ask('native', { do: 'turns', path: fileOf('store.db'), vectors, batches });
        },
        close,
      },
    ].filter(({ name }) => names?.includes(name) !== false),
    ratios:
      names === undefined
        ? [{ metric: 'anon', subject: 'built-in-file', peer: 'built-in-memory' }]
        : [],
  };
}

/** One question to a process of its own. */
async function ask(rung: Rung, asked: Asked): Promise<Measurements> {
  const child = fork(new URL('vector-files/child.js', import.meta.url), [JSON.stringify(asked)], {
    env: { ...process.env, [RUNG_VARIABLE]: rung },
  });
  return new Promise((resolve, reject) => {
    child.once('message', (answer) => resolve(answer as Measurements));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the process ended with ${String(code)}`)));
  });
}

function buildInFile(path: string, vectors: number, width: number): Promise<Measurements> {
  return ask('native', { do: 'build', path, vectors, dimensions: width, inFile: true });
}
