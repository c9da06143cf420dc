import { strict as assert } from 'node:assert';
import { createIdentity } from '../../identity/identity.js';
import type { Connection } from '../connection.js';
import type { ComplianceCase } from './case.js';
import { ACCEPT, assertSameBytes, bytesOf, connectPair, dial, echo, pattern } from './pair.js';
import { openSwarm, takeSession, ticketKey } from './swarm.js';

/** Sessions: a shorter handshake the next time (RFC 8446 2.2). */
export const resumptionCases: readonly ComplianceCase[] = [
  {
    name: 'without ticket keys nobody can resume',
    async run(context) {
      const sessions: Uint8Array[] = [];
      const { client, clientEngine, serverEngine } = await connectPair(context, {
        connect: { onSession: (session) => sessions.push(new Uint8Array(session)) },
        onServer: { onStream: echo },
      });
      await context.settle();
      await client.connection.close(0, '');
      // An engine may offer sessions that it will not take.
      const session = sessions[0] ?? new Uint8Array();
      const side = await dial(context, clientEngine, serverEngine, { session, isEarly: true });
      assert.equal(side.connection.isResumed, false);
      assert.equal(side.connection.isEarly, false);
    },
  },
  {
    name: 'a session that is no session costs nothing',
    async run(context) {
      for (const session of [new Uint8Array(), bytesOf('no session'), pattern(500)]) {
        const { client } = await connectPair(context, { connect: { session, isEarly: true } });
        assert.equal(client.connection.isResumed, false);
        assert.equal(client.connection.isEarly, false);
      }
    },
  },
  {
    name: 'a connection that is resumed says so on both sides, and knows the same certificates',
    needs: 'sessions',
    async run(context) {
      const swarm = await openSwarm(context);
      const session = await takeSession(context, swarm);
      const side = await dial(context, swarm.client, swarm.server, { session });
      await context.until(() => swarm.accepted.length === 2, 'the second connection has come');
      const [first, second] = swarm.accepted.map(({ connection }) => connection);
      await second!.established;
      assert.equal(first!.isResumed, false);
      assert.equal(second!.isResumed, true);
      assert.equal(side.connection.isResumed, true);
      assert.equal(side.connection.isEarly, false);
      assertSameBytes(second!.peerCertificate, first!.peerCertificate, 'of the dialling side');
      assert(side.connection.peerCertificate.length > 0, 'of the dialled side');
      assert.equal(side.connection.protocol, second!.protocol);
    },
  },
  {
    name: 'a peer is judged again when it resumes, on both sides',
    needs: 'sessions',
    async run(context) {
      const judged: string[] = [];
      let isWanted = true;
      const swarm = await openSwarm(context, {
        authenticate: (der) => {
          judged.push(`server ${der?.length}`);
          return isWanted ? ACCEPT(der) : { isAccepted: false, code: 9, reason: 'expelled' };
        },
      });
      const session = await takeSession(context, swarm);
      isWanted = false;
      const size = swarm.accepted[0]!.connection.peerCertificate.length;
      const opened: Connection[] = [];
      const side = await dial(context, swarm.client, swarm.server, {
        session,
        authenticate: (der) => {
          judged.push('client');
          return ACCEPT(der);
        },
        onOpen: (connection) => opened.push(connection),
      }).catch(() => undefined);
      const connection = side?.connection ?? opened[0];
      const { code, reason, local } = await connection!.closed;
      assert.deepEqual({ code, reason, local }, { code: 9, reason: 'expelled', local: false });
      assert.equal(swarm.accepted.length, 1, 'nobody is let in who was expelled');
      assert(judged.includes('client'), 'the dialling side judges again');
      // Once for the first connection, and at least once for the second.
      const there = judged.filter((each) => each !== 'client');
      assert(there.length >= 2 && there.every((each) => each === `server ${size}`), `${there}`);
    },
  },
  {
    name: 'a connection that is resumed offers another session',
    needs: 'sessions',
    async run(context) {
      const swarm = await openSwarm(context);
      let session = await takeSession(context, swarm);
      for (let round = 0; round < 3; round += 1) {
        const sessions: Uint8Array[] = [];
        const side = await dial(context, swarm.client, swarm.server, {
          session,
          onSession: (each) => sessions.push(new Uint8Array(each)),
        });
        assert.equal(side.connection.isResumed, true);
        await context.until(() => sessions.length > 0, 'a session is offered again');
        session = sessions[0]!;
        await side.connection.close(0, '');
      }
    },
  },
  {
    name: 'a session under an older key is taken as long as `keys` names it, and not longer',
    needs: 'sessions',
    async run(context) {
      const swarm = await openSwarm(context);
      const sessions = [await takeSession(context, swarm), await takeSession(context, swarm)];
      swarm.setKeys(ticketKey('second'), ticketKey('first'));
      const taken = await dial(context, swarm.client, swarm.server, { session: sessions[0]! });
      assert.equal(taken.connection.isResumed, true);
      swarm.setKeys(ticketKey('third'), ticketKey('second'));
      const refused = await dial(context, swarm.client, swarm.server, { session: sessions[1]! });
      assert.equal(refused.connection.isResumed, false);
      const recorder = refused.bidirectional();
      recorder.stream.write(bytesOf('works'), true);
      await context.until(() => recorder.isFinal, 'the handshake was complete instead');
    },
  },
  {
    name: 'a session of another peer is not taken: whoever answers is judged by its own certificate',
    needs: 'sessions',
    async run(context) {
      const swarm = await openSwarm(context);
      const session = await takeSession(context, swarm);
      const stranger = createIdentity();
      const other = await context.open({
        ...stranger,
        tickets: { keys: () => [ticketKey('other')], keysUsedSince: Date.now() },
      });
      const judged: number[] = [];
      const side = await dial(context, swarm.client, other, {
        session,
        authenticate: (der) => {
          judged.push(der?.length ?? 0);
          return ACCEPT(der);
        },
      });
      assert.equal(side.connection.isResumed, false);
      assert.equal(judged.length, 1);
      const known = swarm.accepted[0]!.connection.peerCertificate;
      assert.notDeepEqual(side.connection.peerCertificate, known);
    },
  },
];
