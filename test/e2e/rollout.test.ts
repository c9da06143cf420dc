/** A swarm from a v1 installation, used and moved to v2 with the commands that a user types. */
import { beforeAll, describe, expect, it } from 'vitest';

import type { Rollout, RolloutPlan, SwarmClient, SwarmStatus } from '../../src/client/index.js';
import type { Memory, SearchHit } from '../../src/memory/engine.js';
import { contentsOf, v1Installation } from './support/directories.js';
import { run, runJson } from './support/processes.js';
import { settled, Swarm } from './support/swarm.js';
import { expectEverywhere } from './support/writers.js';
import { until } from '../waiting.js';

// Every node embeds and compares; with other work on the machine that takes its time.

const MEMORIES = 20;
const CONTENT = 'the readiness probe of the payments service fails after a cold start';

let source: string;
let before: Record<string, string>;
let swarm: Swarm;
let client: SwarmClient;
/** What was written here, by the commands and in between. */
const written = new Map<string, string>();

/** No window: the end is the end, as with a release before. */
const PLAN = ['--no-guards', '--rollback-window', '0'];

const data = (nodeId: number): string[] => ['--data', swarm.member(nodeId).directory];

beforeAll(async () => {
  source = v1Installation(MEMORIES);
  before = contentsOf(source);
  swarm = await Swarm.start({ nodes: 3, from: source });
  client = await swarm.connect();
});

