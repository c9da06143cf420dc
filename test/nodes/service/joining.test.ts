import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { prepareNode } from '../../../nodes/create.js';
import type { SwarmNode } from '../../../nodes/node.js';
import { ownRelease } from '../../../nodes/release/identity.js';
import type { Access } from '../../../nodes/service/access.js';
import { nodeServices } from '../../../nodes/service/services.js';
import { createIdentity } from '../../../transport/identity/index.js';
import { listenRpc } from '../../../transport/rpc/index.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import type { CallContext } from '../../../transport/rpc/rpc.js';
import { requireJoinable } from '../../../nodes/service/joining.js';
import { parseRequest, requests } from '../../../nodes/service/requests.js';
import type { RolloutStatus } from '../../../nodes/rollout/state.js';
import { swarmOf } from '../control-plane/rollout-world.js';
import { IN_STATUS, RELEASE, started } from '../rollout/rollouts.js';

const { commandVersion } = RELEASE.to;
const root = mkdtempSync(join(tmpdir(), 'agentic-flow-joining-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A swarm whose last rollout, to the release `to`, is in this status. */
function swarmIn(status: RolloutStatus | undefined): ReturnType<typeof swarmOf> {
  const state = swarmOf(2);
  state.rollout = status === undefined ? null : IN_STATUS[status]();
  return state;
}

describe('a node that joins', () => {
  it.each(['finalizing', 'finalized'] satisfies RolloutStatus[])(
    'has to run the release of a rollout that is %s',
    (status) => {
      const state = swarmIn(status);
      requireJoinable(state, { commandVersion, release: 'to' });
      for (const release of ['from', undefined]) {
        expect(() => requireJoinable(state, { commandVersion, release })).toThrow(
          expect.objectContaining({
            code: 'refused',
            reason: 'fenced',
            message: expect.stringContaining('join with to'),
          }),
        );
      }
    },
  );

  it.each([undefined, 'running', 'completed', 'rolledBack'] satisfies (
    RolloutStatus | undefined
  )[])('may run any release when the last rollout is %s', (status) => {
    for (const release of ['to', 'from', undefined]) {
      requireJoinable(swarmIn(status), { commandVersion, release });
    }
  });

  it('need not say its release after a rollout of engines', () => {
    const state = swarmOf(2);
    state.rollout = started(2);
    state.rollout.status = 'finalized';
    requireJoinable(state, { commandVersion: state.commandVersion });
  });

  it('has to read what the swarm writes', () => {
    const state = swarmOf(1);
    const old = { commandVersion: state.commandVersion - 1, release: 'to' };
    expect(() => requireJoinable(state, old)).toThrow(
      expect.objectContaining({ reason: 'release-too-old' }),
    );
  });

  it('says its release, or is of one before that did not', () => {
    const request = { token: 'afj_x', host: '127.0.0.1', port: 7_000, commandVersion };
    expect(parseRequest(requests.join, request)).toEqual(request);
    const saying = { ...request, release: '2.1.0+ab' };
    expect(parseRequest(requests.join, saying)).toEqual(saying);
    for (const release of ['', 'x'.repeat(10_000), 7]) {
      expect(() => parseRequest(requests.join, { ...request, release })).toThrow('release');
    }
  });

  it('says what it runs to the member that it asks', async () => {
    let asked: unknown;
    const identity = createIdentity();
    const handlers = {
      'swarm.join': (payload: unknown) => {
        asked = payload;
        throw new RpcError('refused', 'not today', { reason: 'fenced' });
      },
    };
    const host = '127.0.0.1';
    const member = await listenRpc({ identity, host, port: 0, handlers });
    const { port } = member;
    const joining = prepareNode({
      directory: join(root, 'node'),
      listen: { host, port: 0 },
      advertise: { host, port: 7_000 },
      peer: { peerId: identity.peerId, host, port },
      token: 'afj_x',
      log: () => undefined,
    });
    await expect(joining).rejects.toMatchObject({ reason: 'fenced' });
    await member.close();
    expect(parseRequest(requests.join, asked).release).toBe((await ownRelease()).name);
  });

  it('asks again with the same key when it gets no answer, and says so in the end', async () => {
    const asked: string[] = [];
    let failure = new RpcError('unavailable', 'no leader');
    const identity = createIdentity();
    const handlers = {
      'swarm.join': (_payload: unknown, { connection }: CallContext) => {
        asked.push(connection.peerId);
        throw asked.length % 3 === 0 ? failure : new RpcError('unavailable', 'no leader');
      },
    };
    const host = '127.0.0.1';
    const member = await listenRpc({ identity, host, port: 0, handlers });
    const joined = () =>
      prepareNode({
        directory: join(root, 'asking'),
        listen: { host, port: 0 },
        advertise: { host, port: 7_000 },
        peer: { peerId: identity.peerId, host, port: member.port },
        token: 'afj_x',
        log: () => undefined,
      });
    await expect(joined()).rejects.toThrow(/did not answer: .*no leader.*: join again/);
    expect(asked).toHaveLength(3);
    expect(new Set(asked).size).toBe(1);
    failure = new RpcError('refused', 'not today', { reason: 'fenced' });
    await expect(joined()).rejects.toMatchObject({ reason: 'fenced' });
    expect(asked).toHaveLength(6);
    await member.close();
  });

  it('is refused before anything is proposed, by what the member knows after it has asked', async () => {
    const control = swarmIn('switched');
    let proposed = 0;
    const node = {
      control,
      // The rollout was finalized, and this member has not applied it.
      driver: { readBarrier: async () => void (control.rollout = IN_STATUS.finalized()) },
      submit: async () => void (proposed += 1),
    };
    const { admitPeer } = nodeServices(node as unknown as SwarmNode, {} as Access);
    const peer = { peerId: 'new', host: 'h', port: 1, commandVersion, release: 'from' };
    await expect(admitPeer(peer, 1_000)).rejects.toMatchObject({ reason: 'fenced' });
    expect(proposed).toBe(0);
  });
});
