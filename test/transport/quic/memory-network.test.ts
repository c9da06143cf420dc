import { describe, expect, it } from 'vitest';
import {
  runComplianceCase,
  type ComplianceContext,
} from '../../../transport/quic/compliance/index.js';
import { connectPair, dial, echo, rejectsWith } from '../../../transport/quic/compliance/pair.js';
import type { Stream } from '../../../transport/quic/index.js';
import {
  createMemoryNetwork,
  type MemoryNetwork,
} from '../../../transport/quic/memory/memory-network.js';
import { PATIENCE_MS, sleep } from '../../waiting.js';

/** Runs with a network and what a compliance case is given; engines are closed afterwards. */
async function on(
  run: (network: MemoryNetwork, context: ComplianceContext) => Promise<void>,
  network = createMemoryNetwork(),
): Promise<void> {
  await runComplianceCase(
    { name: 'test', run: (context) => run(network, context) },
    {
      openEngine: network.openMemoryEngine,
      patienceMs: PATIENCE_MS,
      caseMs: 2 * PATIENCE_MS,
    },
  );
}

const FAST = { settings: { idleTimeoutMs: 400, keepAliveMs: 100 } };
/** Longer than the bound of `close`. */
const PATIENT = { settings: { idleTimeoutMs: 2_000, keepAliveMs: 100 } };
const BOTH_FAST = { client: FAST, server: FAST };

describe('a path that is cut', () => {
  it('ends its connections on both sides as idle', async () => {
    await on(async (network, context) => {
      const { client, server, clientEngine, serverEngine } = await connectPair(context, BOTH_FAST);
      network.partition(clientEngine, serverEngine);
      for (const { connection } of [client, server]) {
        expect(await connection.closed).toMatchObject({ kind: 'idle', local: false });
      }
    });
  });

  it('delivers everything in order when it heals in time', async () => {
    await on(async (network, context) => {
      const { client, clientEngine, serverEngine } = await connectPair(context, {
        onServer: { onStream: echo },
      });
      const recorder = client.bidirectional();
      recorder.stream.write(Buffer.from('one '));
      await context.until(() => recorder.text === 'one ', 'the first has come');
      network.partition(clientEngine, serverEngine);
      recorder.stream.write(Buffer.from('two '));
      await context.settle();
      recorder.stream.write(Buffer.from('three '));
      await context.settle();
      expect(recorder.text).toBe('one ');
      network.heal(serverEngine, clientEngine);
      recorder.stream.write(Buffer.from('four'), true);
      await context.until(() => recorder.isFinal, 'everything has come');
      expect(recorder.text).toBe('one two three four');
    });
  });

  it('loses datagrams, and counts them', async () => {
    await on(async (network, context) => {
      const { client, server, clientEngine, serverEngine } = await connectPair(context);
      network.partition(clientEngine, serverEngine);
      expect(client.connection.sendDatagram(Buffer.from('lost'))).toBe(true);
      await context.settle();
      network.heal(clientEngine, serverEngine);
      client.connection.sendDatagram(Buffer.from('kept'));
      await context.until(() => server.datagrams.length === 1, 'one has come');
      expect(server.datagrams.map(String)).toEqual(['kept']);
      expect(client.connection.stats().lostPackets).toBeGreaterThan(0);
    });
  });

  it('is no reason for `close` to wait longer than its bound', async () => {
    await on(async (network, context) => {
      const { client, server, clientEngine, serverEngine } = await connectPair(context, {
        client: PATIENT,
        server: PATIENT,
      });
      network.partition(clientEngine, serverEngine);
      client.bidirectional().stream.write(Buffer.from('never'), true);
      expect(await client.connection.close(1, 'bye')).toMatchObject({ code: 1, local: true });
      expect(await server.connection.closed).toMatchObject({ kind: 'idle' });
      network.heal(clientEngine, serverEngine);
      await context.settle();
      expect(server.streams).toEqual([]);
    });
  });

  it('hides the end of a connection until the peer asks', async () => {
    await on(async (network, context) => {
      const { client, server, clientEngine, serverEngine } = await connectPair(context, {
        client: { settings: { keepAliveMs: 0 } },
      });
      network.partition(clientEngine, serverEngine);
      await server.connection.close(9, 'over');
      await context.settle();
      expect(client.connection.isOpen).toBe(true);
      network.heal(clientEngine, serverEngine);
      client.bidirectional().stream.write(Buffer.from('there?'));
      expect(await client.connection.closed).toEqual({
        kind: 'application',
        code: 9,
        reason: 'over',
        local: false,
      });
    });
  });

  it('is left by a connection that moves, whose streams go on', async () => {
    await on(async (network, context) => {
      const { client, server, clientEngine, serverEngine } = await connectPair(context, {
        onServer: { onStream: echo },
      });
      network.partition(clientEngine, serverEngine);
      const recorder = client.bidirectional();
      recorder.stream.write(Buffer.from('held up'), true);
      await context.settle();
      expect(server.streams).toEqual([]);
      await client.connection.migrate({ host: '127.0.0.1', port: 0 });
      await context.until(() => recorder.isFinal, 'the echo has come');
      expect(recorder.text).toBe('held up');
    });
  });

  it('cannot be moved to', async () => {
    await on(async (network, context) => {
      const { client, server, serverEngine } = await connectPair(context, {
        onServer: { onStream: echo },
      });
      const target = { host: '127.0.0.2', port: 4_433 };
      network.partition(target, serverEngine);
      await rejectsWith('migration-failed', client.connection.migrate(target));
      expect(server.pathChangedCount).toBe(0);
      const recorder = client.bidirectional();
      recorder.stream.write(Buffer.from('old path'), true);
      await context.until(() => recorder.isFinal, 'the echo has come');
      // The address is free again.
      expect((await context.open(target)).port).toBe(4_433);
    });
  });
});

