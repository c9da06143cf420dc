/** A quorum that is lost for good: one node goes on, with new members; the old ones stay out. */
import { cpSync, rmSync } from 'node:fs';

import { beforeAll, describe, expect, it } from 'vitest';

import { Random } from '../../examples/rolling-migration/random.js';
import { dataPaths, readNodeFile } from '../../nodes/data-directory.js';
import { planRecovery } from '../../nodes/recovery/plan.js';
import { RaftLogStore } from '../../nodes/storage/index.js';
import { contentsOf, freePort, scratch } from './support/directories.js';
import { NodeProcess, run, runAndKill, runJson } from './support/processes.js';
import { connectTo, Swarm } from './support/swarm.js';
import { expectEverywhere } from './support/writers.js';
import { until } from '../waiting.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 0x7fff_ffff);
console.log(`SEED=${SEED}`);
const WRITES = 20;
const KILLS = 10;
const SURVIVOR = 3;

interface Recovered {
  readonly done: boolean;
  readonly backup: string | null;
  readonly removed: number[];
  readonly lastIndex: number;
}

let swarm: Swarm;
let directory: string;
let statusAlone = '';
/** Without and with the word that data may be lost, while another member lives. */
let besideAnother: Awaited<ReturnType<typeof run>>[];
/** The directory of an old member, which was not wiped after all. */
const oldDirectory = scratch('old');
const promised = new Map<string, string>();

beforeAll(async () => {
  swarm = await Swarm.start({ nodes: 3 });
  const client = await swarm.connect();
  await Promise.all(
    Array.from({ length: WRITES }, async (_, at) => {
      await client.insert({ id: `m${at}`, content: `text ${at}` });
      promised.set(`m${at}`, `text ${at}`);
    }),
  );
  await expectEverywhere(swarm, client, promised);
  ({ directory } = swarm.member(SURVIVOR));
  await Promise.all([2, SURVIVOR].map((nodeId) => swarm.member(nodeId).process.kill()));
  besideAnother = [
    await run(['recover', directory]),
    await run(['recover', directory, '--accept-data-loss']),
  ];
  await swarm.restart(SURVIVOR);
  await swarm.member(1).process.kill();
  statusAlone = await until('the one that is left tells that it is', async () => {
    const { stdout } = await run(['swarm', 'status', '--data', directory]);
    return stdout.includes('no leader: 1 of 3') && stdout;
  });
  await swarm.member(SURVIVOR).process.kill();
  cpSync(swarm.member(1).directory, oldDirectory, { recursive: true });
  for (const nodeId of [1, 2]) rmSync(swarm.member(nodeId).directory, { recursive: true });
});

