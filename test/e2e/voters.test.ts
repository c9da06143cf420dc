/** Five real processes, three of which vote: hosts that are gone, replaced, drained, and that leave. */
import { rmSync } from 'node:fs';

import { beforeAll, describe, expect, it } from 'vitest';

import type { SwarmClient, SwarmStatus } from '../../src/client/index.js';
import { freePort, scratch } from './support/directories.js';
import { NodeProcess, run, runJson } from './support/processes.js';
import { Swarm, initSwarm } from './support/swarm.js';
import { until } from '../waiting.js';

let swarm: Swarm;
let client: SwarmClient;

const votersOf = ({ members }: SwarmStatus): number[] =>
  members.filter(({ voter }) => voter).map(({ nodeId }) => nodeId);

const data = (nodeId: number): string[] => ['--data', swarm.member(nodeId).directory];

async function untilVoters(what: string, wanted: (voters: number[]) => boolean): Promise<number[]> {
  return until(what, async () => {
    const voters = votersOf(await client.status());
    return wanted(voters) && voters;
  });
}

let written = 0;
async function write(): Promise<void> {
  written += 1;
  await client.insert({ id: `m${written}`, content: `memory ${written}` });
}

beforeAll(async () => {
  swarm = await Swarm.start({ nodes: 5 });
  client = await swarm.connect();
});

describe('five nodes with three voters', () => {
  it('are what an operator says', async () => {
    expect((await run(['swarm', 'set-voters', '4', ...data(1)])).stderr).toContain(
      '1, 3, 5, 7 or all',
    );
    const client1 = swarm.through(1, swarm.created.clientToken);
    const refused = await run(['swarm', 'set-voters', '3', ...client1]);
    expect(refused.stderr).toContain('this wants the operator token');
    await runJson(['swarm', 'set-voters', '3', '--gone-after', '5', ...data(1)]);
    const voters = await untilVoters('three vote', ({ length }) => length === 3);
    expect((await client.status()).voters).toEqual({ wanted: 3, goneAfterMs: 5_000 });
    expect(voters).toContain((await client.status()).leader);
    await write();
  });

  it('give the vote of a host that is gone for good to a learner', async () => {
    const { leader, members } = await client.status();
    const lost = members.find(({ voter, nodeId }) => voter && nodeId !== leader && nodeId !== 1)!;
    await swarm.member(lost.nodeId).process.kill();
    rmSync(swarm.member(lost.nodeId).directory, { recursive: true });
    const voters = await untilVoters(
      'a learner votes instead',
      (ids) => ids.length === 3 && !ids.includes(lost.nodeId),
    );
    expect(voters.length).toBe(3);
    await write();

    const { address, joinToken } = swarm.created;
    const listen = `127.0.0.1:${await freePort()}`;
    const place = ['--data', scratch('successor'), '--listen', listen, '--zone', 'new rack'];
    const to = ['--join', address, '--token', joinToken, '--replace', String(lost.nodeId)];
    const { nodeId } = await (await NodeProcess.start([...place, ...to])).ready();
    const after = await until('the dead one is no member', async () => {
      const status = await client.status();
      return status.members.every((member) => member.nodeId !== lost.nodeId) && status;
    });
    expect(after.members.length).toBe(5);
    const successor = after.members.find((member) => member.nodeId === nodeId);
    expect(successor).toMatchObject({ zone: 'new rack', status: 'up', replaces: null });
  });

  it('move leadership and vote from a member that is drained', async () => {
    const { leader } = await client.status();
    const drained = await runJson<{ leader: number }>([
      'swarm',
      'drain',
      String(leader),
      ...data(1),
    ]);
    expect(drained.leader).not.toBe(leader);
    const voters = await untilVoters(
      'its vote is elsewhere',
      (ids) => ids.length === 3 && !ids.includes(leader),
    );
    const text = (await run(['swarm', 'status', ...data(1)])).stdout;
    expect(text).toMatch(new RegExp(`^${leader} .*learner .*drained`, 'm'));
    await write();
    await runJson(['swarm', 'undrain', String(leader), ...data(1)]);
    const { members } = await client.status();
    expect(members.find(({ nodeId }) => nodeId === leader)?.drained).toBe(false);
    // Nobody has to give a vote back for that.
    expect(votersOf(await client.status())).toEqual(voters);
  });

  it('let a voter leave: it ends with code 0, and its vote is elsewhere', async () => {
    const { members } = await client.status();
    const leaving = members.find(
      ({ nodeId, voter }) =>
        voter && nodeId !== 1 && swarm.members.some((one) => one.nodeId === nodeId),
    )!;
    const { process } = swarm.member(leaving.nodeId);
    const left = await run(['swarm', 'leave', String(leaving.nodeId), ...data(leaving.nodeId)]);
    expect(left).toMatchObject({ code: 0, stderr: '' });
    expect((await process.exited).code).toBe(0);
    expect(process.log).toContain(`node ${leaving.nodeId} left swarm`);
    await untilVoters('three vote', (ids) => ids.length === 3 && !ids.includes(leaving.nodeId));
    for (let at = 1; at <= written; at += 1) {
      expect((await client.get(`m${at}`)).memory?.content).toBe(`memory ${at}`);
    }
  });
});

it('a node with a supervisor leaves as well, and its supervisor ends with code 0', async () => {
  const { address, joinToken } = swarm.created;
  const place = ['--data', scratch('supervised'), '--listen', `127.0.0.1:${await freePort()}`];
  const to = ['--join', address, '--token', joinToken, '--zone', 'attic'];
  const node = await NodeProcess.start([...place, ...to, '--supervise']);
  const { nodeId } = await node.ready();
  const found = await until('its supervisor is known', async () => {
    const { members } = await client.status();
    return members.find((member) => member.nodeId === nodeId && member.supervised);
  });
  expect(found.zone).toBe('attic');
  await runJson(['swarm', 'leave', String(nodeId), ...data(1)]);
  expect((await node.exited).code).toBe(0);
});

describe('a token that is rotated', () => {
  it('is valid at once, and the one before for nobody new', async () => {
    const created = await initSwarm();
    await NodeProcess.start(['--data', created.directory]);
    const peer = ['--peer', created.address];
    const asked = ['swarm', 'rotate-token', 'client', '--data', created.directory];
    const { token } = await runJson<{ token: string }>(asked);
    const old = await run(['swarm', 'status', ...peer, '--token', created.clientToken]);
    expect(old.stderr).toContain('wrong token');
    expect((await run(['swarm', 'status', ...peer, '--token', token])).code).toBe(0);
    const operator = [...peer, '--token', created.operatorToken];
    const join = ['swarm', 'rotate-token', '--kind', 'join', ...operator];
    const joinToken = (await runJson<{ token: string }>(join)).token;
    const left = await run(['swarm', 'status', ...peer, '--token', created.joinToken]);
    expect(left.stderr).toContain('wrong token');
    expect((await run(['swarm', 'status', ...peer, '--token', joinToken])).code).toBe(0);
    const next = await runJson<{ token: string }>([
      'swarm',
      'rotate-token',
      'operator',
      ...operator,
    ]);
    const again = await run(join);
    expect(again.stderr).toContain('wrong token');
    const mine = ['swarm', 'rotate-token', 'client', ...peer, '--token', next.token];
    expect((await run(mine)).code).toBe(0);
    const both = await run([...mine, '--kind', 'join']);
    expect(both).toMatchObject({ code: 1, stderr: expect.stringContaining('say which token') });
  });
});
