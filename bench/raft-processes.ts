import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Measurements } from './harness.js';
import type { Cluster } from './raft-processes/cluster.js';
import { describeDataFolder, makeDataFolder } from './raft-processes/data-folder.js';
import { ETCD_MISSING, findEtcd } from './raft-processes/etcd-binary.js';
import { EtcdCluster } from './raft-processes/etcd-cluster.js';
import { measureFailover, measureLoad } from './raft-processes/load.js';
import { OwnCluster } from './raft-processes/own-cluster.js';

const OWN = 'agentic-flow';
const ETCD = 'etcd';

/** How much work a round is. */
export interface RaftProcessesSize {
  readonly clients: readonly number[];
  /** Milliseconds of each step of a round. */
  readonly durationMs: number;
}

const usual: RaftProcessesSize = { clients: [1, 16, 256], durationMs: 1_500 };

/** What is wanted of our median divided by that of etcd; requests a second. */
const GOALS: Readonly<Record<string, number>> = { 'puts-1': 1, 'puts-256': 1.1 };

/**
 * Three processes of ours against three of etcd, each on a data directory of its own on one disk, by
 * requests of closed-loop clients in this process: puts of 256 bytes and linearizable gets. Both keep
 * running while the other is measured.
 */
export function raftProcessesBench(
  size: RaftProcessesSize = usual,
  etcd: string | null = findEtcd() ?? null,
): Bench {
  const steps = (['put', 'get'] as const).flatMap((request) =>
    size.clients.map((clients) => ({ request, clients, name: `${request}s-${clients}` })),
  );
  const metrics = steps.flatMap(({ name, request }) => [
    [name, '1/s'],
    [`${name}-p50`, 'ms'],
    [`${name}-p99`, 'ms'],
    [`${name}-server-cpu`, `us a ${request}`],
    [`${name}-client-cpu`, `us a ${request}`],
  ]);
  const run = async (cluster: Cluster): Promise<Measurements> => {
    const measured: Record<string, number> = {};
    for (const { name, request, clients } of steps) {
      const load = await measureLoad(cluster, request, clients, size.durationMs);
      measured[name] = load.perSecond;
      measured[`${name}-p50`] = load.p50Ms;
      measured[`${name}-p99`] = load.p99Ms;
      measured[`${name}-server-cpu`] = load.serverCpuMicroseconds;
      measured[`${name}-client-cpu`] = load.clientCpuMicroseconds;
    }
    return measured;
  };
  return {
    ...compared(etcd, Math.max(...size.clients), run),
    description:
      'puts of 256 bytes and linearizable gets of 1, 16 and 256 clients: three processes of ours ' +
      'against three of etcd, synced to the same disk',
    roundsDefault: 5,
    metrics: Object.fromEntries(metrics) as Record<string, string>,
    ratios: steps.flatMap(({ name }) => [
      { metric: name, subject: OWN, peer: ETCD, isOptional: true, ...goalOf(GOALS[name]) },
      // Of a time the other way round, so that greater is better here as well.
      { metric: `${name}-p99`, subject: ETCD, peer: OWN, isOptional: true, goal: 1 },
    ]),
  };
}

function notes(): string[] {
  return [describeDataFolder()];
}

function goalOf(goal: number | undefined): { goal?: number } {
  return goal === undefined ? {} : { goal };
}

/**
 * Milliseconds from SIGKILL of the leader to the first write that is acknowledged after it, with the
 * default timeouts of each, one kill a round: the greatest of the range is the worst of all rounds.
 */
export function raftFailoverBench(etcd: string | null = findEtcd() ?? null): Bench {
  return {
    ...compared(etcd, 1, async (cluster) => ({ failover: await measureFailover(cluster) })),
    description:
      'milliseconds from kill -9 of the leader of three processes to the next acknowledged write, ' +
      'ours and etcd',
    roundsDefault: 50,
    metrics: { failover: 'ms' },
    ratios: [{ metric: 'failover', subject: ETCD, peer: OWN, isOptional: true, goal: 1 }],
  };
}

/** Our processes and those of etcd, or only ours and why. */
function compared(
  etcd: string | null,
  clientsMax: number,
  run: (cluster: Cluster) => Promise<Measurements>,
): Pick<Bench, 'subjects' | 'absent' | 'notes'> {
  const own = subject(OWN, () => new OwnCluster(), clientsMax, run);
  if (etcd === null) {
    return { subjects: [own], absent: [{ subject: ETCD, reason: ETCD_MISSING }], notes };
  }
  const peer = subject(ETCD, () => new EtcdCluster(etcd), clientsMax, run);
  return { subjects: [own, peer], absent: [], notes };
}

function subject(
  name: string,
  make: () => Cluster,
  clientsMax: number,
  run: (cluster: Cluster) => Promise<Measurements>,
): Bench['subjects'][number] {
  let folder: string | undefined;
  let cluster: Cluster | undefined;
  return {
    name,
    prepare: async () => {
      folder = makeDataFolder();
      cluster = make();
      await cluster.start(join(folder, name), clientsMax);
      // The first requests compile the code that later ones run.
      if (clientsMax > 1) await measureLoad(cluster, 'put', clientsMax, 2_000);
    },
    run: () => {
      if (cluster === undefined) throw new Error('prepare comes first');
      return run(cluster);
    },
    close: async () => {
      await cluster?.close();
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}
