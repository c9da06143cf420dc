import { strict as assert } from 'node:assert';
import { QuicError } from '../quic-error.js';
import type { ComplianceCase, ComplianceContext } from './case.js';
import {
  assertSameBytes,
  bytesOf,
  connectPair,
  echo,
  pattern,
  rejectsWith,
  type Pair,
} from './pair.js';

const needs = 'migration';
const ANY = { host: '127.0.0.1', port: 0 };

/** A connection that echoes, on which both sides have said everything about connection ids. */
async function settledPair(context: ComplianceContext): Promise<Pair> {
  const pair = await connectPair(context, { onServer: { onStream: echo } });
  const recorder = pair.client.bidirectional();
  recorder.stream.write(bytesOf('settle'), true);
  await context.until(() => recorder.isFinal, 'the echo has come back');
  await context.settle();
  return pair;
}

/** Moving to another local address (RFC 9000 9). */
export const migrationCases: readonly ComplianceCase[] = [
  {
    name: 'after `migrate` the peer sees another address, and is told once',
    needs,
    async run(context) {
      const { client, server, clientEngine, serverEngine } = await settledPair(context);
      const { port } = clientEngine;
      await client.connection.migrate(ANY);
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('from elsewhere'), true);
      await context.until(() => recorder.isFinal, 'the echo has come back');
      assert.notEqual(server.connection.remotePort, port);
      assert.equal(server.connection.remoteHost, '127.0.0.1');
      assert.equal(server.pathChangedCount, 1);
      assert.equal(client.connection.remotePort, serverEngine.port);
      assert.equal(clientEngine.port, port, 'the engine stays where it is');
    },
  },
  {
    name: 'a connection can move as soon as it is established',
    needs,
    async run(context) {
      const { client, server } = await connectPair(context, { onServer: { onStream: echo } });
      const { remotePort } = server.connection;
      await client.connection.migrate(ANY);
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('from elsewhere'), true);
      await context.until(() => recorder.isFinal, 'the echo has come back');
      assert.notEqual(server.connection.remotePort, remotePort);
    },
  },
  {
    name: 'a connection can move to an address that is named',
    needs,
    async run(context) {
      const spare = await context.open();
      const { port } = spare;
      await spare.close(0, '');
      const { client, server } = await settledPair(context);
      await client.connection.migrate({ host: '127.0.0.1', port });
      client.connection.sendDatagram(bytesOf('here'));
      await context.until(() => server.connection.remotePort === port, 'the peer sees the port');
    },
  },
  {
    name: '20 streams that are busy while their connection moves lose nothing',
    needs,
    async run(context) {
      const { client, server } = await settledPair(context);
      const sent = Array.from({ length: 20 }, (_, index) => pattern(300_000, index + 1));
      const recorders = sent.map((bytes) => {
        const recorder = client.bidirectional();
        recorder.stream.write(bytes.subarray(0, 150_000));
        return recorder;
      });
      const moving = client.connection.migrate(ANY);
      recorders.forEach(({ stream }, index) => {
        stream.write(sent[index]!.subarray(150_000, 200_000));
      });
      await moving;
      recorders.forEach(({ stream }, index) => stream.write(sent[index]!.subarray(200_000), true));
      await context.until(() => recorders.every(({ isFinal }) => isFinal), 'all came back');
      recorders.forEach(({ received }, index) => {
        assertSameBytes(received, sent[index]!, `stream ${index}`);
      });
      assert.equal(server.pathChangedCount, 1);
    },
  },
  {
    name: 'a connection can move more than once, and other connections stay where they are',
    needs,
    async run(context) {
      const one = await settledPair(context);
      const two = await connectPair(context);
      const ports = new Set([one.server.connection.remotePort]);
      const before = two.server.connection.remotePort;
      for (let round = 0; round < 3; round += 1) {
        await one.client.connection.migrate(ANY);
        const recorder = one.client.bidirectional();
        recorder.stream.write(bytesOf(`round ${round}`), true);
        await context.until(() => recorder.isFinal, 'the echo has come back');
        ports.add(one.server.connection.remotePort);
      }
      assert.equal(ports.size, 4);
      assert.equal(two.server.connection.remotePort, before);
      assert.equal(two.server.pathChangedCount, 0);
    },
  },
  {
    name: 'an address that cannot be taken rejects, and the old path stays in use',
    needs,
    async run(context) {
      const { client, server, serverEngine } = await settledPair(context);
      const codes = ['address-unavailable', 'address-in-use'] as const;
      const { host, port } = serverEngine;
      await rejectsWith(codes, client.connection.migrate({ host: '192.0.2.1', port: 0 }));
      await rejectsWith(codes, client.connection.migrate({ host, port }));
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('still here'), true);
      await context.until(() => recorder.isFinal, 'the echo has come back');
      assert.equal(server.pathChangedCount, 0);
    },
  },
  {
    name: 'a connection that is over cannot move: `closed`',
    needs,
    async run(context) {
      const { client } = await connectPair(context);
      await client.connection.close(0, '');
      await rejectsWith('closed', client.connection.migrate(ANY));
    },
  },
  {
    name: 'the side that was dialled cannot move',
    async run(context) {
      const { client, server } = await settledPair(context);
      const error = await server.connection.migrate(ANY).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert(error instanceof QuicError && error.code === 'migration-failed', String(error));
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('still here'), true);
      await context.until(() => recorder.isFinal, 'the echo has come back');
    },
  },
];