describe('a swarm of three from a v1 installation', () => {
  it('shows its members, its leader and the memories of v1', async () => {
    const status = await runJson<SwarmStatus>(['swarm', 'status', ...data(2)]);
    expect(status.swarmId).toBe(swarm.created.swarmId);
    expect(status.swarmVersion).toBe(1);
    expect(status.members.map(({ nodeId }) => nodeId)).toEqual([1, 2, 3]);
    for (const member of status.members) {
      expect(member).toMatchObject({ status: 'up', engine: 'v1', cordoned: false, voter: true });
    }
    expect([1, 2, 3]).toContain(status.leader);
    expect(status.counts).toMatchObject({ memories: MEMORIES, quarantined: 0 });
    const text = await run(['swarm', 'status', ...swarm.through(3)]);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/version 1/);
    expect(text.stdout).toMatch(new RegExp(`memories ${MEMORIES}`));
  });

  it('takes a write at one node and answers at another, with a directory or with a token', async () => {
    await runJson(['memory', 'insert', 'probe', CONTENT, '--metadata', '{"a":1}', ...data(1)]);
    await runJson(['memory', 'insert', 'cause', 'the cache is empty', ...swarm.through(2)]);
    written.set('probe', CONTENT).set('cause', 'the cache is empty');
    const got = await runJson<{ memory: Memory }>(['memory', 'get', 'probe', ...swarm.through(3)]);
    expect(got.memory).toMatchObject({ id: 'probe', content: CONTENT, metadata: { a: 1 } });
    await runJson(['memory', 'link', 'cause', 'probe', '--relation', 'explains', ...data(3)]);
    for (const { peerId } of swarm.members) {
      const { edges } = await client.edges('cause', { only: peerId });
      expect(edges).toMatchObject([
        { from: 'cause', to: 'probe', relation: 'explains', weight: 1, namespace: 'default' },
      ]);
    }
    const query = ['memory', 'search', 'probe fails when the service starts cold', '--limit', '3'];
    const found = await runJson<{ hits: SearchHit[] }>([...query, ...data(2)]);
    expect(found.hits[0]?.id).toBe('probe');
    expect(found.hits).toHaveLength(3);
  });

  it('answers a local read from the node that was named', async () => {
    for (const { nodeId, peerId } of swarm.members) {
      const local = ['memory', 'get', 'probe', '--local', ...data(nodeId)];
      expect(await runJson(local)).toMatchObject({ memory: { id: 'probe' }, servedBy: peerId });
    }
    const asked = swarm.member(3);
    await asked.process.kill();
    const reads = [data(3), swarm.through(3), swarm.through(2)].map((where) =>
      run(['memory', 'get', 'probe', '--local', ...where]),
    );
    const [gone, goneToo, there] = await Promise.all(reads);
    await swarm.restart(3);
    for (const read of [gone, goneToo]) {
      expect(read).toMatchObject({ code: 1, stdout: '' });
      expect(read?.stderr).toMatch(/no member of the swarm could be reached/);
      expect(read?.stderr).toContain(asked.address);
    }
    expect(there).toMatchObject({ code: 0, stderr: '' });
  });

  it('says of a missing memory and of a missing end of a link what is missing', async () => {
    const got = await run(['memory', 'get', 'nothing', ...data(1)]);
    expect(got).toMatchObject({ code: 1, stdout: '' });
    expect(got.stderr).toMatch(/no memory with the id nothing/);
    const linked = await run(['memory', 'link', 'probe', 'nothing', ...data(1)]);
    expect(linked.code).toBe(1);
    expect(linked.stderr).toMatch(/two memories.*insert it first/);
  });

  it('searches by filter and by mode, and says what is no filter', async () => {
    const search = async (...more: string[]): Promise<string[]> => {
      const args = ['memory', 'search', 'payments probe', '--limit', '50', ...more, ...data(2)];
      return (await runJson<{ hits: SearchHit[] }>(args)).hits.map(({ id }) => id);
    };
    expect(await search('--filter', '{"a":{"from":1,"to":2}}')).toEqual(['probe']);
    expect(await search('--filter', '{"a":2}')).toEqual([]);
    expect(await search('--mode', 'text')).toContain('probe');
    expect(await search('--mode', 'text')).not.toContain('cause');
    expect(await search('--mode', 'hybrid', '--diversity', '0.7')).toContain('cause');
    const reranked = await client.search({ text: 'payments probe', rerank: 'gnn' });
    expect(reranked.hits[0]?.rerankedBy).toBe('gnn');
    expect(await search('--rerank', 'attention', '--limit', '20')).toContain('probe');
    const weights = { by: 'gnn', weights: {} } as { by: 'gnn' };
    await expect(client.search({ text: 'x', rerank: weights })).rejects.toThrow(/rerank/);
    const wrong = ['memory', 'search', 'x', '--filter', '{"a":{"b":1}}', ...data(2)];
    const refused = await run(wrong);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/the condition of "a" in a filter/);
  });

  it('deletes edges and memories, and says so when there is nothing to delete', async () => {
    await runJson(['memory', 'insert', 'gone', 'the queue was full', ...data(1)]);
    await runJson(['memory', 'link', 'gone', 'probe', ...data(1)]);
    await runJson(['memory', 'link', 'probe', 'gone', ...data(1)]);
    await runJson(['memory', 'unlink', 'gone', 'probe', ...data(2)]);
    expect((await client.edges('gone')).edges).toEqual([]);
    expect(await runJson(['memory', 'delete', 'gone', ...data(2)])).toMatchObject({ id: 'gone' });
    for (const { peerId } of swarm.members) {
      expect((await client.get('gone', { only: peerId })).memory).toBeNull();
      expect((await client.edges('probe', { only: peerId })).edges).toEqual([]);
      const { hits } = await client.search({ text: 'the queue was full', limit: 100 });
      expect(hits.map(({ id }) => id)).not.toContain('gone');
    }
    for (const args of [
      ['delete', 'gone'],
      ['unlink', 'probe', 'gone'],
    ]) {
      const again = await run(['memory', ...args, ...data(3)]);
      expect(again).toMatchObject({ code: 1, stdout: '' });
      expect(again.stderr).toMatch(/nothing to delete/);
    }
  });
});

/** Waits until the swarm waits for the last node of the rollout. */
async function allButLastDone(): Promise<void> {
  await until('all nodes but the last have migrated', async () => {
    const rollout = await client.rolloutStatus();
    const steps = rollout?.nodes.map(({ step }) => step) ?? [];
    return steps.slice(0, -1).every((step) => step === 'done') && steps.at(-1) !== 'pending';
  });
}