describe('the survivor of three', () => {
  it('says what is missing, and what can be done', () => {
    expect(statusAlone).toContain('1 of 3 voters is reached from this node, 2 are needed');
    expect(statusAlone).toContain('agentic-flow node start');
    expect(statusAlone).toContain('agentic-flow recover --help');
  });

  it('is not recovered while another member answers', () => {
    const [told, refused] = besideAnother;
    expect(told?.stdout).toMatch(/ 1 +voter .*IT ANSWERS NOW/);
    expect(told?.stdout).not.toMatch(/ [23] +voter .*IT ANSWERS NOW/);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused?.stderr).toContain('member 1 answers');
    expect(refused?.stderr).toContain('--others-may-live');
  });

  it('is told what would happen, and nothing happens', async () => {
    const before = contentsOf(dataPaths(directory).raft);
    const told = await run(['recover', directory]);
    expect(told.code).toBe(2);
    expect(told.stderr).toContain('nothing was done');
    expect(told.stdout).toContain(`swarm ${swarm.created.swarmId}`);
    expect(told.stdout).toMatch(/ 1 +voter +up +is removed/);
    expect(told.stdout).toMatch(/ 3 +voter +up +this node, stays/);
    expect(told.stdout).toContain('What may be lost');
    expect(contentsOf(dataPaths(directory).raft)).toEqual(before);
  });

  it('is recovered or as before, whenever the command is killed', async () => {
    const random = new Random(SEED);
    const ends = new Set<string>();
    let copy = scratch('timed');
    cpSync(directory, copy, { recursive: true });
    const startedMs = performance.now();
    await runJson(['recover', copy, '--accept-data-loss']);
    const wholeMs = performance.now() - startedMs;
    for (let kill = 0; kill < KILLS; kill += 1) {
      copy = scratch('killed');
      cpSync(directory, copy, { recursive: true });
      // Most of the time goes by before the log is opened; the interesting part is at the end.
      const afterMs = wholeMs * (0.5 + random.below(60) / 100);
      await runAndKill(['recover', copy, '--accept-data-loss'], afterMs);
      const end = await endOf(copy);
      expect(['1,2,3', 'the only voter']).toContain(end);
      ends.add(end);
      const again = await run(['recover', copy, '--accept-data-loss']);
      if (end === 'the only voter') expect(again.stderr).toContain('the only voter already');
      else expect(again).toMatchObject({ code: 0, stderr: '' });
      expect(await endOf(copy)).toBe('the only voter');
      rmSync(copy, { recursive: true });
    }
    console.log(`killed recoveries ended as: ${[...ends].join('; ')}`);
  });

  it('is not recovered while it runs', async () => {
    // Without the others it waits for a leader, and holds its directory.
    const waiting = new NodeProcess(['--data', directory]);
    await until('it waits for a leader', async () => /waiting for a leader/.test(waiting.log));
    const refused = await run(['recover', directory, '--accept-data-loss']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`in use by process ${waiting.pid}`);
    await waiting.kill();
  });

  it('goes on alone with every acknowledged write, and two new nodes join', async () => {
    const recovered = await runJson<Recovered>(['recover', directory, '--accept-data-loss']);
    expect(recovered).toMatchObject({ done: true, removed: [1, 2] });
    expect(Object.keys(contentsOf(recovered.backup ?? '')).length).toBeGreaterThan(0);
    await swarm.restart(SURVIVOR);
    swarm.members.splice(0, 2);
    const { address } = swarm.member(SURVIVOR);
    const client = await connectTo({ ...swarm.created, address });
    await expectEverywhere(swarm, client, promised);
    for (let joined = 0; joined < 2; joined += 1) {
      const to = ['--join', address, '--token', swarm.created.joinToken];
      const listen = `127.0.0.1:${await freePort()}`;
      const data = scratch('new');
      const process = await NodeProcess.start(['--data', data, '--listen', listen, ...to]);
      swarm.members.push({ ...(await process.ready()), directory: data, process });
    }
    expect(swarm.members.map(({ nodeId }) => nodeId)).toEqual([3, 4, 5]);
    await until('all three vote', async () => {
      const { members } = await client.status();
      return members.length === 3 && members.every(({ voter }) => voter);
    });
    await client.insert({ id: 'after', content: 'the recovery' });
    promised.set('after', 'the recovery');
    await expectEverywhere(swarm, client, promised);
  });

  it('does not know an old member any more, which says why it does not start', async () => {
    const old = new NodeProcess(['--data', oldDirectory]);
    await until('the old member says why', async () =>
      /says that this node \(1\) is no member of swarm .+ recovered without it/.test(old.log),
    );
    expect(old.isRunning).toBe(true);
    const client = await connectTo({
      ...swarm.created,
      address: swarm.member(SURVIVOR).address,
    });
    const { members } = await client.status();
    expect(members.map(({ nodeId }) => nodeId)).toEqual([3, 4, 5]);
    await client.insert({ id: 'still', content: 'serving' });
    await old.kill();
    const { address } = swarm.member(SURVIVOR);
    const joining = await run(['node', 'start', '--data', oldDirectory, '--join', address]);
    expect(joining.code).toBe(1);
    expect(joining.stderr).toContain('a swarm that does not know it');
  });
});

/** Who is left by the log of a directory, as a recovery would find it now. */
async function endOf(data: string): Promise<string> {
  const paths = dataPaths(data);
  const { swarmId, nodeId } = await readNodeFile(paths);
  const { store, restored } = await RaftLogStore.open(paths.raft, { clusterId: swarmId });
  await store.close();
  try {
    const { situation } = planRecovery(swarmId, nodeId, restored);
    return situation.members.map((member) => member.nodeId).join();
  } catch (error) {
    if (/the only voter already/.test(String(error))) return 'the only voter';
    throw error;
  }
}
