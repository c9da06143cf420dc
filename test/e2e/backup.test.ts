/** A backup of a running swarm: everything acknowledged before is in it, and a new swarm grows from it. */
import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { freePort, scratch, v1Installation } from './support/directories.js';
import { NodeProcess, run, runJson } from './support/processes.js';
import { Swarm, connectTo } from './support/swarm.js';
import type { Created } from './support/swarm.js';
import { until } from '../waiting.js';

interface BackupReport {
  readonly file: string;
  readonly digest: string;
  readonly swarmId: string;
  readonly swarmVersion: number;
  readonly index: number;
  readonly rows: Readonly<Record<string, number>>;
}

async function restored(file: string): Promise<Created & { readonly directory: string }> {
  const directory = scratch('restored');
  const place = ['--data', directory, '--listen', `127.0.0.1:${await freePort()}`];
  return { ...(await runJson<Created>(['swarm', 'restore', file, ...place])), directory };
}

describe('a swarm of two', () => {
  const file = scratch('swarm.backup');
  let swarm: Swarm;
  let report: BackupReport;

  beforeAll(async () => {
    swarm = await Swarm.start({ nodes: 2 });
    const client = await swarm.connect();
    for (let i = 0; i < 40; i += 1) {
      await client.insert({ id: `m${i}`, content: `memory ${i}`, metadata: { i } });
    }
    await client.addEdge({ from: 'm1', to: 'm2', relation: 'next', weight: 0.5 });
    await client.insert({ id: 'short', content: 'expires', expiresAt: Date.now() + 3_600_000 });
    await client.delete('m39');
    const plan = await client.documents.open('plan', { only: swarm.member(2).peerId });
    plan.text().insert(0, 'first the roof');
    await plan.saved();
    const member = ['--data', swarm.member(2).directory];
    await runJson(['doc', 'rights', 'plan', '--writers', swarm.created.peerId, ...member]);
    report = await runJson(['swarm', 'backup', file, '--data', swarm.member(2).directory]);
    await client.insert({ id: 'late', content: 'written after the backup' });
  });

  it('says what it holds, and says the same when it is read again', async () => {
    expect(report).toMatchObject({ swarmId: swarm.created.swarmId, swarmVersion: 2 });
    const checked = await runJson<BackupReport>(['swarm', 'check-backup', file]);
    expect(checked).toEqual(report);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is restored as a swarm of its own, which others join', async () => {
    const created = await restored(file);
    expect(created.swarmId).not.toBe(swarm.created.swarmId);
    expect(created.clientToken).not.toBe(swarm.created.clientToken);
    await NodeProcess.start(['--data', created.directory]);
    const join = ['--join', created.address, '--token', created.joinToken];
    const second = ['--data', scratch('second'), '--listen', `127.0.0.1:${await freePort()}`];
    const { peerId } = await (await NodeProcess.start([...second, ...join])).ready();
    const client = await connectTo(created);
    for (const only of [created.peerId, peerId]) {
      for (let i = 0; i < 39; i += 1) {
        const { memory } = await client.get(`m${i}`, { only });
        expect(memory).toMatchObject({ content: `memory ${i}`, metadata: { i } });
      }
      expect((await client.get('m39', { only })).memory).toBeNull();
      expect((await client.get('late', { only })).memory).toBeNull();
      expect((await client.get('short', { only })).memory?.expiresAt).toBeGreaterThan(Date.now());
      const { edges } = await client.edges('m1', { only });
      expect(edges).toMatchObject([{ to: 'm2', relation: 'next', weight: 0.5 }]);
    }
    const { hits } = await client.search({ text: 'memory 7', limit: 3 });
    expect(hits.map(({ id }) => id)).toContain('m7');
    await until('the new member has the document', async () => {
      const opened = client.documents.open('plan', { mustExist: true, only: peerId });
      const text = await opened.then(
        async (plan) => {
          await plan.close();
          return plan.text().toString();
        },
        () => '',
      );
      return text === 'first the roof';
    });
    expect((await client.documents.rights('plan')).writers).toHaveLength(1);
    await client.insert({ id: 'new', content: 'the new swarm takes writes' });
    const { members } = await client.status();
    expect(members.map(({ voter }) => voter)).toEqual([true, true]);
  });

  it('is refused with the place where it is damaged, and nothing is created', async () => {
    const whole = readFileSync(file);
    const places = [0, 100, Math.floor(whole.length / 2), whole.length - 300, whole.length - 1];
    for (const at of places) {
      const damaged = scratch('damaged');
      const bytes = Buffer.from(whole);
      bytes[at] = bytes[at]! ^ 0x40;
      writeFileSync(damaged, bytes);
      const directory = scratch('none');
      const place = ['--data', directory, '--listen', `127.0.0.1:${await freePort()}`];
      const refused = await run(['swarm', 'restore', damaged, ...place]);
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toMatch(/damaged at byte|cannot be used/);
      expect(existsSync(directory)).toBe(false);
    }
    const cut = scratch('cut');
    writeFileSync(cut, whole.subarray(0, whole.length - 1_000));
    expect((await run(['swarm', 'check-backup', cut])).stderr).toContain('cut off');
    expect((await run(['swarm', 'check-backup', scratch('absent')])).stderr).toContain('no backup');
  });

  it('is not written over another file, nor for the client token', async () => {
    const data = ['--data', swarm.member(1).directory];
    const copy = scratch('copy');
    copyFileSync(file, copy);
    const there = await run(['swarm', 'backup', copy, ...data]);
    expect(there.code).toBe(1);
    expect(there.stderr).toContain('is there already');
    expect(readFileSync(copy).equals(readFileSync(file))).toBe(true);
    const nowhere = await run(['swarm', 'backup', join(scratch('absent'), 'x'), ...data]);
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toMatch(/^error: there is no folder .*absent; create it/);
    const { clientToken, operatorToken } = swarm.created;
    const refused = await run(['swarm', 'backup', scratch('no'), ...swarm.through(1, clientToken)]);
    expect(refused.stderr).toContain('this wants the operator token');
    const { address } = swarm.member(1);
    const allowed = scratch('yes');
    const operator = ['--peer', address, '--token', operatorToken];
    expect((await run(['swarm', 'backup', allowed, ...operator])).code).toBe(0);
    expect(existsSync(allowed)).toBe(true);
  });
});

