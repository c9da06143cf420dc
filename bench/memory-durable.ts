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
/** So many times the batches of a burst go on and on; what a store puts off, it then has to do. */
const sustainedTimes = 10;
const linkedBatches = 40;
const childUrl = new URL('./durable/child.js', import.meta.url);

/**
 * Batches of 100 records with vectors of 384 dimensions, each acknowledged before the next is handed
 * over, with the setting of each store that makes what was acknowledged survive. `syncs` are the
 * calls of fsync, fdatasync and their like a batch, counted by strace in a run of its own: a store
 * with less than one has acknowledged what a power cut takes. `inserts`: a burst of 20 batches until the last is
 * acknowledged; `read` is how long it then takes to read the last record back, and `batch-cpu` has the
 * processor time until then. `sustained`: ten times as many, until the last is read back. `link-cpu`: what
 * it takes after that, once, until searches find all by a graph; nobody builds one when inserting.
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
    metrics: {
      inserts: 'a second',
      read: 'ms',
      'batch-cpu': 'CPU ms',
      sustained: 'a second',
      'link-cpu': 'CPU ms a batch',
      syncs: 'a batch',
    },
    subjects: stores,
    ratios: ['store', 'v2-engine'].flatMap((subject) =>
      ['inserts', 'sustained'].flatMap((metric) =>
        present
          .filter((peer) => peer !== subject && present.includes(subject))
          .map((peer) => {
            const goal = peer === 'zvec' && metric === 'inserts' ? { goal: 1 } : {};
            return { metric, subject, peer, isOptional: true, ...goal };
          }),
      ),
    ),
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
  #linkCpuMs: number | undefined;

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
    await this.#measureLinks();
  }

  /** In a store of its own, with more vectors than any of them compares one by one. */
  async #measureLinks(): Promise<void> {
    const folder = join(this.#folder, 'linked');
    mkdirSync(folder);
    const child = new Child(childUrl, [this.name, folder]);
    await child.ask();
    const batches = linkedBatches;
    const request: Request = { batches, records: recordsPerBatch, isLinking: true };
    const { linkCpuSeconds } = (await child.ask(request)) as Inserted;
    if (linkCpuSeconds !== undefined) this.#linkCpuMs = (linkCpuSeconds * 1000) / batches;
    child.close();
  }

  async run(): Promise<Measurements> {
    const request: Request = { batches: this.#batches, records: recordsPerBatch };
    const burst = (await this.#child!.ask(request)) as Inserted;
    const batches = this.#batches * sustainedTimes;
    const sustained = (await this.#child!.ask({ ...request, batches })) as Inserted;
    return {
      inserts: (this.#batches * recordsPerBatch) / burst.seconds,
      read: (burst.readSeconds - burst.seconds) * 1000,
      'batch-cpu': (burst.cpuSeconds * 1000) / this.#batches,
      sustained: (batches * recordsPerBatch) / sustained.readSeconds,
      ...(this.#linkCpuMs === undefined ? {} : { 'link-cpu': this.#linkCpuMs }),
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
