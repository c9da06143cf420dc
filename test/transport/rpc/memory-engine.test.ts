import { describe, expect, it } from 'vitest';
import { createMemoryNetwork } from '../../../transport/quic/memory/memory-network.js';
import { addressOf, listen, pair, rejection } from './pair.js';
import { WITHIN, until } from '../../waiting.js';

/** Both ends of `pair` on one network inside this process. */
function onOneNetwork(): {
  readonly network: ReturnType<typeof createMemoryNetwork>;
  readonly both: Parameters<typeof pair>[1] & object;
} {
  const network = createMemoryNetwork();
  const openEngine = network.openMemoryEngine;
  return { network, both: { server: { openEngine }, client: { openEngine } } };
}

describe('calls over the memory engine', () => {
  it('are answered, also large ones', async () => {
    const { both } = onOneNetwork();
    const { connection } = await pair({ echo: (payload) => payload }, both);
    const large = Buffer.alloc(8 * 1024 * 1024, 5);
    const answers = await Promise.all([
      connection.call('echo', { text: 'hello' }, WITHIN),
      connection.call('echo', large, WITHIN),
    ]);
    expect(answers[0]).toEqual({ text: 'hello' });
    expect(Buffer.compare(answers[1] as Buffer, large)).toBe(0);
  });

  it('wait for a stream when the limit is reached', async () => {
    const { both } = onOneNetwork();
    const { connection } = await pair({ double: (value) => (value as number) * 2 }, both);
    const calls = Array.from({ length: 500 }, (_, value) =>
      connection.call('double', value, WITHIN),
    );
    expect(await Promise.all(calls)).toEqual(calls.map((_, value) => value * 2));
  });

  it('end at their deadline, and the handler is told', async () => {
    const { both } = onOneNetwork();
    let isAborted = false;
    const { connection } = await pair(
      {
        wait: (_payload, { signal }) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              isAborted = true;
              resolve(null);
            });
          }),
      },
      both,
    );
    expect(await rejection(connection.call('wait', null, { timeoutMs: 50 }))).toMatchObject({
      code: 'deadline-exceeded',
    });
    await until(() => isAborted);
  });

  it('reach only who is meant, and notifications arrive', async () => {
    const { network, both } = onOneNetwork();
    const told: unknown[] = [];
    const { client, server } = await pair({ event: (payload) => told.push(payload) }, both);
    const other = await listen({}, { openEngine: network.openMemoryEngine });
    const wrong = { ...addressOf(server), peerId: other.peerId };
    expect(await rejection(client.connect(wrong, WITHIN))).toMatchObject({
      code: 'unauthenticated',
    });
    for (const connection of client.connections()) connection.notify('event', 1);
    await until(() => told.length === 1);
  });

  it('fail as unavailable when the path is cut', async () => {
    const { network } = onOneNetwork();
    const options = {
      openEngine: network.openMemoryEngine,
      settings: { idleTimeoutMs: 300, keepAliveMs: 100 },
    };
    const { client, server, connection } = await pair(
      { echo: (payload) => payload },
      { server: options, client: options },
    );
    network.partition(client, server);
    expect(await rejection(connection.call('echo', 1, WITHIN))).toMatchObject({
      code: 'unavailable',
    });
    network.heal(client, server);
    const again = await client.connect(addressOf(server), WITHIN);
    expect(await again.call('echo', 2, WITHIN)).toBe(2);
  });
});
