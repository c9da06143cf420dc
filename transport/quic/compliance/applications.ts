import { strict as assert } from 'node:assert';
import { X509Certificate } from 'node:crypto';
import { createIdentity } from '../../identity/identity.js';
import type { Application, Engine, Refusal, ServedApplication } from '../engine.js';
import { QuicError } from '../quic-error.js';
import type { ComplianceCase, ComplianceContext } from './case.js';
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
import { StreamRecorder } from './recorder.js';

const needs = 'applications';
const WEB = 'web/3';

/** An application with its own certificate; what it accepts is noted. */
function serve(
  context: ComplianceContext,
  engine: Engine,
  options: Partial<Application> = {},
): {
  readonly served: ServedApplication;
  readonly sides: Side[];
  readonly certificate: Uint8Array;
} {
  const { privateKeyPem, certificatePem } = createIdentity();
  const sides: Side[] = [];
  const served = engine.serve({
    protocols: [WEB],
    privateKeyPem,
    certificatePem,
    onConnection: (connection) => {
      sides.push(sideOf(context, connection, { onStream: echo }));
    },
    ...options,
  });
  return { served, sides, certificate: new X509Certificate(certificatePem).raw };
}

/** Protocols (RFC 7301), and other applications on the same port. */
export const protocolCases: readonly ComplianceCase[] = [
  {
    name: 'of the protocols that both sides name the one counts that the dialling side likes best',
    async run(context) {
      const { client, server } = await connectPair(context, {
        server: { protocols: ['a', 'b', 'c'] },
        client: { protocols: ['x', 'b', 'a'] },
      });
      assert.equal(client.connection.protocol, 'b');
      assert.equal(server.connection.protocol, 'b');
    },
  },
  {
    name: 'without a common protocol `connect` rejects with `handshake-failed`, and nobody is let in',
    async run(context) {
      const refusals: Refusal[] = [];
      const server = await context.open({
        protocols: ['one'],
        onConnection: () => context.breach('a connection without a protocol was handed over'),
        onRefusal: (refusal) => refusals.push(refusal),
      });
      const client = await context.open({ protocols: ['two'] });
      const { host, port } = server;
      const connecting = client.connect({
        host,
        port,
        timeoutMs: 10_000,
        authenticate: ACCEPT,
        onOpen: () => context.breach('a connection without a protocol was opened'),
      });
      await rejectsWith('handshake-failed', connecting);
    },
  },
  {
    name: 'an application on the port is told apart by its protocol, and has its own certificate',
    needs,
    async run(context) {
      const accepted: Side[] = [];
      const engine = await context.open({
        onConnection: (connection) => void accepted.push(sideOf(context, connection)),
      });
      const { sides, certificate } = serve(context, engine);
      const browser = await context.open({ protocols: [WEB] });
      let judged: Uint8Array | undefined;
      const client = await dial(context, browser, engine, {
        authenticate: (der) => {
          judged = der?.slice();
          return ACCEPT(der);
        },
      });
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('get'), true);
      await context.until(() => recorder.isFinal, 'the answer has come');
      assert.equal(client.connection.protocol, WEB);
      assert.equal(sides[0]?.connection.protocol, WEB);
      assertSameBytes(judged!, certificate, 'the certificate of the application');
      assert.equal(accepted.length, 0);
      // And the engine's own protocol goes on.
      await dial(context, await context.open(), engine);
      await context.until(() => accepted.length === 1, 'a peer has come too');
      assert.equal(sides.length, 1);
    },
  },
  {
    name: 'a peer of an application is asked for no certificate, and nobody judges it',
    needs,
    async run(context) {
      const engine = await context.open({
        authenticate: () => {
          context.breach('the peer of an application was judged');
          return { isAccepted: false, code: 1, reason: 'no' };
        },
      });
      const { sides } = serve(context, engine);
      const client = await dial(context, await context.open({ protocols: [WEB] }), engine);
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('get'), true);
      await context.until(() => recorder.isFinal, 'the answer has come');
      assert.equal(sides[0]?.connection.peerCertificate.length, 0);
    },
  },
  {
    name: 'an application may change its certificate for connections that come later',
    needs,
    async run(context) {
      const engine = await context.open();
      const { served, certificate } = serve(context, engine);
      const browser = await context.open({ protocols: [WEB] });
      const before = await dial(context, browser, engine);
      const fresh = createIdentity();
      served.setCertificate(fresh.privateKeyPem, fresh.certificatePem);
      const after = await dial(context, browser, engine);
      assertSameBytes(before.connection.peerCertificate, certificate, 'before');
      assertSameBytes(
        after.connection.peerCertificate,
        new X509Certificate(fresh.certificatePem).raw,
        'after',
      );
      assert.equal(before.connection.isOpen, true);
    },
  },
  {
    name: 'an application that is stopped takes no new connections, and keeps those it has',
    needs,
    async run(context) {
      const engine = await context.open();
      const { served, sides } = serve(context, engine);
      const browser = await context.open({ protocols: [WEB] });
      const before = await dial(context, browser, engine);
      served.stop();
      served.stop();
      const { host, port } = engine;
      const connecting = browser.connect({
        host,
        port,
        timeoutMs: 500,
        authenticate: ACCEPT,
        onOpen: (connection) => void sideOf(context, connection),
      });
      await rejectsWith(['handshake-failed', 'timeout'], connecting);
      const recorder = before.bidirectional();
      recorder.stream.write(bytesOf('get'), true);
      await context.until(() => recorder.isFinal, 'the answer has come');
      assert.equal(sides.length, 1);
    },
  },
  {
    name: 'an application has its own settings',
    needs,
    async run(context) {
      const engine = await context.open();
      serve(context, engine, { settings: { streamsMax: 2 } });
      const web = await dial(context, await context.open({ protocols: [WEB] }), engine);
      const peer = await dial(context, await context.open(), engine);
      for (const side of [web, peer]) {
        side.bidirectional();
        side.bidirectional();
      }
      const recorder = new StreamRecorder(context);
      assert.equal(web.connection.openBidirectional(recorder), undefined);
      assert.notEqual(peer.connection.openBidirectional(recorder), undefined);
    },
  },
  {
    name: 'a protocol that is served already cannot be served again: `bad-option`',
    needs,
    async run(context) {
      const engine = await context.open();
      const { certificate } = serve(context, engine);
      assert.throws(() => serve(context, engine), isBadOption);
      const client = await dial(context, await context.open({ protocols: [WEB] }), engine);
      assertSameBytes(client.connection.peerCertificate, certificate, 'the first goes on');
    },
  },
  {
    name: 'what cannot be used throws `bad-option`, and leaves what is served as it was',
    needs,
    async run(context) {
      const engine = await context.open();
      const { served, certificate } = serve(context, engine);
      const other = { protocols: ['other'] };
      assert.throws(() => serve(context, engine, { ...other, privateKeyPem: 'none' }), isBadOption);
      assert.throws(
        () => serve(context, engine, { ...other, settings: { streamsMax: -1 } }),
        isBadOption,
      );
      assert.throws(() => served.setCertificate('none', 'none'), isBadOption);
      const client = await dial(context, await context.open({ protocols: [WEB] }), engine);
      assertSameBytes(client.connection.peerCertificate, certificate, 'it goes on');
    },
  },
];

function isBadOption(error: unknown): boolean {
  return error instanceof QuicError && error.code === 'bad-option';
}
