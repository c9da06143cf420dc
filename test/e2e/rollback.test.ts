/** Ways back of an engine rollout, one for each status that it can be in, with writes in between. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import type { Rollout, RolloutOptions, SwarmClient } from '../../src/client/index.js';
import { v1Installation } from './support/directories.js';
import { run, runJson } from './support/processes.js';
import { settled, statusOf, Swarm } from './support/swarm.js';
import { expectEverywhere } from './support/writers.js';
import { until } from '../waiting.js';

const MEMORIES = 12;

let swarm: Swarm;
let client: SwarmClient;
const written = new Map<string, string>();
let writes = 0;

const data = (nodeId: number): string[] => ['--data', swarm.member(nodeId).directory];

beforeAll(async () => {
  swarm = await Swarm.start({ nodes: 3, from: v1Installation(MEMORIES) });
  client = await swarm.connect();
});

async function write(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    writes += 1;
    const memory = { id: `written-${writes}`, content: `text number ${writes}` };
    await client.insert(memory, { deadlineMs: 30_000 });
    written.set(memory.id, memory.content);
  }
}

async function start(plan: RolloutOptions): Promise<Rollout> {
  return client.startRollout('v2', undefined, { plan, deadlineMs: 30_000 });
}

async function untilRollout(what: string, holds: (rollout: Rollout) => boolean): Promise<Rollout> {
  return until(what, async () => {
    const rollout = await client.rolloutStatus({ deadlineMs: 30_000 });
    return rollout !== null && holds(rollout) ? rollout : undefined;
  });
}

const steps = ({ nodes }: Rollout): string[] => nodes.map(({ step }) => step);

/** Rolls back by the command; everything that was acknowledged is on every node, which is on v1. */
async function expectWayBack(): Promise<void> {
  await write(2);
  const rollback = ['rollout', 'rollback', '--reason', 'a test', ...data(1)];
  const { rollout } = await runJson<{ rollout: Rollout }>(rollback);
  expect(rollout).toMatchObject({ status: 'rolledBack', reason: 'a test', goal: 'rolledBack' });
  await write(2);
  await expectOnV1();
}

async function expectOnV1(): Promise<void> {
  await settled(swarm, client);
  const { swarmVersion, members } = await client.status();
  expect(swarmVersion).toBe(1);
  for (const member of members) {
    expect(member).toMatchObject({ engine: 'v1', cordoned: false, status: 'up' });
  }
  await expectEverywhere(swarm, client, written);
  for (const { peerId } of swarm.members) {
    const { engine, counts } = await client.counts({ only: peerId, deadlineMs: 30_000 });
    expect(engine).toBe('v1');
    expect(counts.memories).toBe(MEMORIES + written.size);
  }
}

