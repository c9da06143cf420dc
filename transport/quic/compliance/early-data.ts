import { strict as assert } from 'node:assert';
import type { Connection } from '../connection.js';
import type { ComplianceCase } from './case.js';
import {
  ACCEPT,
  assertSameBytes,
  bytesOf,
  connectPair,
  echo,
  pattern,
  rejectsWith,
  sideOf,
  type Side,
} from './pair.js';
import { StreamRecorder } from './recorder.js';
import { assertAnswered, dialEarly, openSwarm, takeSession, ticketKey } from './swarm.js';

/** Early data: use before the handshake is over (RFC 9001 4.6). */
export const earlyDataCases: readonly ComplianceCase[] = [
  {
    name: 'with `isEarly` and without a session a connection opens when its handshake is over',
    async run(context) {
      const { client, server } = await connectPair(context, { connect: { isEarly: true } });
      assert.equal(client.connection.isEarly, false);
      assert.equal(server.connection.isEarly, false);
      assert.notEqual(client.connection.protocol, '');
    },
  },
  {
    name: 'an early connection opens before its peer is known, and says so',
    needs: 'early-data',
    async run(context) {
      const swarm = await openSwarm(context);
      const session = await takeSession(context, swarm);
      const order: string[] = [];
      const early = await dialEarly(context, swarm, session, {
        onOpen: ({ established }) => {
          order.push('open');
          void established.then(() => order.push('established'));
        },
        authenticate: (der) => {
          order.push('judged');
          return ACCEPT(der);
        },
      });
      order.push('connected');
      assert.deepEqual(early.atOpen, {
        isEarly: true,
        isOpen: true,
        protocol: '',
        isServer: false,
        certificateBytes: 0,
      });
      const { connection } = early.side;
      await connection.established;
      await context.until(() => order.includes('established'), 'the handshake is over');
      // The certificate of the session may be judged before, that of the peer is judged in any case.
      assert(order.includes('judged'), 'the peer is judged');
      assert(order.indexOf('open') < order.indexOf('connected'), order.join(', '));
      assert(order.indexOf('open') < order.indexOf('established'), order.join(', '));
      assert.equal(connection.isEarly, false);
      assert.equal(connection.isResumed, true);
      assert.notEqual(connection.protocol, '');
      assert(connection.peerCertificate.length > 0, 'the certificate is known now');
    },
  },
  {
    name: 'what is written early arrives once, on a stream that says that it is early',
    needs: 'early-data',
    async run(context) {
      const swarm = await openSwarm(context);
      const session = await takeSession(context, swarm);
      const early = await dialEarly(context, swarm, session);
      await assertAnswered(context, early, () => swarm.accepted[1]);
      const there = swarm.accepted[1]!;
      assert.equal(there.streams[0]!.stream.isEarly, true);
      assert.equal(early.recorder.stream.isEarly, false, 'it is the peer that must beware');
      assert.equal(there.connection.isEarly, false, 'only the dialling side is early');
      assert(there.connection.peerCertificate.length > 0, 'it is known who asks');
    },
  },
  {
    name: 'a stream that is opened after the handshake is not early',
    needs: 'early-data',
    async run(context) {
      const swarm = await openSwarm(context);
      const session = await takeSession(context, swarm);
      const { side, recorder } = await dialEarly(context, swarm, session);
      await side.connection.established;
      await context.until(() => recorder.isFinal, 'the handshake is over there, too');
      const later = side.bidirectional();
      later.stream.write(bytesOf('later'), true);
      await context.until(() => later.isFinal, 'the echo has come back');
      const there = swarm.accepted[1]!.streams.map(({ text, stream }) => [text, stream.isEarly]);
      assert.deepEqual(there, [
        ['question', true],
        ['later', false],
      ]);
    },
  },
  {
    name: 'early data that the peer does not take arrives once, after a complete handshake',
    needs: 'early-data',
    async run(context) {
      const swarm = await openSwarm(context);
      const session = await takeSession(context, swarm);
      swarm.setKeys(ticketKey('another'));
      const early = await dialEarly(context, swarm, session);
      assert.equal(early.atOpen.isEarly, true, 'the dialling side cannot know');
      await assertAnswered(context, early, () => swarm.accepted[1]);
      assert.equal(swarm.accepted[1]!.streams[0]!.stream.isEarly, false);
      assert.equal(early.side.connection.isResumed, false);
    },
  },
  {
    name: 'where early data is refused, much of it and of many streams arrives whole and once',
    needs: 'early-data',
    async run(context) {
      const swarm = await openSwarm(context);
      const session = await takeSession(context, swarm);
      swarm.setKeys(ticketKey('another'));
      const sent = [1, 2, 3, 4].map((seed) => pattern(100_000, seed));
      const recorders: StreamRecorder[] = [];
      await dialEarly(context, swarm, session, {
        onOpen: (connection) => {
          for (const bytes of sent) {
            const recorder = new StreamRecorder(context);
            const stream = connection.openBidirectional(recorder);
            assert(stream !== undefined, 'a stream can be opened in onOpen');
            recorder.stream = stream;
            stream.write(bytes.subarray(0, 40_000));
            stream.write(bytes.subarray(40_000), true);
            recorders.push(recorder);
          }
        },
      });
      await context.until(() => recorders.every(({ isFinal }) => isFinal), 'all came back');
      recorders.forEach(({ received }, index) => {
        assertSameBytes(received, sent[index]!, `stream ${index}`);
      });
    },
  },
  {
    name: 'a session that is used a second time still connects, and what is written arrives once',
    needs: 'early-data',
    async run(context) {
      const swarm = await openSwarm(context);
      const session = await takeSession(context, swarm);
      for (const index of [1, 2]) {
        const early = await dialEarly(context, swarm, session);
        await assertAnswered(context, early, () => swarm.accepted[index]);
        await early.side.connection.close(0, '');
      }
    },
  },
  {
    name: 'when others may have used the keys before, early data is refused and arrives later',
    needs: 'early-data',
    async run(context) {
      const key = ticketKey('shared');
      const swarm = await openSwarm(context, { tickets: { keys: () => [key] } });
      const session = await takeSession(context, swarm);
      const before = swarm.accepted.length;
      const early = await dialEarly(context, swarm, session);
      await context.until(() => early.recorder.isFinal, 'the echo has come back');
      assert.equal(swarm.accepted[before]!.streams[0]!.stream.isEarly, false);
    },
  },
  {
    name: 'a datagram that comes before the handshake is over is dropped',
    needs: 'early-data',
    async run(context) {
      const swarm = await openSwarm(context);
      const session = await takeSession(context, swarm);
      const early = await dialEarly(context, swarm, session, {
        onOpen: (connection) => void connection.sendDatagram(bytesOf('early')),
      });
      await context.until(() => early.recorder.isFinal, 'the echo has come back');
      early.side.connection.sendDatagram(bytesOf('later'));
      const there = swarm.accepted[1]!;
      await context.until(() => there.datagrams.length > 0, 'the later one has come');
      await context.settle();
      assert.deepEqual(there.datagrams.map(String), ['later']);
    },
  },
  {
    name: 'a peer that is no longer wanted is refused also early, and `connect` rejects',
    needs: 'early-data',
    async run(context) {
      const swarm = await openSwarm(context);
      const session = await takeSession(context, swarm);
      const opened: Connection[] = [];
      const connecting = dialEarly(context, swarm, session, {
        authenticate: () => ({ isAccepted: false, code: 4, reason: 'somebody else' }),
        onOpen: (connection) => opened.push(connection),
      });
      const { message } = await rejectsWith('unauthenticated', connecting);
      assert(message.includes('somebody else'), message);
      // Whether the session's certificate is judged before anything is sent is left to the engine.
      for (const connection of opened) {
        const { code, reason, local } = await connection.closed;
        assert.deepEqual(
          { code, reason, local },
          { code: 4, reason: 'somebody else', local: true },
        );
      }
    },
  },
  {
    name: 'the dialled side knows protocol, peer and that it is resumed from the start, early or not',
    needs: 'early-data',
    async run(context) {
      const known: [protocol: string, certificateBytes: number, isResumed: boolean][] = [];
      const swarm = await openSwarm(context, {
        onConnection: (connection) => {
          const { protocol, peerCertificate, isResumed } = connection;
          known.push([protocol, peerCertificate.length, isResumed]);
          sideOf(context, connection, { onStream: echo });
        },
      });
      const session = await takeSession(context, swarm);
      const early = await dialEarly(context, swarm, session);
      await context.until(() => early.recorder.isFinal, 'the echo has come back');
      assert.equal(known.length, 2);
      assert.notEqual(known[0]![0], '');
      assert.deepEqual(known[1], [known[0]![0], known[0]![1], true]);
    },
  },
  {
    name: 'a peer that was expelled is told so when it comes back early, and nothing of it is read',
    needs: 'early-data',
    async run(context) {
      let isWanted = true;
      const swarm = await openSwarm(context, {
        authenticate: () =>
          isWanted ? { isAccepted: true } : { isAccepted: false, code: 9, reason: 'expelled' },
      });
      const session = await takeSession(context, swarm);
      isWanted = false;
      const opened: Connection[] = [];
      await dialEarly(context, swarm, session, {
        onOpen: (connection) => opened.push(connection),
      }).catch(() => undefined);
      assert(opened.length > 0, 'the connection opens before it can be told');
      const { code, reason, local } = await opened[0]!.closed;
      assert.deepEqual({ code, reason, local }, { code: 9, reason: 'expelled', local: false });
      assert.equal(swarm.accepted.length, 1);
    },
  },
  {
    name: '`close` of an early connection delivers what was written, taken early or not',
    needs: 'early-data',
    async run(context) {
      const swarm = await openSwarm(context);
      const sessions = [await takeSession(context, swarm), await takeSession(context, swarm)];
      for (const [index, session] of sessions.entries()) {
        const closing: Promise<unknown>[] = [];
        await dialEarly(context, swarm, session, {
          onOpen: (connection) => closing.push(connection.close(2, 'done')),
        }).catch(() => undefined);
        await Promise.all(closing);
        const there = (): Side | undefined => swarm.accepted[2 + index];
        await context.until(() => there()?.streams[0]?.isFinal === true, 'the question has come');
        assert.equal(there()!.streams[0]!.text, 'question');
        swarm.setKeys(ticketKey('another'));
      }
    },
  },
];
