/** Rounds of SIGKILL in the middle of writes, and what must be there afterwards. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { RandomStream } from '../../../../sim/world/random.js';
import { openMemoryStore, type StoreRecord } from '../../../../src/memory/index.js';

export const killWriters = 24;

/** The direction that belongs to one record of one writer; no two are near each other. */
export function killVector(writer: number, number: number): number[] {
  const random = new RandomStream(writer * 1_000_000 + number, 'vector');
  return Array.from({ length: 24 }, () => Math.fround(random.fraction() - 0.5));
}

export interface KillRounds {
  readonly rounds: number;
  /** Acknowledged puts and deletes, of which each was found again. */
  readonly acknowledged: number;
  /** Records at the end. */
  readonly records: number;
}

/** Settings of group commit in turn: as asked, one sync a write, and whatever has come; and what is written. */
const SETTINGS = [
  ['100', '100', 'linked'],
  ['1', '0', 'linked'],
  ['100', '0', 'alone'],
  ['100', '0', 'linked'],
  ['100', '100', 'alone'],
  ['1', '0', 'alone'],
] as const;

/** Throws a sentence with the first record that is not as it was acknowledged. */
export async function killRounds(
  path: string,
  rounds: number,
  random: () => number,
  onRound: (round: number) => void = () => undefined,
): Promise<KillRounds> {
  let acknowledged = 0;
  let records = 0;
  const put = new Map<number, number>();
  const deleted = new Map<number, Set<number>>();
  /** Writers of which the last was put without an edge. */
  const alone = new Set<number>();
  for (let round = 1; round <= rounds; round += 1) {
    const setting = SETTINGS[round % SETTINGS.length]!;
    const told = await killedAfter(path, setting, 5 + random() * 400);
    for (const line of told) {
      const [writer, number] = line.split(' ', 2).map(Number) as [number, number];
      acknowledged += 1;
      if (number > 0) {
        put.set(writer, Math.max(put.get(writer) ?? 0, number));
        if (line.endsWith('alone')) alone.add(writer);
        else alone.delete(writer);
      } else deleted.set(writer, (deleted.get(writer) ?? new Set()).add(-number));
    }
    records = await checkStore(path, { put, deleted, alone });
    onRound(round);
  }
  return { rounds, acknowledged, records };
}

/** Whole lines that the process had told when it was killed. */
async function killedAfter(
  path: string,
  setting: readonly string[],
  waitMs: number,
): Promise<string[]> {
  const child = spawn(
    process.execPath,
    [new URL('kill-child.js', import.meta.url).pathname, path, ...setting],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let told = '';
  child.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
  await once(child.stdout, 'data');
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  if (child.exitCode !== null) throw new Error('the writers ended by themselves');
  child.kill('SIGKILL');
  await once(child, 'close');
  return told.split('\n').slice(1, -1);
}

interface Acknowledged {
  readonly put: ReadonlyMap<number, number>;
  readonly deleted: ReadonlyMap<number, ReadonlySet<number>>;
  readonly alone: ReadonlySet<number>;
}

async function checkStore(path: string, { put, deleted, alone }: Acknowledged): Promise<number> {
  const store = await openMemoryStore(path, { embedder: null, create: false });
  try {
    const report = await store.check();
    if (!report.isWhole) throw new Error(`the store is damaged: ${JSON.stringify(report)}`);
    for (const [writer, last] of put) {
      const namespace = `writer ${writer}`;
      const found = new Map<number, StoreRecord>();
      for (let cursor: string | null = null; ;) {
        const page = await store.list({ namespace, cursor, limit: 1000 });
        for (const record of page.records) found.set(Number(record.id), record);
        ({ cursor } = page);
        if (cursor === null) break;
      }
      const name = (number: number): string => `record ${number} of ${namespace}`;
      for (let number = 1; number <= last; number += 1) {
        const record = found.get(number);
        const isDeleted = deleted.get(writer)?.has(number) === true;
        if (isDeleted && record !== undefined) throw new Error(`${name(number)} came back`);
        // What was asked to be deleted and not acknowledged may be there or not.
        const mayBeDeleted = number % 10 === 5;
        if (record === undefined && !mayBeDeleted) throw new Error(`${name(number)} is lost`);
        if (record === undefined) continue;
        const { content, metadata } = record;
        const isWhole = content === `content ${number}` && metadata['number'] === number;
        if (!isWhole) throw new Error(`${name(number)} is half there`);
      }
      await checkLast(store, writer, last, alone.has(writer));
    }
    return (await store.stats()).records;
  } finally {
    await store.close();
  }
}

/** Its vector finds it, and its edge leads to the one before. */
async function checkLast(
  store: Awaited<ReturnType<typeof openMemoryStore>>,
  writer: number,
  last: number,
  isAlone: boolean,
): Promise<void> {
  const namespace = `writer ${writer}`;
  const vector = killVector(writer, last);
  const stored = await store.get(String(last), { namespace, vector: true });
  if (stored?.vector?.values.join() !== Float32Array.from(vector).join()) {
    throw new Error(`the vector of ${last} of ${namespace} is lost`);
  }
  const [hit] = await store.search({ vector, namespace, limit: 1 });
  if (hit?.id !== String(last)) {
    throw new Error(`the vector of ${last} of ${namespace} finds ${hit?.id}, with ${hit?.score}`);
  }
  if (isAlone || last === 1 || (last - 1) % 10 === 5) return;
  const { neighbours } = await store.graph.neighbours(String(last), {
    namespace,
    direction: 'out',
  });
  const ids = neighbours.map(({ id }) => id);
  if (!ids.includes(String(last - 1)))
    throw new Error(`the edge of ${last} of ${namespace} is lost`);
}