describe('a rollout', () => {
  it('is refused with a sentence when it cannot be', async () => {
    for (const command of ['plan', 'start']) {
      const other = await run(['rollout', command, 'v3', ...data(1)]);
      expect(other).toMatchObject({ code: 1, stdout: '' });
      expect(other.stderr).toMatch(/moved to v2 or to a release such as .*, not to 'v3'/);
    }
    const none = await run(['rollout', 'abort', 'v2', ...data(1)]);
    expect(none.code).toBe(1);
    expect(none.stderr).toMatch(/no rollout is running/);
    const wrong = await run(['rollout', 'start', 'v2', '--digest', 'abc', ...PLAN, ...data(1)]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(/plan is now [0-9a-f]{64}, not abc/);
    expect(await client.rolloutStatus()).toBeNull();
  });

  it('goes back to v1 everywhere when it is aborted in the middle, and loses nothing', async () => {
    const start = ['rollout', 'start', 'v2', '--no-wait', ...PLAN, ...data(1)];
    const { rollout } = await runJson<{ rollout: Rollout }>(start);
    // Its last node is away, so that the middle lasts as long as this takes.
    const last = rollout.nodes.at(-1)?.nodeId ?? 0;
    await swarm.member(last).process.kill();
    for (let i = 0; i < 10; i += 1) {
      await client.insert({ id: `during-${i}`, content: `written during ${i}` });
      written.set(`during-${i}`, `written during ${i}`);
    }
    await allButLastDone();
    // On engines of both versions.
    await client.delete('during-0');
    written.delete('during-0');
    const [here] = swarm.members.filter(({ nodeId }) => nodeId !== last);
    const between = await client.status({ only: here?.peerId ?? '' });
    expect(between).toMatchObject({ swarmVersion: 1, engine: 'v2' });
    const abort = ['rollout', 'abort', ...swarm.through(here?.nodeId ?? 0)];
    const aborted = await runJson<{ rollout: Rollout }>(abort);
    await swarm.restart(last);
    await settled(swarm, client);
    expect(aborted.rollout.status).toBe('aborted');
    const status = await client.status();
    expect(status.swarmVersion).toBe(1);
    for (const member of status.members) {
      expect(member).toMatchObject({ engine: 'v1', cordoned: false, status: 'up' });
    }
    await expectEverywhere(swarm, client, written);
    for (const { peerId } of swarm.members) {
      const { engine, counts } = await client.counts({ only: peerId });
      expect(engine).toBe('v1');
      expect(counts.memories).toBe(MEMORIES + written.size);
    }
  });

  it('runs once, as it was planned, and ends with every node on v2', async () => {
    const plan = await runJson<RolloutPlan>(['rollout', 'plan', 'v2', ...PLAN, ...data(3)]);
    const text = await run(['rollout', 'plan', 'v2', ...PLAN, ...swarm.through(1)]);
    expect(text.stdout).toContain(plan.digest);
    const start = ['rollout', 'start', 'v2', '--digest', plan.digest, ...PLAN, '--json'];
    const running = run([...start, ...swarm.through(1)]);
    await until('the rollout runs', async () => {
      return (await client.rolloutStatus())?.status === 'running';
    });
    const again = await run(['rollout', 'start', 'v2', ...data(2)]);
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/rollout is running; wait until it has ended or abort it/);
    const started = await running;
    expect(started.stderr).toMatch(/switch|validate|stage/);
    expect(started.code).toBe(0);
    const { rollout } = JSON.parse(started.stdout) as { rollout: Rollout };
    expect(rollout).toMatchObject({ status: 'completed', digest: plan.digest });
    expect(rollout.nodes.map(({ step }) => step)).toEqual(['done', 'done', 'done']);
  });

  it('leaves version 2 behind, with the same memories on every node', async () => {
    await settled(swarm, client);
    const texts = new Map<string, string>();
    for (const { nodeId, peerId } of swarm.members) {
      const status = await client.status({ only: peerId });
      expect(status).toMatchObject({ swarmVersion: 2, engine: 'v2' });
      expect(status.counts).toMatchObject({ memories: MEMORIES + written.size, quarantined: 0 });
      const { hits } = await client.search(
        { text: 'service', limit: 100 },
        { only: peerId, consistency: 'local' },
      );
      expect(hits).toHaveLength(MEMORIES + written.size);
      for (const { id, content } of hits) {
        expect(content, `memory ${id} on node ${nodeId}`).toBe(texts.get(id) ?? content);
        texts.set(id, content);
      }
    }
    await expectEverywhere(swarm, client, written);
    const again = await run(['rollout', 'start', 'v2', ...data(1)]);
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/version 2/);
    const local = ['memory', 'get', 'probe', '--local', ...data(2)];
    expect((await runJson<{ memory: Memory }>(local)).memory.content).toBe(CONTENT);
  });

  it('never touches the v1 installation', () => {
    expect(contentsOf(source)).toEqual(before);
  });
});
