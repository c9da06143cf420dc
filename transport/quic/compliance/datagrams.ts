import { strict as assert } from 'node:assert';
import { DATAGRAMS_QUEUED_MAX } from '../limits.js';
import type { ComplianceCase } from './case.js';
import { assertSameBytes, bytesOf, connectPair, dial, pattern } from './pair.js';

/** What a path of 1,200 bytes carries at least, with room for headers. */
const DATAGRAM_BYTES_LEAST = 1_000;

/** Unreliable datagrams (RFC 9221). */
export const datagramCases: readonly ComplianceCase[] = [
  {
    name: 'a datagram arrives whole, in both directions',
    async run(context) {
      const { client, server } = await connectPair(context, {
        onServer: {
          onDatagram: (bytes) => void server.connection.sendDatagram(bytes),
        },
      });
      const sent = pattern(900);
      assert.equal(client.connection.sendDatagram(sent), true);
      await context.until(() => client.datagrams.length > 0, 'it has come back');
      assert.equal(server.datagrams.length, 1);
      assertSameBytes(server.datagrams[0]!, sent, 'there');
      assertSameBytes(client.datagrams[0]!, sent, 'and back');
    },
  },
  {
    name: 'datagrams are kept apart',
    async run(context) {
      const { client, server } = await connectPair(context);
      const sent = Array.from({ length: 50 }, (_, index) => `datagram ${index}`);
      for (const text of sent) client.connection.sendDatagram(bytesOf(text));
      await context.until(() => server.datagrams.length >= 50, 'all have come');
      assert.deepEqual(server.datagrams.map((bytes) => bytes.toString()).sort(), sent.sort());
    },
  },
  {
    name: 'the bytes of a datagram may be changed once it was sent',
    async run(context) {
      const { client, server } = await connectPair(context);
      const bytes = new Uint8Array(100).fill(1);
      client.connection.sendDatagram(bytes);
      bytes.fill(2);
      await context.until(() => server.datagrams.length > 0, 'it has come');
      assertSameBytes(server.datagrams[0]!, new Uint8Array(100).fill(1), 'what came');
    },
  },
  {
    name: 'the longest datagram passes, and a longer one is dropped here',
    async run(context) {
      const { client, server } = await connectPair(context);
      const { connection } = client;
      assert(connection.datagramBytesMax >= DATAGRAM_BYTES_LEAST, 'a packet has room for it');
      assert.equal(connection.sendDatagram(new Uint8Array(connection.datagramBytesMax + 1)), false);
      const length = connection.datagramBytesMax;
      assert.equal(connection.sendDatagram(pattern(length)), true);
      await context.until(() => server.datagrams.length > 0, 'the longest has come');
      assertSameBytes(server.datagrams[0]!, pattern(length), 'the longest');
    },
  },
  {
    name: 'a queue of datagrams is bounded, and what does not fit is dropped with `false`',
    async run(context) {
      const { client, server } = await connectPair(context);
      const count = 3 * DATAGRAMS_QUEUED_MAX;
      let taken = 0;
      for (let index = 0; index < count; index += 1) {
        taken += Number(client.connection.sendDatagram(new Uint8Array(500)));
      }
      assert(taken > 0 && taken <= DATAGRAMS_QUEUED_MAX, `${taken} were taken at once`);
      await context.until(() => server.datagrams.length > 0, 'some have come');
      await context.settle();
      assert(server.datagrams.length <= taken, 'no more come than were taken');
      await context.until(
        () => client.connection.sendDatagram(bytesOf('again')),
        'the queue is emptied',
      );
      assert.equal(client.connection.isOpen, true);
    },
  },
  {
    name: 'a datagram is no stream: it opens none and is not counted',
    async run(context) {
      const { client, server } = await connectPair(context);
      client.connection.sendDatagram(bytesOf('alone'));
      await context.until(() => server.datagrams.length > 0, 'it has come');
      assert.equal(server.streams.length, 0);
      assert.equal(server.connection.streamsCount, 0);
      assert.equal(client.bidirectional().stream.id, 0);
    },
  },
  {
    name: 'a handler without `onDatagram` loses them, and nothing else',
    async run(context) {
      const serverEngine = await context.open();
      const client = await dial(context, await context.open(), serverEngine);
      client.connection.sendDatagram(bytesOf('nobody listens'));
      await context.settle();
      assert.equal(client.connection.isOpen, true);
      client.bidirectional().stream.write(bytesOf('still here'), true);
    },
  },
  {
    name: 'after `close` no datagram is taken',
    async run(context) {
      const { client, server } = await connectPair(context);
      const closing = client.connection.close(0, '');
      assert.equal(client.connection.sendDatagram(bytesOf('late')), false);
      assert.equal(client.connection.datagramBytesMax, 0);
      await closing;
      assert.equal(client.connection.sendDatagram(bytesOf('late')), false);
      await server.connection.closed;
      assert.equal(server.connection.sendDatagram(bytesOf('late')), false);
      assert.equal(server.datagrams.length, 0);
    },
  },
];
