import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMiniLmEmbedder, type Embedder, embedAll } from '../src/memory/index.js';
import { migrateData } from '../src/migrate/data/index.js';
import { discoverInstallation, openReading, type V1Reading } from '../src/v1/index.js';
import type { Bench, Measurements } from './harness.js';
import { makeV1Database } from './migration/v1-database.js';

const memoriesUsual = 10_000;
/** A migration may take so many times what embedding its texts alone takes. */
const timesMost = 1.3;

/** What a round needs; a test brings an embedder of its own. */
export interface MigrationBenchSize {
  /** Memories of the comparison. */
  readonly count?: number | undefined;
  /** Rows of a database whose migration is measured instead. */
  readonly rows?: number | undefined;
  readonly embedder?: (() => Embedder & { warm?(): Promise<void> }) | undefined;
}

/**
 * `seconds`: of migrating a database of memories with as many links, and of embedding the same texts alone, each
 * with a model that is loaded before; `processor`: the time of all processors, which other work does not disturb. With `rows`: a database of so many rows, a third each memories, links
 * and metrics, is migrated by a process of its own with vectors that cost nothing.
 */
export function migrationBench(size: MigrationBenchSize = {}): Bench {
  return size.rows === undefined ? timeBench(size) : rowsBench(size.rows);
}

function timeBench({
  count = memoriesUsual,
  embedder = createMiniLmEmbedder,
}: MigrationBenchSize): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
  const texts: string[] = [];
  let isMade = false;
  const prepare = async (): Promise<void> => {
    if (isMade) return;
    isMade = true;
    const sizes = { memories: count, links: count, metrics: 0 };
    makeV1Database(join(folder, '.swarm', 'memory.db'), sizes);
    const [reading] = await readingsOf(folder);
    for (const { row } of reading?.rows('patterns') ?? []) {
      const data = JSON.parse(String(row['pattern_data'])) as Record<string, string>;
      texts.push(`${data['title']}\n${data['content']}`);
    }
    reading?.close();
  };
  const timed = async (work: (embedder: Embedder) => Promise<unknown>): Promise<Measurements> => {
    const own = embedder();
    try {
      await own.warm?.();
      const before = process.cpuUsage();
      const startedMs = performance.now();
      await work(own);
      const seconds = (performance.now() - startedMs) / 1000;
      const { user, system } = process.cpuUsage(before);
      return { seconds, processor: (user + system) / 1e6 };
    } finally {
      await own.close();
    }
  };
  const migrate = async (own: Embedder): Promise<void> => {
    const work = mkdtempSync(join(folder, 'work-'));
    const readings = await readingsOf(folder);
    const report = await migrateData({ readings, work, embedder: own });
    for (const reading of readings) reading.close();
    rmSync(work, { recursive: true });
    if (report.embedded !== texts.length) {
      throw new Error(`${report.embedded} texts were embedded, not ${texts.length}`);
    }
  };
  return {
    description: 'migrating memories with links, beside embedding their texts alone',
    roundsDefault: 3,
    metrics: { seconds: 's', processor: 's' },
    subjects: [
      { name: 'embedding alone', prepare, run: () => timed((own) => embedAll(own, texts)) },
      {
        name: 'migration',
        prepare,
        run: () => timed(migrate),
        close: () => rmSync(folder, { recursive: true, force: true }),
      },
    ],
    ratios: [
      { metric: 'seconds', subject: 'migration', peer: 'embedding alone' },
      { metric: 'processor', subject: 'migration', peer: 'embedding alone' },
      { metric: 'seconds', subject: 'embedding alone', peer: 'migration', goal: 1 / timesMost },
    ],
    notes: () => [
      `${count} memories with ${count} links; the time of the migration begins with the reading of v1`,
    ],
  };
}

function rowsBench(rows: number): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
  return {
    description: 'rows a second and peak memory of a migration',
    roundsDefault: 1,
    metrics: { rows: '1/s', 'peak-memory': 'MB' },
    subjects: [
      {
        name: 'migration',
        prepare: () => {
          const third = Math.ceil(rows / 3);
          const sizes = { memories: third, links: third, metrics: rows - 2 * third };
          makeV1Database(join(folder, '.swarm', 'memory.db'), sizes);
        },
        run: () => migratedByChild(folder),
        close: () => rmSync(folder, { recursive: true, force: true }),
      },
    ],
    ratios: [],
    notes: () => [
      `${rows} rows: a third each memories, links and metrics`,
      'the vectors are counts of characters, not of a model, so that the rest shows',
      'the peak is the resident set of the process, with everything that Node itself takes',
    ],
  };
}

async function migratedByChild(folder: string): Promise<Measurements> {
  const child = new URL('./migration/rows-child.js', import.meta.url).pathname;
  const work = mkdtempSync(join(folder, 'work-'));
  const args = [child, folder, work];
  const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  running.stdout.on('data', (bytes: Buffer) => (said += String(bytes)));
  const [code] = (await once(running, 'close')) as [number | null];
  rmSync(work, { recursive: true, force: true });
  if (code !== 0) throw new Error(`the migration ended with ${code}`);
  const { rows, seconds, peakMegabytes } = JSON.parse(said) as Record<string, number>;
  return { rows: (rows ?? 0) / (seconds ?? 0), 'peak-memory': peakMegabytes ?? 0 };
}

async function readingsOf(folder: string): Promise<V1Reading[]> {
  const { stores } = await discoverInstallation(folder, { home: folder, env: {} });
  return Promise.all(stores.map((store) => openReading(store, folder)));
}
