/** One round: steady load, each rollout forward and back under it, and a verdict on what the load saw. */
import { setTimeout as sleep } from 'node:timers/promises';

import type { Operation } from '../../examples/rolling-migration/history.js';
import { registerHistory } from '../../examples/rolling-migration/history.js';
import { LoadProcess } from '../../examples/rolling-migration/load-process.js';
import { observeNode } from '../../examples/rolling-migration/observe.js';
import type { Scope } from '../../examples/rolling-migration/scope.js';
import type { NodeObservation } from '../../examples/rolling-migration/verify.js';
import { lostWrites } from '../../examples/rolling-migration/verify.js';
import { checkLinearizability } from '../../sim/checkers/linearizability.js';
import { memoryRegister } from '../../sim/checkers/models.js';
import type { SwarmClient } from '../../src/client/index.js';
import { parsePeerAddress } from '../../transport/identity/index.js';
import type { Fault, FaultPorts } from './faults.js';
import { Faults, now } from './faults.js';
import { limits } from './limits.js';
import type { Gaps, Spans, Tails } from './measure.js';
import { longestGaps, spansOfLongestGaps, tails } from './measure.js';
import type { SoakOptions } from './options.js';
import type { Turn } from './turns.js';
import { Turns } from './turns.js';

/** What came of a round. */
export interface Round {
  readonly round: number;
  readonly requests: number;
  readonly failed: number;
  readonly acknowledgedWrites: number;
  readonly lostWrites: number;
  readonly linearizability: 'linearizable' | 'not-linearizable' | 'unknown';
  readonly gaps: Gaps;
  readonly tails: Tails;
  /** The longest time for which the process of the load itself was held up, in milliseconds. */
  readonly loadStallMs: number;
  readonly turns: readonly Turn[];
  readonly faults: readonly Fault[];
  readonly seconds: number;
  /** A sentence for each promise that was not kept. */
  readonly broken: readonly string[];
}

export interface RoundPorts extends FaultPorts {
  readonly options: SoakOptions;
  readonly scope: Scope;
  /** Whether requests may fail, since a quorum is missing now and then. */
  readonly toleratesFailures?: boolean;
  /** What each kind leads to, and what it comes back to. */
  readonly ends: Readonly<
    Record<'engine' | 'release', { readonly from: string; readonly to: string }>
  >;
}

/** The contents of the ids that the round has written, as all nodes hold them. */
export type Written = ReadonlyMap<string, string | null>;

export async function runRound(
  round: number,
  ports: RoundPorts,
): Promise<{ readonly round: Round; readonly written: Written }> {
  const { options, swarm, client, scope, say, ends } = ports;
  const startedMs = performance.now();
  const seed = (options.seed + Math.imul(round, 7_919)) >>> 0;
  const load = new LoadProcess({
    seeds: swarm.nodes.map(({ address }) => parsePeerAddress(address)),
    token: swarm.clientToken,
    clients: options.clients,
    thinkMs: options.thinkMs,
    mix: options.mix,
    seed,
    sourceIds: [],
    prefix: `r${round}`,
  });
  scope.onEnd(() => load.kill());
  scope.onExit(() => load.killNow());
  scope.failsWith(load.failure);
  await scope.guard(load.started());
  const steadyFrom = now();
  await scope.guard(sleep(options.seconds * 1_000));
  const rollingFrom = now();
  const faults = new Faults({ ...options, seed }, ports);
  faults.start();
  const plan = {
    canaries: options.canaries,
    batchSize: options.batchSize,
    soakMs: options.soakMs,
    guards: null,
  };
  const turns: Turn[] = [];
  const rolling = new Turns(client, swarm, plan);
  for (const kind of options.kinds) {
    const { from, to } = ends[kind];
    const forward = await scope.guard(rolling.forward(kind, to));
    turns.push(forward);
    say(`round ${round}: ${describe(forward)}`);
    if (forward.status !== 'finalized') continue;
    // Written within the window: a rollback must not lose it.
    await scope.guard(sleep(limits.windowMs));
    const back = await scope.guard(rolling.back(kind, from));
    turns.push(back);
    say(`round ${round}: ${describe(back)}`);
    await scope.guard(sleep(limits.windowMs));
  }
  await scope.guard(faults.stop());
  await scope.guard(sleep(limits.windowMs));
  const rollingTo = now();
  await scope.guard(load.stop());
  await scope.guard(load.kill());
  const nodes = await scope.guard(observe(ports, load.operations));
  const spans: Spans = {
    steady: { fromMicroseconds: steadyFrom, toMicroseconds: rollingFrom },
    rolling: { fromMicroseconds: rollingFrom, toMicroseconds: rollingTo },
    kills: faults.done.filter(({ kind }) => kind === 'kill'),
    partitions: faults.done.filter(({ kind }) => kind === 'partition'),
    echoMicroseconds: limits.faultEchoMs * 1_000,
  };
  const mayFail = ports.toleratesFailures === true;
  const judged = judge(load.operations, nodes, turns, mayFail);
  const gap = spansOfLongestGaps(load.operations, spans).calm;
  say(`round ${round}: longest gap without a fault from ${timeOfDay(gap.fromMicroseconds)}`);
  return {
    round: {
      round,
      ...judged,
      gaps: longestGaps(load.operations, spans),
      tails: tails(load.operations, spans, turns, limits.p99FactorGoal),
      loadStallMs: load.stallMs,
      turns,
      faults: faults.done,
      seconds: Math.round(performance.now() - startedMs) / 1_000,
    },
    written: nodes[0]?.contents ?? new Map(),
  };
}

