/** A process that calls a kernel with random arguments: fuzz-child.js RUNG INSTRUCTIONS SEED. */
import { tmpdir } from 'node:os';
import { createKernel, RUNG_VARIABLE } from '../../../../src/memory/index/rung.js';
import { Codebook } from '../../../../src/memory/index/codebook.js';
import type { Codes } from '../../../../src/memory/index/codes.js';
import { HnswIndex } from '../../../../src/memory/index/hnsw-index.js';
import { OpenFile } from '../../../../src/memory/index/open-file.js';
import type { Kernel } from '../../../../src/memory/index/kernel.js';
import { loadAddon } from '../../../../src/memory/index/native-kernel.js';
import { RandomStream } from '../../../../sim/world/random.js';

const [rung = '', instructions = '', seed = ''] = process.argv.slice(2);
process.env[RUNG_VARIABLE] = rung;
if (rung === 'native') loadAddon().use(Number(instructions));

const CALLS = 20_000;
const DIMENSIONS = 6;
const random = new RandomStream(Number(seed), 'kernel-fuzz');
/** Of anything: a kernel takes it for a snapshot. */
const file = OpenFile.scratch(tmpdir());
file.write(
  Uint8Array.from({ length: 40_000 }, () => random.uint32() & 255),
  0,
);

function number(): number {
  return random.pick([
    () => random.integer(0, 3),
    () => random.integer(0, 40),
    () => random.integer(0, 5000),
    () => random.uint32(),
    () => -random.integer(0, 9),
    () => random.fraction() * 1e12,
    () => Number.NaN,
    () => Infinity,
    () => 2 ** 32 - 1,
    () => 2 ** 53,
  ])();
}

function floats(): Float32Array {
  const length = random.pick([0, 1, 5, 6, 6, 6, 7, 12, 100]);
  const wild = random.chance(0.1);
  return Float32Array.from({ length }, () => (wild ? number() : random.fraction() - 0.5));
}

function bytes(): Uint8Array {
  return Uint8Array.from({ length: random.pick([0, 1, 8, 64, 4096]) }, () => random.uint32() & 255);
}

function anything(): unknown {
  return random.pick<() => unknown>([
    number,
    floats,
    bytes,
    () => null,
    () => undefined,
    () => 'text',
    () => ({}),
    () => new Float64Array(64),
    () => new Uint32Array(64),
    () => new Uint32Array(new SharedArrayBuffer(64)),
    () => new DataView(new ArrayBuffer(8)),
    () => 5n,
    () => Symbol('odd'),
  ])();
}

type Call = (...given: unknown[]) => unknown;

/** The arguments that a call wants, each now and then replaced by anything. */
const CALLS_WITH: readonly (readonly [keyof Kernel, () => unknown[]])[] = [
  ['add', () => [floats(), number()]],
  ['link', () => [number()]],
  ['remove', () => [number()]],
  ['encode', () => [floats(), random.pick([1, 1, 2, number()]), bytes()]],
  ['vector', () => [number(), floats()]],
  [
    'search',
    () => [
      floats(),
      random.pick([1, 1, 2, number()]),
      random.pick([1, 5, number()]),
      random.pick([0, 10, number()]),
      random.pick([0, 10, number()]),
      random.pick([null, null, bytes()]),
      new Uint32Array(random.pick([0, 5, 64])),
      new Float64Array(random.pick([0, 5, 64])),
      new Uint32Array(random.pick([0, 1, 4])),
    ],
  ],
  ['describe', () => [new Uint32Array(random.pick([0, 13, 13, 20]))]],
  ['read', () => [random.integer(0, 4), number(), number(), bytes()]],
  ['write', () => [random.integer(0, 4), number(), number(), bytes()]],
  [
    'beginImport',
    () => [
      random.pick([0, 1, 5, 2 ** 31]),
      random.pick([0, 1, 2 ** 31]),
      random.pick([null, null, { file, blocksAt: number(), originalsAt: number() }]),
    ],
  ],
  ['sum', () => [random.integer(0, 4), number(), number(), number(), new Uint32Array(1)]],
  ['checkImport', () => [number()]],
  ['finishImport', () => [number(), number(), bytes()]],
  ['useOriginals', () => [file, random.pick([0, 4096, number()])]],
  ['checksum', () => [bytes(), number()]],
];

const codebook = new Codebook(
  { dimensions: DIMENSIONS, subvectors: 3, metric: 'dot' },
  Float32Array.from({ length: DIMENSIONS * 256 }, (_, at) => (at % 17) - 8),
);
let kernel = make();
let answers = 0;
let refusals = 0;

function make(): Kernel {
  const codes = random.pick<Codes>(['int8', 'float16', 'rabitq4', 'rabitq1', codebook]);
  return createKernel({ dimensions: DIMENSIONS, metric: 'dot', neighbours: 4, breadth: 20, codes });
}

for (let call = 0; call < CALLS; call += 1) {
  if (random.chance(0.002)) {
    try {
      kernel.destroy();
    } catch {
      // It was destroyed before.
    }
    if (random.chance(0.5)) kernel = make();
  }
  const [name, wanted] = random.pick(CALLS_WITH);
  // An import begun ends this kernel in most cases: seldom, so that others are used for a while.
  if (/Import|write|use/.test(name) && !random.chance(0.05)) continue;
  const given = wanted().map((value) => (random.chance(0.1) ? anything() : value));
  try {
    (kernel[name] as Call).apply(kernel, random.chance(0.05) ? given.slice(1) : given);
    answers += 1;
  } catch {
    refusals += 1;
    if (random.chance(0.05)) kernel = make();
  }
}

// The process is alive, and a new index works.
const index = HnswIndex.create({ dimensions: 2 });
index.put('a', Float32Array.of(1, 0));
index.put('b', Float32Array.of(0, 1));
index.link(2);
const sound = index.search(Float32Array.of(1, 0.1), { limit: 1 })[0]?.id === 'a';
process.send?.({ calls: CALLS, answers, refusals, sound });
process.disconnect?.();
