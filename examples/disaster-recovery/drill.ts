/**
 * The drill: a swarm is lost with all of its disks, and what a backup brings back is compared with
 * what was acknowledged.
 *
 *     write -> back up, while writes go on -> write more -> kill -9 all, delete their directories
 *           -> restore, join others -> read everything from each new node
 *
 * Promises: a write that was acknowledged before the backup began is there, from every node; what was
 * deleted before is not; and nothing is there that was never written. Likewise for a tenth of the
 * memories in an available namespace.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { SwarmClient } from '../../src/client/index.js';
import { runToEnd } from '../rolling-migration/child.js';
import { COMMAND, Nodes } from './nodes.js';

export interface DrillOptions {
  readonly nodes: number;
  /** Written before the backup, and again after it. */
  readonly memories: number;
}

export interface DrillReport {
  readonly nodes: number;
  readonly acknowledgedBefore: number;
  readonly deletedBefore: number;
  /** Written while the backup was taken: it may have them or not. */
  readonly acknowledgedDuring: number;
  readonly restoredOfDuring: number;
  /** Written after the backup: these are lost. */
  readonly acknowledgedAfter: number;
  readonly restoredOfAfter: number;
  readonly backupBytes: number;
  readonly backupSeconds: number;
  /** From the start of the restore until a client wrote to the new swarm. */
  readonly untilWritableSeconds: number;
  readonly untilAllJoinedSeconds: number;
  readonly readsCompared: number;
  readonly brokenPromises: readonly string[];
}

const RACING_WRITES_MAX = 10_000;
const NAMESPACE = 'drill';
/** How long a member that has joined may take to hear of an available namespace. */
const CONVERGENCE_MS_MAX = 30_000;

/** Writes memories with content that follows from the id; keeps what was acknowledged. */
class Writer {
  readonly #client: SwarmClient;
  readonly acknowledged: string[] = [];
  readonly deleted: string[] = [];

  constructor(client: SwarmClient) {
    this.#client = client;
  }

  /** Those of the available namespace, of which a half is deleted again. */
  readonly available: string[] = [];

  async write(prefix: string, count: number): Promise<void> {
    for (let at = 0; at < count; at += 1) await this.one(`${prefix}-${at}`);
  }

  /** Through the member that is backed up: another one hears of it a moment later. */
  async writeAvailable(count: number, only: string): Promise<void> {
    for (let at = 0; at < count; at += 1) {
      const id = `available-${at}`;
      await this.#client.available.put(NAMESPACE, { id, content: contentOf(id) }, { only });
      if (at % 2 === 0) this.available.push(id);
      else await this.#client.available.delete(NAMESPACE, id, { only });
    }
  }

  async one(id: string): Promise<void> {
    await this.#client.insert({ id, content: contentOf(id), metadata: { id } });
    const before = this.acknowledged.at(-1);
    this.acknowledged.push(id);
    if (before !== undefined) {
      await this.#client.addEdge({ from: id, to: before, relation: 'after', weight: 1 });
    }
  }

  async delete(id: string): Promise<void> {
    await this.#client.delete(id);
    this.deleted.push(id);
  }
}

function contentOf(id: string): string {
  return `what was said about ${id}`;
}

/** Runs the drill in an empty directory. `register` gets every swarm before its processes run. */
export async function runDrill(
  options: DrillOptions,
  root: string,
  register: (nodes: Nodes) => void,
  tell: (line: string) => void,
): Promise<DrillReport> {
  const { nodes, memories } = options;
  tell(`starting a swarm of ${nodes}`);
  const lost = await Nodes.start({ root, name: 'lost', nodes }, register);
  const before = new Writer(await lost.connect());
  tell(`writing ${memories} memories`);
  await before.write('before', memories);
  for (let at = 0; at < memories; at += 10) await before.delete(`before-${at}`);
  await before.writeAvailable(Math.ceil(memories / 10), lost.running.at(-1)!.peerId);

  const file = join(root, 'swarm.backup');
  const during = new Writer(await lost.connect());
  tell('backing up while writes go on');
  const backup = await backUp(file, lost, during);
  const after = new Writer(await lost.connect());
  tell(`writing ${memories} more, which no backup has`);
  await after.write('after', memories);

  tell('kill -9 to all nodes; their directories are deleted');
  await lost.kill();
  for (const { directory } of lost.running) rmSync(directory, { recursive: true });

  tell('restoring, and joining the others');
  const startedMs = performance.now();
  const first = await Nodes.start({ root, name: 'new', nodes: 1, backup: file }, register);
  const client = await first.connect();
  await client.insert({ id: 'first-write', content: 'of the new swarm' });
  const untilWritableSeconds = secondsSince(startedMs);
  await first.join(nodes);
  const untilAllJoinedSeconds = secondsSince(startedMs);

  tell('reading everything from each node');
  const found = await compare(first, before, [during, after]);
  return {
    nodes,
    acknowledgedBefore: before.acknowledged.length,
    deletedBefore: before.deleted.length,
    acknowledgedDuring: during.acknowledged.length,
    restoredOfDuring: found.present[0] ?? 0,
    acknowledgedAfter: after.acknowledged.length,
    restoredOfAfter: found.present[1] ?? 0,
    ...backup,
    untilWritableSeconds,
    untilAllJoinedSeconds,
    readsCompared: found.reads,
    brokenPromises: found.broken,
  };
}