describe('a rollout goes back', () => {
  it('while it is scheduled, and nothing has been done', async () => {
    const hour = ['--not-before', '+1h'];
    const start = ['rollout', 'start', 'v2', ...hour, '--no-guards', ...data(2)];
    const started = await runJson<{ rollout: Rollout }>(start);
    expect(started.rollout.status).toBe('scheduled');
    const twice = await run(['rollout', 'start', 'v2', ...data(3)]);
    expect(twice).toMatchObject({ code: 1, stdout: '' });
    expect(twice.stderr).toMatch(/rollout is running/);
    const later = await runJson<{ rollout: Rollout }>(['rollout', 'postpone', '+2h', ...data(3)]);
    expect(later.rollout.notBeforeMs).toBeGreaterThan(started.rollout.notBeforeMs);
    expect(new Set(steps(later.rollout))).toEqual(new Set(['pending']));
    await expectWayBack();
  });

  it('while it is paused with a node that has switched, after it was throttled', async () => {
    await start({ soakMs: 3_600_000 });
    await untilRollout('the first node soaks', (now) => steps(now)[0] === 'soak');
    const paused = await runJson<{ rollout: Rollout }>(['rollout', 'pause', ...data(2)]);
    expect(paused.rollout).toMatchObject({ status: 'paused', reason: 'paused by an operator' });
    const again = await run(['rollout', 'pause', ...data(2)]);
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/the rollout is paused; resume it first/);
    const throttle = ['rollout', 'throttle', '--soak', '2h', '--max-unavailable', '2', ...data(3)];
    const throttled = await runJson<{ rollout: Rollout }>(throttle);
    expect(throttled.rollout.limits).toEqual({ maxUnavailable: 2, soakMs: 7_200_000 });
    const text = await run(['rollout', 'status', ...data(1)]);
    expect(text.stdout).toMatch(/paused: paused by an operator/);
    expect(text.stdout).toMatch(/soak: 1 h 59 min more|soak: 2 h 0 min more/);
    await expectWayBack();
  });

  it('while a node soaks, and the next one begins only when it is resumed', async () => {
    await start({ soakMs: 3_600_000 });
    await untilRollout('the first node soaks', (now) => steps(now)[0] === 'soak');
    await client.rollouts.change({ action: 'pause', reason: 'a look' });
    await client.rollouts.change({ action: 'throttle', soakMs: 0 });
    expect(steps((await client.rolloutStatus())!)).toEqual(['soak', 'pending', 'pending']);
    const resumed = await client.rollouts.change({ action: 'resume' });
    expect(resumed.status).toBe('running');
    await untilRollout('the second node begins', (now) => steps(now)[1] !== 'pending');
    await expectWayBack();
  });

  it('when all nodes have switched, and wait to be finalized', async () => {
    await start({ autoFinalize: false });
    await untilRollout('all have switched', ({ status }) => status === 'switched');
    const { swarmVersion, members } = await client.status();
    expect([swarmVersion, ...members.map(({ engine }) => engine)]).toEqual([1, 'v2', 'v2', 'v2']);
    await expectWayBack();
  });

  it('while it is being finalized and a node that is down has not acknowledged the fence', async () => {
    await start({ autoFinalize: false });
    await untilRollout('all have switched', ({ status }) => status === 'switched');
    await swarm.member(3).process.kill();
    const finalize = ['rollout', 'finalize', '--no-wait', ...data(1)];
    expect((await runJson<{ rollout: Rollout }>(finalize)).rollout.status).toBe('finalizing');
    const fenced = await untilRollout('the others are fenced', (now) => now.fenced.length === 2);
    expect([fenced.status, fenced.fenced.toSorted()]).toEqual(['finalizing', [1, 2]]);
    const aborted = await run(['rollout', 'abort', ...data(1)]);
    expect(aborted.code).toBe(1);
    expect(aborted.stderr).toMatch(/being finalized; it can be rolled back/);
    await write(2);
    const rolledBack = await client.rollouts.change({ action: 'rollback' });
    expect(rolledBack.status).toBe('rolledBack');
    await swarm.restart(3);
    await expectOnV1();
  });

  it('after it was finalized, with writes, a node that was killed, and one that lost its v1 file', async () => {
    const start = ['rollout', 'start', 'v2', '--no-guards', ...data(1)];
    const started = await run(start);
    expect(started.code).toBe(0);
    expect(started.stdout).toMatch(/finalized, can be rolled back: for (3 d 0 h|2 d 23 h) more/);
    expect(started.stderr).toMatch(/node \d: (switch|validate|stage|done)/);
    expect((await client.status()).swarmVersion).toBe(2);
    await write(3);
    await swarm.member(2).process.kill();
    await swarm.member(3).process.kill();
    const v1Store = join(swarm.member(3).directory, 'v1', '.swarm', 'memory.db');
    for (const suffix of ['', '-wal', '-shm']) rmSync(v1Store + suffix, { force: true });
    await Promise.all([swarm.restart(2), swarm.restart(3)]);
    await write(3);
    await client.delete('written-1', { deadlineMs: 30_000 });
    written.delete('written-1');
    await client.addEdge({ from: 'written-2', to: 'written-3', relation: 'r', weight: 0.5 });
    await expectWayBack();
    for (const { peerId: only } of swarm.members) {
      const { edges } = await client.edges('written-2', { only });
      expect(edges).toMatchObject([{ to: 'written-3', weight: 0.5 }]);
    }
    const { progress } = await statusOf(client, swarm.member(3).peerId);
    expect(progress).toBe('');
  });

  it('no more when its window was closed; nodes of a batch have switched together', async () => {
    const started = await start({ canaries: 1, batchSize: 2 });
    expect(started.plan?.batches.map(({ length }) => length)).toEqual([1, 2]);
    await untilRollout('it is final', ({ status }) => status === 'finalized');
    const closed = await runJson<{ rollout: Rollout }>(['rollout', 'close-window', ...data(2)]);
    expect(closed.rollout.status).toBe('completed');
    const late = await run(['rollout', 'rollback', ...data(1)]);
    expect(late).toMatchObject({ code: 1, stdout: '' });
    expect(late.stderr).toMatch(/no rollout is running: the last one, \d+, was completed/);
    await write(2);
    await expectEverywhere(swarm, client, written);
    const { swarmVersion, engine } = await client.status();
    expect([swarmVersion, engine]).toEqual([2, 'v2']);
  });
});
