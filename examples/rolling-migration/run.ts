/** One run of the demo, from an empty directory to the report. */

import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { checkLinearizability } from '../../sim/checkers/linearizability.js';
import { memoryRegister } from '../../sim/checkers/models.js';
import { SwarmClient } from '../../src/client/index.js';
import { parsePeerAddress } from '../../transport/identity/index.js';
import { Cluster } from './cluster.js';
import { DemoError } from './demo-error.js';
import { generateV1Installation } from './generate.js';
import type { Operation, PhaseTimes } from './history.js';
import { registerHistory } from './history.js';
import { KillPlan } from './kills.js';
import { limits } from './limits.js';
import { LoadProcess } from './load-process.js';
import { Monitor } from './monitor.js';
import { observeBaseline, observeNode } from './observe.js';
import type { DemoOptions } from './options.js';
import type { Report } from './report.js';
import { buildReport } from './report.js';
import type { Scope } from './scope.js';
import {
  copyDatabase,
  hashTree,
  readSourceRows,
  settleDatabase,
  storesNotCarried,
} from './source.js';
import type { RollbackFacts } from './stages.js';
import { Stages } from './stages.js';
import type { LiveTable } from './table.js';
import type { Baseline, NodeObservation } from './verify.js';
import { verify } from './verify.js';

/** A swarm that serves v1, and a client of it. */
interface Swarm {
  readonly cluster: Cluster;
  readonly client: SwarmClient;
  readonly baseline: Baseline;
}

/** What the load did and what became of the rollout meanwhile. */
interface Outcome {
  readonly operations: readonly Operation[];
  readonly times: PhaseTimes;
  readonly rolloutStatus: string;
  readonly rolloutReason: string;
  /** Null when the run was not to go back, or there was nothing final to go back from. */
  readonly rollback: RollbackFacts | null;
}

/** Runs everything inside `directory`; what has to be stopped is registered in `scope`. */
export async function runDemo(
  options: DemoOptions,
  directory: string,
  scope: Scope,
  table: LiveTable,
): Promise<Report> {
  const startMs = performance.now();
  const source = provideSource(options, directory);
  const hashBefore = await hashTree(source);
  const swarm = await startSwarm(options, directory, source, scope);
  const { memoryIds, links } = swarm.baseline.rows;
  table.say(
    `${options.nodes} nodes serve v1 with ${memoryIds.length} memories and ${links.length} ` +
      `links; ${options.clients} clients begin`,
  );
  const kills = options.kill === undefined ? undefined : new KillPlan(options.kill, options.seed);
  const outcome = await runLoad(options, swarm, kills, scope, table);
  table.say('the load has ended; reading everything back from every node');
  const nodes = await scope.guard(readBack(swarm, outcome.operations));
  const { operations } = outcome;
  const { baseline } = swarm;
  return buildReport({
    ...outcome,
    baseline,
    nodes,
    verification: verify(baseline, operations, nodes),
    linearizability: checkLinearizability(
      memoryRegister,
      registerHistory(operations, baseline.contents),
      { maxSteps: limits.checkerStepsMax },
    ),
    requestedKill: options.kill,
    requestedRollback: options.rollback,
    kills: kills?.kills ?? [],
    storesNotCarried: await storesNotCarried(source),
    sourceChanged: (await hashTree(source)) !== hashBefore,
    seconds: (performance.now() - startMs) / 1000,
  });
}

/** The directory given, or a generated one. */
function provideSource(options: DemoOptions, directory: string): string {
  if (options.from !== undefined) return resolve(options.from);
  const written = join(directory, 'generated');
  const source = join(directory, 'v1');
  generateV1Installation(written, { memories: options.memories, seed: options.seed });
  settleDatabase(written);
  copyDatabase(written, source);
  rmSync(written, { recursive: true, force: true });
  return source;
}

