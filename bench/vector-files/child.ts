/** One measurement of the files of the vector index, in a process of its own: child.js QUESTION-AS-JSON. */
import { readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MODEL_NAME, openV2Engine, type LoggedCommand } from '../../src/memory/index.js';
import { HnswIndex, openSnapshot, saveSnapshot } from '../../src/memory/index/index.js';
import type { V2Engine } from '../../src/memory/v2-engine.js';
import { RandomStream } from '../../sim/world/random.js';
import { type Measurements, quantile } from '../harness.js';

interface BuildAsked {
  readonly do: 'build';
  readonly path: string;
  readonly vectors: number;
  readonly dimensions: number;
  readonly inFile: boolean;
}

export type Asked =
  | { readonly do: 'open'; readonly path: string; readonly dimensions: number }
  | BuildAsked
  | {
      readonly do: 'turns';
      readonly path: string;
      readonly vectors: number;
      readonly batches: number;
    };

const DIMENSIONS = 384;
/** A graph that links soon: what is measured does not depend on how good it is. */
const BUILD_BREADTH = 24;
const BATCH = 16;
const SEARCHES_PER_BATCH = 4;

const random = new RandomStream(1, 'bench-vector-files');
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function randomVector(dimensions: number): Float32Array {
  return Float32Array.from({ length: dimensions }, () => random.fraction() - 0.5);
}

function megabytes(name: 'RssAnon' | 'RssFile'): number {
  const status = readFileSync('/proc/self/status', 'latin1');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}

/** Milliseconds of a processor, of this thread; the system counts in ticks of up to 4 of them. */
function threadCpuMs(): number {
  const [nanoseconds = ''] = readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ');
  return Number(nanoseconds) / 1e6;
}

/** Milliseconds of processors, of all threads. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function growth(): () => Measurements {
  collectGarbage();
  const before = { anon: megabytes('RssAnon'), file: megabytes('RssFile') };
  return () => {
    collectGarbage();
    return { anon: megabytes('RssAnon') - before.anon, file: megabytes('RssFile') - before.file };
  };
}

function open(path: string, dimensions: number): Measurements {
  const query = randomVector(dimensions);
  const grown = growth();
  const [startedMs, startedCpuMs] = [performance.now(), cpuMs()];
  const { index } = openSnapshot(path);
  index.search(query, { limit: 10 });
  const took = { open: performance.now() - startedMs, 'open-cpu': cpuMs() - startedCpuMs };
  return { ...took, ...grown() };
}

async function build({ path, vectors, dimensions, inFile }: BuildAsked): Promise<Measurements> {
  const grown = growth();
  const index = HnswIndex.create({
    dimensions,
    buildBreadth: BUILD_BREADTH,
    ...(inFile ? { originalsIn: dirname(path) } : {}),
  });
  for (let at = 0; at < vectors; at += 1) index.put(`memory ${at}`, randomVector(dimensions));
  await index.linkAll();
  const memory = grown();
  saveSnapshot(index, path);
  return memory;
}

class Durations {
  readonly #ms: number[] = [];
  readonly #cpuMs: number[] = [];

  /** Measures one call. */
  of(call: () => void): void {
    const [startedMs, startedCpuMs] = [performance.now(), threadCpuMs()];
    call();
    const ms = performance.now() - startedMs;
    this.add(ms, Math.min(ms, threadCpuMs() - startedCpuMs));
  }

  /** A tick counts what was before as well: no call takes more of a processor than of the clock. */
  add(ms: number, ofCpuMs: number): void {
    this.#ms.push(ms);
    this.#cpuMs.push(ofCpuMs);
  }

  measurements(name: string): Measurements {
    return {
      [`${name}-p99`]: quantile(this.#ms, 0.99),
      [`${name}-max`]: quantile(this.#ms, 1),
      [`${name}-cpu-p99`]: quantile(this.#cpuMs, 0.99),
      [`${name}-cpu-max`]: quantile(this.#cpuMs, 1),
    };
  }
}

/** Inserts from 1 on, as a log has them. */
function inserts(from: number, count: number): LoggedCommand[] {
  return Array.from({ length: count }, (_, at) => ({
    index: from + at,
    command: {
      type: 'insertMemory',
      id: `memory ${from + at}`,
      content: 'text',
      metadata: {},
      vector: { model: MODEL_NAME, values: randomVector(DIMENSIONS) },
      timestampMs: 1_760_000_000_000,
    },
  }));
}

async function turns(path: string, vectors: number, batches: number): Promise<Measurements> {
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
  const engine: V2Engine = openV2Engine(path, { create: true });
  await engine.prepareSearch();
  for (let from = 1; from <= vectors; from += 500) engine.apply(inserts(from, 500), from + 499);
  while (engine.vectorCounts()!.scanned > 0) await new Promise((done) => setTimeout(done, 20));
  const [insert, search, upkeep] = [new Durations(), new Durations(), new Durations()];
  for (let batch = 0; batch < batches; batch += 1) {
    const from = engine.appliedIndex + 1;
    const commands = inserts(from, BATCH);
    insert.of(() => engine.apply(commands, from + BATCH - 1));
    for (let at = 0; at < SEARCHES_PER_BATCH; at += 1) {
      const vector = { model: MODEL_NAME, values: randomVector(DIMENSIONS) };
      search.of(() => engine.search({ text: '', vector, limit: 10 }));
      for (let turn = 0; turn < 4; turn += 1) {
        const [startedMs, startedCpuMs] = [performance.now(), threadCpuMs()];
        await new Promise((done) => setTimeout(done, 0));
        const ms = performance.now() - startedMs;
        // The timer itself waits for 1 ms.
        upkeep.add(Math.max(0, ms - 1), Math.min(ms, threadCpuMs() - startedCpuMs));
      }
    }
  }
  engine.close();
  return {
    ...insert.measurements('insert'),
    ...search.measurements('search'),
    ...upkeep.measurements('upkeep'),
  };
}

async function answer(asked: Asked): Promise<Measurements> {
  switch (asked.do) {
    case 'open':
      return open(asked.path, asked.dimensions);
    case 'build':
      return build(asked);
    case 'turns':
      return turns(asked.path, asked.vectors, asked.batches);
  }
}

process.send?.(await answer(JSON.parse(process.argv[2] ?? '{}') as Asked), () => process.exit());
