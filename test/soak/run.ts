/** One run of the soak: a swarm, rounds, what is left of them at the end, and etcd beside. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { copyDatabase, settleDatabase } from '../../examples/rolling-migration/source.js';
import { DemoError } from '../../examples/rolling-migration/demo-error.js';
import { generateV1Installation } from '../../examples/rolling-migration/generate.js';
import { Random } from '../../examples/rolling-migration/random.js';
import type { Scope } from '../../examples/rolling-migration/scope.js';
import { addRelease } from '../../nodes/release/registry.js';
import { releaseFiles } from '../../nodes/release/files.js';
import { SwarmClient } from '../../src/client/index.js';
import { parsePeerAddress } from '../../transport/identity/index.js';
import { copyPackage } from './build-copy.js';
import type { EtcdRestart } from './etcd.js';
import { etcdProgram, restartEtcd } from './etcd.js';
import type { Ground } from './ground.js';
import { limits } from './limits.js';
import type { SoakOptions } from './options.js';
import type { Round, RoundPorts, Written } from './round.js';
import { runRound } from './round.js';
import { missingFaults } from './faults.js';
import { SoakSwarm } from './swarm.js';

/** Version in the package.json of the copy that releases roll to. */
const COPY_VERSION = '2.0.0-soak';

export interface RunPorts {
  readonly options: SoakOptions;
  readonly ground: Ground;
  /** Empty; gets the directories and logs of all nodes. */
  readonly directory: string;
  readonly scope: Scope;
  readonly say: (line: string) => void;
  /** Of the nodes, by their names. */
  readonly env?: (name: string) => Readonly<Record<string, string>>;
  /** As in the options of the swarm. */
  readonly revives?: boolean;
  /** As in the ports of a round. */
  readonly toleratesFailures?: boolean;
}

export interface RunFacts {
  readonly rounds: readonly Round[];
  readonly etcd: readonly EtcdRestart[];
  /** What is wrong at the end, beside what is wrong with a round. */
  readonly broken: readonly string[];
}

export async function runSoak(ports: RunPorts): Promise<RunFacts> {
  const { options, directory, scope, say } = ports;
  const program = options.etcd ? etcdProgram() : '';
  const { swarm, client } = await startSwarm(ports);
  const ends = await endsOf(ports, swarm, client);
  say(`${options.nodes} nodes serve v1; ${options.clients} clients begin`);
  const rounds: Round[] = [];
  const earlier = new Map<string, string | null>();
  for (let number = 1; number <= options.rounds; number++) {
    const { round, written } = await runRound(number, { ...ports, swarm, client, ends });
    rounds.push(round);
    for (const [id, content] of written) earlier.set(id, content);
    if (options.forget) await scope.guard(forget(client, written, earlier));
    for (const sentence of round.broken) say(`BROKEN in round ${number}: ${sentence}`);
  }
  const broken = await scope.guard(compareEarlier(client, swarm, earlier, options.seed));
  // A short round may have none.
  const done = rounds.flatMap(({ faults }) => faults);
  for (const kind of missingFaults(options, done)) {
    broken.push(`No ${kind} happened, though it was asked for.`);
  }
  // The machine is for etcd alone then.
  await swarm.stop();
  const etcd = options.etcd ? await restartEtcd(program, directory, options, scope, say) : [];
  return { rounds, etcd, broken };
}