async function startSwarm(
  options: DemoOptions,
  directory: string,
  source: string,
  scope: Scope,
): Promise<Swarm> {
  const rows = readSourceRows(source, directory);
  const cluster = await scope.guard(
    Cluster.start({ directory, source, nodes: options.nodes }, (started) => {
      scope.onEnd(() => started.stop());
      scope.onExit(() => started.killAll());
      scope.failsWith(started.failure);
    }),
  );
  const seeds = cluster.nodes.map((node) => parsePeerAddress(node.address));
  const client = await SwarmClient.connect({ seeds, token: cluster.operatorToken });
  scope.onEnd(() => client.close());
  await scope.guard(allVoters(client, options.nodes));
  const first = cluster.nodes[0];
  if (first === undefined) throw new DemoError('timeout', 'no node is ready');
  const baseline = await scope.guard(observeBaseline(client, first, rows));
  // The first text that a node turns into a vector loads its model; that is no part of the load.
  const warm = cluster.nodes.map(({ peerId: only }) =>
    client.search({ text: 'warm up', limit: 1 }, { only, deadlineMs: limits.startTimeoutMs }),
  );
  await scope.guard(Promise.all(warm));
  return { cluster, client, baseline };
}

async function allVoters(client: SwarmClient, nodes: number): Promise<void> {
  const deadlineMs = performance.now() + limits.votersTimeoutMs;
  for (;;) {
    const { members, leader } = await client.status({ deadlineMs: limits.votersTimeoutMs });
    const ready = members.filter((member) => member.status === 'up' && member.voter);
    if (ready.length === nodes && leader !== 0) return;
    if (performance.now() > deadlineMs) {
      const seconds = limits.votersTimeoutMs / 1000;
      throw new DemoError('timeout', `${ready.length} of ${nodes} nodes vote after ${seconds} s`);
    }
    await sleep(limits.pollMs);
  }
}

/** Steady load, the rollout under load, the way back and forth again, a few seconds more. */
async function runLoad(
  options: DemoOptions,
  { cluster, client, baseline }: Swarm,
  kills: KillPlan | undefined,
  scope: Scope,
  table: LiveTable,
): Promise<Outcome> {
  const load = new LoadProcess({
    seeds: cluster.nodes.map((node) => parsePeerAddress(node.address)),
    token: cluster.clientToken,
    clients: options.clients,
    thinkMs: options.thinkMs,
    seed: options.seed,
    sourceIds: [...baseline.contents.keys()],
  });
  scope.onEnd(() => load.kill());
  scope.onExit(() => load.killNow());
  scope.failsWith(load.failure);
  await scope.guard(load.started());
  const monitor = new Monitor(client, cluster, load, table, kills);
  scope.onEnd(() => monitor.stop());
  monitor.phase = 'steady';
  monitor.start();
  await scope.guard(sleep(options.seconds * 1000));

  const stages = new Stages(client, cluster, monitor, table);
  await scope.guard(load.mark('rollout'));
  let end = await scope.guard(stages.forward('rollout'));
  await scope.guard(load.mark('after'));
  let rollback: RollbackFacts | null = null;
  if (options.rollback && end.status === 'finalized') {
    rollback = await scope.guard(stages.backInWindow());
    end = await scope.guard(stages.forward('rollout again'));
  }
  if (end.status === 'finalized') end = await scope.guard(stages.closeWindow());
  monitor.phase = 'after';
  await scope.guard(sleep(limits.afterSeconds * 1000));
  await scope.guard(kills?.restarted() ?? Promise.resolve());

  const times = await scope.guard(load.stop());
  await scope.guard(monitor.stop());
  const { status: rolloutStatus, reason: rolloutReason } = end;
  return { operations: load.operations, times, rolloutStatus, rolloutReason, rollback };
}

async function readBack(
  { cluster, client, baseline }: Swarm,
  operations: readonly Operation[],
): Promise<NodeObservation[]> {
  let index = 0;
  for (const operation of operations) index = Math.max(index, operation.index ?? 0);
  return Promise.all(
    cluster.nodes.map((node) => observeNode(client, node, baseline.rows, operations, index)),
  );
}