async function backUp(
  file: string,
  lost: Nodes,
  during: Writer,
): Promise<Pick<DrillReport, 'backupBytes' | 'backupSeconds'>> {
  const startedMs = performance.now();
  const { directory } = lost.running.at(-1)!;
  const taken = new AbortController();
  const args = ['swarm', 'backup', file, '--data', directory, '--json'];
  const taking = runToEnd('swarm backup', COMMAND, args).finally(() => taken.abort());
  for (let at = 0; !taken.signal.aborted && at < RACING_WRITES_MAX; at += 1) {
    await during.one(`during-${at}`);
  }
  const { bytes } = JSON.parse(await taking) as { bytes: number };
  return { backupBytes: bytes, backupSeconds: secondsSince(startedMs) };
}

/** Reads every id that was ever written from each node by itself. */
async function compare(
  swarm: Nodes,
  before: Writer,
  later: readonly Writer[],
): Promise<{ present: number[]; reads: number; broken: string[] }> {
  const client = await swarm.connect();
  const broken: string[] = [];
  const { commitIndex } = await client.status();
  const deleted = new Set(before.deleted);
  let [present, reads] = [[] as number[], 0];
  for (const { peerId, directory } of swarm.running) {
    while ((await client.status({ only: peerId })).appliedIndex < commitIndex) await sleep(20);
    const read = async (id: string): Promise<boolean> => {
      reads += 1;
      const { memory } = await client.get(id, { only: peerId, consistency: 'local' });
      if (memory === null) return false;
      if (memory.content !== contentOf(id)) broken.push(`${directory}: ${id} has another content`);
      return true;
    };
    for (const id of before.acknowledged) {
      const isThere = await read(id);
      if (isThere === deleted.has(id)) {
        broken.push(
          `${directory}: ${id} is ${isThere ? 'back, though it was deleted' : 'missing'}`,
        );
      }
    }
    const counts: number[] = [];
    for (const { acknowledged } of later) {
      let count = 0;
      for (const id of acknowledged) count += (await read(id)) ? 1 : 0;
      counts.push(count);
    }
    if (present.length > 0 && present.join() !== counts.join()) {
      broken.push(
        `${directory} has ${counts.join()} of the later writes, another ${present.join()}`,
      );
    }
    present = counts;
    reads += await compareEdges(client, before, deleted, { peerId, directory }, broken);
    reads += await compareAvailable(client, before, { peerId, directory }, broken);
  }
  return { present, reads, broken };
}

async function compareEdges(
  client: SwarmClient,
  { acknowledged }: Writer,
  deleted: ReadonlySet<string>,
  { peerId, directory }: { readonly peerId: string; readonly directory: string },
  broken: string[],
): Promise<number> {
  for (const [at, id] of acknowledged.entries()) {
    const to = acknowledged[at - 1];
    if (to === undefined || deleted.has(id) || deleted.has(to)) continue;
    const { edges } = await client.edges(id, { only: peerId, consistency: 'local' });
    if (!edges.some((edge) => edge.to === to)) {
      broken.push(`${directory}: the edge from ${id} to ${to} is missing`);
    }
  }
  return acknowledged.length;
}

/** What is there, and no more; a member that has just joined is given a while. */
async function compareAvailable(
  client: SwarmClient,
  { available }: Writer,
  { peerId, directory }: { readonly peerId: string; readonly directory: string },
  broken: string[],
): Promise<number> {
  const wanted = available
    .toSorted()
    .map((id) => `${id}: ${contentOf(id)}`)
    .join();
  const deadlineMs = performance.now() + CONVERGENCE_MS_MAX;
  for (;;) {
    const { memories } = await client.available.list(NAMESPACE, { limit: 1_000 }, { only: peerId });
    const found = memories.map(({ id, values }) => {
      return `${id}: ${values.map(({ content }) => content).join()}`;
    });
    if (found.join() === wanted) return available.length;
    if (performance.now() < deadlineMs) await sleep(100);
    else {
      broken.push(`${directory}: the available namespace holds ${found.length} memories, others`);
      return available.length;
    }
  }
}

function secondsSince(startedMs: number): number {
  return Math.round((performance.now() - startedMs) / 10) / 100;
}

/** For people. */
export function drillText(report: DrillReport): string {
  const { brokenPromises } = report;
  return [
    `nodes lost and replaced           ${report.nodes}`,
    `written before the backup         ${report.acknowledgedBefore}, ${report.deletedBefore} of them deleted again`,
    `  compared after the restore      ${report.readsCompared} reads, ${brokenPromises.length} wrong`,
    `written while it was taken        ${report.acknowledgedDuring}, in the backup ${report.restoredOfDuring}`,
    `written after it                  ${report.acknowledgedAfter}, in the backup ${report.restoredOfAfter}, ` +
      `LOST ${report.acknowledgedAfter - report.restoredOfAfter}`,
    `backup                            ${report.backupBytes} bytes in ${report.backupSeconds} s`,
    `until the new swarm took a write  ${report.untilWritableSeconds} s`,
    `until all nodes had joined        ${report.untilAllJoinedSeconds} s`,
    ...brokenPromises.map((what) => `BROKEN: ${what}`),
  ].join('\n');
}