async function startSwarm({
  options,
  ground,
  directory,
  scope,
  env = () => ({}),
  revives = false,
}: RunPorts): Promise<{ swarm: SoakSwarm; client: SwarmClient }> {
  const written = join(directory, 'generated');
  const source = join(directory, 'v1');
  generateV1Installation(written, { memories: options.memories, seed: options.seed });
  settleDatabase(written);
  copyDatabase(written, source);
  const program = copyPackage(join(directory, 'release-a'));
  const isSupervised = options.kinds.includes('release');
  if (isSupervised) copyPackage(join(directory, 'release-b'), COPY_VERSION);
  const settings = {
    ground,
    directory,
    program,
    source,
    nodes: options.nodes,
    isSupervised,
    env,
    revives,
  };
  const swarm = await scope.guard(
    SoakSwarm.start(settings, (created) => {
      scope.onEnd(() => created.stop());
      scope.onExit(() => created.killAll());
      scope.failsWith(created.failure);
    }),
  );
  const seeds = swarm.nodes.map(({ address }) => parsePeerAddress(address));
  const client = await SwarmClient.connect({ seeds, token: swarm.operatorToken });
  scope.onEnd(() => client.close());
  await scope.guard(allVote(client, options.nodes));
  // The first text that a node turns into a vector loads its model; that is no part of the load.
  const warm = swarm.nodes.map(({ peerId: only }) =>
    client.search({ text: 'warm up', limit: 1 }, { only, deadlineMs: limits.startTimeoutMs }),
  );
  await scope.guard(Promise.all(warm));
  return { swarm, client };
}

/** Waits until as many vote as the swarm has voters, and all are up. */
async function allVote(client: SwarmClient, nodes: number): Promise<void> {
  const deadlineMs = performance.now() + limits.votersTimeoutMs;
  for (;;) {
    const { members, leader } = await client.status({ deadlineMs: limits.votersTimeoutMs });
    const ready = members.filter(({ status, voter }) => status === 'up' && voter);
    if (ready.length === nodes && leader !== 0) return;
    if (performance.now() > deadlineMs) {
      const seconds = limits.votersTimeoutMs / 1_000;
      throw new DemoError('timeout', `${ready.length} of ${nodes} nodes vote after ${seconds} s`);
    }
    await sleep(limits.pollMs);
  }
}

/** Makes the other release known to every node, if one is rolled to. */
async function endsOf(
  { options, directory, scope }: RunPorts,
  swarm: SoakSwarm,
  client: SwarmClient,
): Promise<RoundPorts['ends']> {
  const engine = { from: 'v1', to: 'v2' };
  if (!options.kinds.includes('release')) return { engine, release: { from: '', to: '' } };
  const folder = join(directory, 'release-b');
  let to = '';
  for (const node of swarm.nodes) {
    to = (await scope.guard(addRelease(releaseFiles(node.directory), folder))).name;
  }
  const { members } = await client.status();
  const from = members[0]?.release ?? '';
  return { engine, release: { from, to } };
}

/** Deletes what a round has written and has been looked at: from then on no node may have it. */
async function forget(
  client: SwarmClient,
  written: Written,
  earlier: Map<string, string | null>,
): Promise<void> {
  const list = written.keys();
  const work = async (): Promise<void> => {
    for (const id of list) {
      if (written.get(id) === null) continue;
      await client.delete(id, { deadlineMs: limits.recoveryTimeoutMs });
      earlier.set(id, null);
    }
  };
  await Promise.all(Array.from({ length: limits.deletesAtOnce }, work));
}

/** Asks every node again for what earlier rounds have written, all of it or a part drawn by the seed. */
async function compareEarlier(
  client: SwarmClient,
  swarm: SoakSwarm,
  earlier: Written,
  seed: number,
): Promise<string[]> {
  const random = new Random(seed ^ 0x6c617374);
  const share = limits.earlierIdsMax / Math.max(1, earlier.size);
  const asked = [...earlier].filter(() => random.next() < share);
  const lost: string[] = [];
  const ask = async (list: IterableIterator<[string, string | null]>, only: string) => {
    for (const [id, content] of list) {
      const { memory } = await client.get(id, { only, consistency: 'local' });
      if ((memory?.content ?? null) !== content) lost.push(id);
    }
  };
  await Promise.all(
    swarm.nodes.map(async ({ peerId }) => {
      const list = asked.values();
      const readers = Array.from({ length: limits.readsPerNode }, () => ask(list, peerId));
      await Promise.all(readers);
    }),
  );
  if (lost.length === 0) return [];
  const examples = lost.slice(0, limits.examplesMax).join(', ');
  return [`At the end ${lost.length} of ${asked.length} ids of all rounds differ: ${examples}`];
}
