import { strict as assert } from 'node:assert';
import { X509Certificate } from 'node:crypto';
import { createIdentity } from '../../identity/identity.js';
import type { ConnectionCloseInfo } from '../connection.js';
import type { Authenticate, Refusal } from '../engine.js';
import type { ComplianceCase } from './case.js';
import {
  ACCEPT,
  assertSameBytes,
  bytesOf,
  connectPair,
  dial,
  echo,
  rejectsWith,
  sideOf,
  type Side,
} from './pair.js';

const REFUSE: Authenticate = () => ({ isAccepted: false, code: 41, reason: 'nicht erwünscht' });

function derOf(certificatePem: string): Uint8Array {
  return new X509Certificate(certificatePem).raw;
}

/** Who is let in, by its certificate. */
export const authenticationCases: readonly ComplianceCase[] = [
  {
    name: 'each side judges the certificate of the other, in DER, and finds it on the connection',
    async run(context) {
      const [there, here] = [createIdentity(), createIdentity()];
      const judged: (Uint8Array | undefined)[] = [];
      const { client, server } = await connectPair(context, {
        server: { ...there, authenticate: (der) => (judged.push(der?.slice()), ACCEPT(der)) },
        client: here,
        connect: { authenticate: (der) => (judged.push(der?.slice()), ACCEPT(der)) },
      });
      assert.equal(judged.length, 2);
      assertSameBytes(judged[0]!, derOf(there.certificatePem), 'what the dialling side judged');
      assertSameBytes(judged[1]!, derOf(here.certificatePem), 'what the dialled side judged');
      const { connection } = client;
      assertSameBytes(connection.peerCertificate, derOf(there.certificatePem), 'of the server');
      assertSameBytes(
        server.connection.peerCertificate,
        derOf(here.certificatePem),
        'of the client',
      );
    },
  },
  {
    name: 'a peer is judged before its connection is handed over and before any stream is read',
    async run(context) {
      const order: string[] = [];
      const accepted: Side[] = [];
      const serverEngine = await context.open({
        authenticate: (der) => (order.push('judged'), ACCEPT(der)),
        onConnection: (connection) => {
          order.push('handed over');
          accepted.push(sideOf(context, connection, { onStream: () => void order.push('stream') }));
        },
      });
      const client = await dial(context, await context.open(), serverEngine);
      client.bidirectional().stream.write(bytesOf('first'), true);
      await context.until(() => accepted[0]?.streams[0]?.isFinal === true, 'the stream has come');
      assert.deepEqual(order, ['judged', 'handed over', 'stream']);
    },
  },
  {
    name: 'a dialled peer that is refused: `connect` rejects with `unauthenticated` and the reason',
    async run(context) {
      const serverEngine = await context.open();
      const clientEngine = await context.open();
      const connecting = clientEngine.connect({
        host: serverEngine.host,
        port: serverEngine.port,
        timeoutMs: 10_000,
        authenticate: REFUSE,
        onOpen: () => assert.fail('a peer that is refused is not handed over'),
      });
      const { message } = await rejectsWith('unauthenticated', connecting);
      assert(message.includes('nicht erwünscht'), message);
    },
  },
  {
    name: 'a dialled peer that is refused is told code and reason',
    async run(context) {
      const closed: ConnectionCloseInfo[] = [];
      const refusals: Refusal[] = [];
      const serverEngine = await context.open({
        onConnection: (connection) => {
          sideOf(context, connection);
          void connection.closed.then((info) => closed.push(info));
        },
        onRefusal: (refusal) => refusals.push(refusal),
      });
      const clientEngine = await context.open();
      const { host, port } = serverEngine;
      const options = { host, port, timeoutMs: 10_000, onOpen: () => undefined };
      await rejectsWith(
        'unauthenticated',
        clientEngine.connect({ ...options, authenticate: REFUSE }),
      );
      await context.until(() => closed.length + refusals.length === 1, 'the peer is told');
      // A listener may have let the connection in before it hears that it is not wanted.
      if (refusals[0] === undefined) {
        const info = { kind: 'application', code: 41, reason: 'nicht erwünscht', local: false };
        assert.deepEqual(closed, [info]);
      } else {
        assert(refusals[0].reason.includes('nicht erwünscht'), refusals[0].reason);
      }
    },
  },
  {
    name: 'a peer that dials and is refused is told code and reason, and never handed over',
    async run(context) {
      const refusals: Refusal[] = [];
      const serverEngine = await context.open({
        authenticate: REFUSE,
        onConnection: () => context.breach('a peer that is refused was handed over'),
        onRefusal: (refusal) => refusals.push(refusal),
      });
      const clientEngine = await context.open();
      const opened: Side[] = [];
      const connecting = clientEngine.connect({
        host: serverEngine.host,
        port: serverEngine.port,
        timeoutMs: 10_000,
        authenticate: ACCEPT,
        onOpen: (connection) => {
          const side = sideOf(context, connection);
          opened.push(side);
          side.bidirectional().stream.write(bytesOf('never read'), true);
        },
      });
      // The end of the handshake and the refusal may come in one packet or in two.
      const connection = await connecting.catch(() => opened[0]?.connection);
      assert(connection !== undefined, 'the handshake of the dialling side is over first');
      assert.deepEqual(await connection.closed, {
        kind: 'application',
        code: 41,
        reason: 'nicht erwünscht',
        local: false,
      });
      await context.until(() => refusals.length === 1, 'the refusal is reported');
      const { remoteHost, remotePort, reason } = refusals[0]!;
      assert.deepEqual([remoteHost, remotePort], [clientEngine.host, clientEngine.port]);
      assert(reason.includes('nicht erwünscht'), reason);
    },
  },
  {
    name: 'a refusal leaves the engines as they were for others',
    async run(context) {
      let count = 0;
      const accepted: Side[] = [];
      const serverEngine = await context.open({
        authenticate: (der) => {
          count += 1;
          return count === 1 ? REFUSE(der) : ACCEPT(der);
        },
        onConnection: (connection) => {
          accepted.push(sideOf(context, connection, { onStream: echo }));
        },
      });
      const clientEngine = await context.open();
      const refused = await dial(context, clientEngine, serverEngine).catch(() => undefined);
      await refused?.connection.closed;
      const client = await dial(context, clientEngine, serverEngine);
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('welcome'), true);
      await context.until(() => recorder.isFinal, 'the answer has come');
    },
  },
  {
    name: 'a judge that throws lets nobody in',
    async run(context) {
      const serverEngine = await context.open({
        onConnection: (connection) => void sideOf(context, connection),
      });
      const clientEngine = await context.open();
      const { host, port } = serverEngine;
      const error = await clientEngine
        .connect({
          host,
          port,
          timeoutMs: 10_000,
          authenticate: () => {
            throw new Error('a bug in a judge');
          },
          onOpen: () => context.breach('a peer that was not judged was handed over'),
        })
        .then(
          () => undefined,
          (reason: unknown) => reason,
        );
      assert(error instanceof Error, 'connect rejects');
      assert.equal((await dial(context, clientEngine, serverEngine)).connection.isOpen, true);
    },
  },
];
