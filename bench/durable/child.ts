/**
 * A store in a process of its own: child.js NAME FOLDER answers its parent; child.js NAME FOLDER
 * BATCHES writes so many between two marks that strace shows, and ends.
 */
import { existsSync } from 'node:fs';
import { RandomStream } from '../../sim/world/random.js';
import { answerParent } from '../transport/child.js';
import { DIMENSIONS, STORES, type DurableStore, type StoredRecord } from './stores.js';
import { MARKS } from './syncs.js';

const [, , name = '', folder = '', batches] = process.argv;
const random = new RandomStream(1, 'durable inserts');
let records = 0;

/** Of the clock, until the last batch was acknowledged and until its last record was read back. */
export interface Inserted {
  readonly seconds: number;
  readonly readSeconds: number;
  /** Until it was read back. */
  readonly cpuSeconds: number;
  /** Until searches find all by a graph, after that. */
  readonly linkCpuSeconds?: number;
}

export interface Request {
  readonly batches: number;
  readonly records: number;
  readonly isLinking?: boolean;
}

function draw(count: number): StoredRecord[] {
  return Array.from({ length: count }, () => {
    records += 1;
    const vector = Float32Array.from({ length: DIMENSIONS }, () => random.fraction() - 0.5);
    return { id: records, content: `memory ${records} `.repeat(6), vector };
  });
}

async function insert(store: DurableStore, request: Request): Promise<Inserted> {
  // The records are drawn before the clock runs.
  const drawn = Array.from({ length: request.batches }, () => draw(request.records));
  const before = process.cpuUsage();
  const startedMs = performance.now();
  for (const batch of drawn) await store.insert(batch);
  const seconds = (performance.now() - startedMs) / 1000;
  if (!(await store.has(records))) throw new Error(`record ${records} cannot be read back`);
  const readSeconds = (performance.now() - startedMs) / 1000;
  const cpuSeconds = cpuSecondsSince(before);
  if (request.isLinking !== true || store.link === undefined) {
    return { seconds, readSeconds, cpuSeconds };
  }
  const beforeLinks = process.cpuUsage();
  await store.link();
  return { seconds, readSeconds, cpuSeconds, linkCpuSeconds: cpuSecondsSince(beforeLinks) };
}

function cpuSecondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const store = await STORES[name]!.open(folder);
// What only a first batch does, as making a table, is not measured.
await insert(store, { batches: 2, records: 100 });
if (batches === undefined) {
  answerParent(async (request) => insert(store, request as Request));
  process.send?.({ result: 'ready' });
} else {
  existsSync(MARKS.start);
  await insert(store, { batches: Number(batches), records: 100 });
  existsSync(MARKS.end);
  process.exit(0);
}