it('a swarm of version 1 is restored as one, with every row of its file', async () => {
  const swarm = await Swarm.start({ nodes: 1, from: v1Installation(60) });
  const client = await swarm.connect();
  await client.insert({ id: 'mine', content: 'written to the v1 file' });
  const before = await client.status();
  const file = scratch('v1.backup');
  await runJson(['swarm', 'backup', file, '--data', swarm.member(1).directory]);
  const created = await restored(file);
  await NodeProcess.start(['--data', created.directory]);
  const after = await (await connectTo(created)).status();
  expect(after).toMatchObject({ swarmVersion: 1, engine: 'v1', counts: before.counts });
});

it('in the rollback window of a rollout the backup is of the version that answers', async () => {
  const swarm = await Swarm.start({ nodes: 1, from: v1Installation(20) });
  const client = await swarm.connect();
  await client.startRollout('v2', undefined, { plan: {}, deadlineMs: 30_000 });
  await until(
    'the rollout is final',
    async () => (await client.rolloutStatus())?.status === 'finalized',
  );
  await client.insert({ id: 'mine', content: 'written to both stores' });
  const { counts } = await client.status();
  const file = scratch('window.backup');
  await runJson(['swarm', 'backup', file, '--data', swarm.member(1).directory]);
  const created = await restored(file);
  await NodeProcess.start(['--data', created.directory]);
  const anew = await connectTo(created);
  // There is no way back in the new swarm: it has the store that answers, and not the one beside it.
  expect(await anew.status()).toMatchObject({ swarmVersion: 2, engine: 'v2', rollout: null });
  expect((await anew.status()).counts).toMatchObject({
    memories: counts?.memories,
    links: counts?.links,
  });
  expect((await anew.get('mine')).memory?.content).toBe('written to both stores');
});