/** As the logs of the nodes have it. */
function timeOfDay(microseconds: number): string {
  return new Date(Date.now() - (now() - microseconds) / 1_000).toISOString();
}

function describe({ kind, direction, status, reason, ...span }: Turn): string {
  const seconds = ((span.toMicroseconds - span.fromMicroseconds) / 1e6).toFixed(1);
  return `${kind} ${direction}: ${status} in ${seconds} s${reason === '' ? '' : ` (${reason})`}`;
}

/** What each node holds of what the load wrote, once it has applied the last acknowledged write. */
async function observe(
  { client, swarm }: { readonly client: SwarmClient; readonly swarm: RoundPorts['swarm'] },
  operations: readonly Operation[],
): Promise<NodeObservation[]> {
  const index = operations.reduce((highest, each) => Math.max(highest, each.index ?? 0), 0);
  const rows = { memoryIds: [], links: [], trajectories: 0, entries: 0 };
  return Promise.all(swarm.nodes.map((node) => observeNode(client, node, rows, operations, index)));
}

type Judged = Pick<
  Round,
  'requests' | 'failed' | 'acknowledgedWrites' | 'lostWrites' | 'linearizability' | 'broken'
>;

function judge(
  operations: readonly Operation[],
  nodes: readonly NodeObservation[],
  turns: readonly Turn[],
  mayFail: boolean,
): Judged {
  const broken: string[] = [];
  const tell = (what: string, examples: readonly string[]): void => {
    if (examples.length === 0) return;
    const shown = examples.slice(0, limits.examplesMax).map((each) => `\n    ${each}`);
    const more = examples.length - shown.length;
    broken.push(`${examples.length} ${what}:${shown.join('')}${more > 0 ? '\n    ...' : ''}`);
  };
  const failed = operations.filter(({ error }) => error !== null);
  tell(
    'requests failed',
    (mayFail ? [] : failed).map((each) => {
      const tookMs = Math.round((each.returnMicroseconds - each.callMicroseconds) / 1_000);
      return `${each.kind} ${each.id} after ${tookMs} ms: ${each.error ?? ''}`;
    }),
  );
  const writes = operations.filter(({ kind }) => kind === 'insert' || kind === 'addEdge');
  const losses = lostWrites(writes, nodes);
  tell(
    'losses of acknowledged writes',
    losses.map(({ sentence }) => sentence),
  );
  tell('differences between the nodes', differences(nodes));
  const { verdict, counterexample = '' } = checkLinearizability(
    memoryRegister,
    registerHistory(operations, new Map()),
    { maxSteps: limits.checkerStepsMax },
  );
  if (verdict !== 'linearizable') broken.push(`The history is ${verdict}: ${counterexample}`);
  for (const { kind, direction, status, reason } of turns) {
    const wanted = direction === 'forward' ? 'finalized' : 'rolledBack';
    if (status !== wanted) broken.push(`The ${kind} rollout ended ${status}: ${reason}`);
  }
  if (operations.length === 0) broken.push('No request was made, so nothing was shown.');
  return {
    requests: operations.length,
    failed: failed.length,
    acknowledgedWrites: writes.filter(({ error }) => error === null).length,
    lostWrites: new Set(losses.map(({ write }) => write)).size,
    linearizability: verdict,
    broken,
  };
}

/** All nodes hold the same. */
function differences(nodes: readonly NodeObservation[]): string[] {
  const [first, ...others] = nodes;
  if (first === undefined) return ['no node could be read'];
  const found: string[] = [];
  for (const other of others) {
    const pair = `node ${first.nodeId} and node ${other.nodeId}`;
    const [counts, otherCounts] = [JSON.stringify(first.counts), JSON.stringify(other.counts)];
    if (counts !== otherCounts) found.push(`${pair} count ${counts} and ${otherCounts}`);
    for (const [id, content] of first.contents) {
      const held = other.contents.get(id) ?? null;
      if (held !== content)
        found.push(`${pair} hold ${content ?? 'nothing'} and ${held ?? 'nothing'} at ${id}`);
    }
  }
  return found;
}
