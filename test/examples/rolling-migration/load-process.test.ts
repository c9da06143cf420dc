import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { registerHistory } from '../../../examples/rolling-migration/history.js';
import { LoadProcess } from '../../../examples/rolling-migration/load-process.js';
import { checkLinearizability } from '../../../sim/checkers/linearizability.js';
import { memoryRegister } from '../../../sim/checkers/models.js';
import { createIdentity } from '../../../transport/identity/index.js';
import type { PeerAddress, RpcEndpoint } from '../../../transport/rpc/index.js';
import { listenRpc } from '../../../transport/rpc/index.js';
import { FakeSwarm } from '../../src/client/fake-swarm.js';

const HOST = '127.0.0.1';
const METHODS = ['client.hello', 'memory.openSession', 'memory.insert', 'memory.addEdge'];
const READS = ['memory.get', 'memory.search'];

let swarm: FakeSwarm;
let endpoints: RpcEndpoint[];
let seeds: PeerAddress[];
let load: LoadProcess | undefined;

/** The fake swarm behind real sockets, so that another process can use it. */
beforeEach(async () => {
  swarm = new FakeSwarm(2);
  endpoints = await Promise.all(
    swarm.members.map(async (member) => {
      const identity = createIdentity();
      const handlers = Object.fromEntries(
        [...METHODS, ...READS].map((method) => [
          method,
          (payload: unknown) => swarm.handle(member, method, payload as Record<string, unknown>),
        ]),
      );
      const endpoint = await listenRpc({ identity, host: HOST, port: 0, handlers });
      member.peerId = identity.peerId;
      member.port = endpoint.port;
      return endpoint;
    }),
  );
  seeds = swarm.members.map(({ port, peerId }) => ({ host: HOST, port, peerId }));
});

afterEach(async () => {
  await load?.kill();
  load = undefined;
  await Promise.all(endpoints.map((endpoint) => endpoint.close(0)));
});

function begin(token: string): LoadProcess {
  load = new LoadProcess({ seeds, token, clients: 4, seed: 1, thinkMs: 0, sourceIds: [] });
  return load;
}

describe('the load process', () => {
  it('records every request, through every member, and marks the phases', async () => {
    const running = begin('secret');
    await running.started();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await running.mark('rollout');
    await new Promise((resolve) => setTimeout(resolve, 100));
    await running.mark('after');
    const times = await running.stop();
    const { operations } = running;
    expect(operations.filter((each) => each.error !== null)).toEqual([]);
    expect(new Set(operations.map((each) => each.client)).size).toBe(4);
    expect(new Set(operations.map((each) => each.kind)).size).toBe(4);
    expect(new Set(operations.map((each) => each.servedBy)).size).toBe(2);
    // What the swarm applied is what was recorded as acknowledged.
    const writes = operations.filter((each) => each.index !== null);
    expect(writes.length).toBe(swarm.applied.length);
    expect(times.startMicroseconds).toBeLessThan(times.rolloutMicroseconds);
    expect(times.rolloutMicroseconds).toBeLessThan(times.afterMicroseconds);
    expect(times.afterMicroseconds).toBeLessThanOrEqual(times.endMicroseconds);
    for (const each of operations) {
      expect(each.returnMicroseconds).toBeGreaterThanOrEqual(each.callMicroseconds);
      expect(each.returnMicroseconds).toBeLessThanOrEqual(times.endMicroseconds);
    }
    const history = registerHistory(operations, new Map());
    expect(checkLinearizability(memoryRegister, history).verdict).toBe('linearizable');
  });

  it('says why it cannot run', async () => {
    await expect(begin('guess').started()).rejects.toMatchObject({
      code: 'process-died',
      message: expect.stringContaining('does not accept this token'),
    });
  });

  it('that dies is noticed', async () => {
    const running = begin('secret');
    await running.started();
    running.killNow();
    await expect(running.failure).rejects.toMatchObject({
      code: 'process-died',
      message: expect.stringContaining('SIGKILL'),
    });
  });
});