describe('a memory network', () => {
  it('delays what is sent by its latency, in order', async () => {
    await on(async (network, context) => {
      const { client } = await connectPair(context, { onServer: { onStream: echo } });
      network.latencyMs = 60;
      expect(client.connection.stats().rttMs).toBe(120);
      const recorder = client.bidirectional();
      const startedAt = performance.now();
      for (const text of ['a', 'b', 'c']) recorder.stream.write(Buffer.from(text));
      recorder.stream.write(new Uint8Array(), true);
      await context.until(() => recorder.isFinal, 'the echo has come');
      expect(performance.now() - startedAt).toBeGreaterThan(110);
      expect(recorder.text).toBe('abc');
    });
  });

  it('keeps apart what another network holds', async () => {
    await on(async (_network, context) => {
      const engine = await context.open({ port: 5_000 });
      await on(async (_other, otherContext) => {
        expect((await otherContext.open({ port: 5_000 })).port).toBe(5_000);
      });
      await rejectsWith('address-in-use', context.open({ port: engine.port }));
    });
  });

  it('has the hosts that it is given', async () => {
    await on(
      async (_network, context) => {
        const engine = await context.open({ host: '10.0.0.1', port: 4_433 });
        const side = await dial(context, await context.open({ host: '10.0.0.2' }), engine);
        expect(side.connection.remoteHost).toBe('10.0.0.1');
        await rejectsWith('address-unavailable', context.open({ host: '10.0.0.3' }));
      },
      createMemoryNetwork({ hosts: ['10.0.0.1', '10.0.0.2'] }),
    );
  });

  it('lets an engine listen on every host, which nobody else can then', async () => {
    await on(async (_network, context) => {
      const engine = await context.open({ host: '0.0.0.0', port: 4_433 });
      const side = await dial(context, await context.open(), { host: '127.0.0.9', port: 4_433 });
      expect(side.connection.isOpen).toBe(true);
      expect((await dial(context, engine, await context.open())).connection.isOpen).toBe(true);
      await rejectsWith('address-in-use', context.open({ port: 4_433 }));
      const both = await context.open({ host: '::', port: 4_434 });
      for (const host of ['::1', '127.0.0.1']) {
        const from = await context.open({ host });
        expect((await dial(context, from, { host, port: 4_434 })).connection.isOpen).toBe(true);
        expect((await dial(context, both, from)).connection.remoteHost).toBe(host);
      }
    });
  });

  it('answers who dialled before anybody listened', async () => {
    await on(async (_network, context) => {
      const client = await context.open();
      const dialling = dial(context, client, { host: '127.0.0.1', port: 4_434 });
      await context.settle();
      await context.open({ port: 4_434 });
      expect((await dialling).connection.isOpen).toBe(true);
    });
  });

  it('outlives a blocked event loop', async () => {
    await on(async (_network, context) => {
      const { client, server } = await connectPair(context, BOTH_FAST);
      const until = performance.now() + 700;
      while (performance.now() < until);
      await sleep(50);
      expect([client.connection.isOpen, server.connection.isOpen]).toEqual([true, true]);
    });
  });

  it('writes over the bytes that were handed over, so that who kept them sees it', async () => {
    await on(async (_network, context) => {
      let kept: Uint8Array = new Uint8Array();
      const { client } = await connectPair(context, {
        onServer: { onStream: () => ({ onData: (bytes) => void (kept = bytes) }) },
      });
      client.bidirectional().stream.write(Buffer.from('mine'), true);
      await context.until(() => kept.length === 4, 'the bytes have come');
      expect([...kept]).toEqual([0xdd, 0xdd, 0xdd, 0xdd]);
    });
  });

  it('does the same every time', async () => {
    const histories: string[] = [];
    for (let run = 0; run < 2; run += 1) {
      await on(async (_network, context) => {
        const history: string[] = [];
        const onStream = (stream: Stream): ReturnType<typeof echo> => ({
          onData: (bytes, isFinal) => {
            history.push(`${stream.id}:${bytes.length}${isFinal ? '!' : ''}`);
            stream.write(new Uint8Array(bytes), isFinal);
          },
        });
        const { client } = await connectPair(context, {
          server: { settings: { streamWindowBytes: 20_000, connectionWindowBytes: 50_000 } },
          onServer: { onStream },
        });
        const recorders = Array.from({ length: 20 }, () => client.bidirectional());
        recorders.forEach(({ stream }, index) => {
          stream.setPriority(index % 8, index % 2 === 0);
          stream.write(new Uint8Array(30_000 + index), true);
        });
        await context.until(() => recorders.every(({ isFinal }) => isFinal), 'all came back');
        histories.push(history.join(' '));
      });
    }
    expect(histories[0]).toBe(histories[1]);
    expect(histories[0]).toContain('0:');
  });
});
