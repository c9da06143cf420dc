import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Inserted, Request } from './durable/child.js';
import { STORES } from './durable/stores.js';
import { cannotCount, countSyncs } from './durable/syncs.js';
import type { Bench, Measurements } from './harness.js';
import { Child } from './transport/child.js';
import { missingPackage } from './vectors/peers.js';

const recordsPerBatch = 100;
const batchesUsual = 20;
const own = 'v2-engine';
const childUrl = new URL('./durable/child.js', import.meta.url);

/**
 * Batches of 100 records with vectors of 384 dimensions, each acknowledged before the next is handed
 * over, with the setting of each store that makes what was acknowledged survive. `syncs` are the
 * calls of fsync, fdatasync and their like a batch, counted by strace in a run of its own: a store
 * with less than one has acknowledged what a power cut takes.
 */
export function memoryDurableBench(
  batches = batchesUsual,
  names: readonly string[] = Object.keys(STORES),
): Bench {
  const problem = cannotCount();
  const absent = names.flatMap((subject) => {
    const { from } = STORES[subject]!;
    const reason = from === undefined ? undefined : missingPackage(from);
    return reason === undefined ? [] : [{ subject, reason }];
  });
  const present = names.filter((name) => absent.every(({ subject }) => subject !== name));
  const stores = present.map((name) => new StoreSubject(name, batches, problem === undefined));
  return {
    description: 'durable inserts a second of records with vectors, ours and others, syncs counted',
    roundsDefault: 5,
    metrics: { inserts: 'a second', 'batch-cpu': 'CPU ms', syncs: 'a batch' },
    subjects: stores,
    ratios: present
      .filter((peer) => peer !== own)
      .map((peer) => ({
        metric: 'inserts',
        subject: own,
        peer,
        isOptional: true,
        ...(peer === 'zvec' ? { goal: 1 } : {}),
      })),
    absent,
    notes: () => [
      ...(problem === undefined ? [] : [`${problem}.`]),
      ...stores.map((store) => store.note()),
    ],
  };
}

class StoreSubject {
  readonly name: string;
  readonly #batches: number;
  readonly #isCounting: boolean;
  #folder = '';
  #child: Child | undefined;
  #syncs: number | undefined;

  constructor(name: string, batches: number, isCounting: boolean) {
    this.name = name;
    this.#batches = batches;
    this.#isCounting = isCounting;
  }

  async prepare(): Promise<void> {
    this.#folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
    const counted = join(this.#folder, 'counted');
    const measured = join(this.#folder, 'measured');
    mkdirSync(counted);
    mkdirSync(measured);
    if (this.#isCounting) {
      const script = [fileURLToPath(childUrl), this.name, counted, String(this.#batches)];
      this.#syncs = countSyncs(script, join(this.#folder, 'trace')) / this.#batches;
    }
    this.#child = new Child(childUrl, [this.name, measured]);
    await this.#child.ask();
  }

  async run(): Promise<Measurements> {
    const request: Request = { batches: this.#batches, records: recordsPerBatch };
    const { seconds, cpuSeconds } = (await this.#child!.ask(request)) as Inserted;
    return {
      inserts: (this.#batches * recordsPerBatch) / seconds,
      'batch-cpu': (cpuSeconds * 1000) / this.#batches,
      ...(this.#syncs === undefined ? {} : { syncs: this.#syncs }),
    };
  }

  close(): void {
    this.#child?.close();
    if (this.#folder !== '') rmSync(this.#folder, { recursive: true, force: true });
  }

  note(): string {
    const { setting } = STORES[this.name]!;
    const judgement =
      this.#syncs !== undefined && this.#syncs < 1
        ? '; it is not durable: it acknowledges batches without a sync'
        : '';
    return `${this.name}: ${setting}${judgement}.`;
  }
}
