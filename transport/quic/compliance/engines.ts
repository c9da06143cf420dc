import { strict as assert } from 'node:assert';
import type { Connection } from '../connection.js';
import type { Refusal } from '../engine.js';
import type { ComplianceCase } from './case.js';
import { createIdentity } from '../../identity/identity.js';
import { QuicError } from '../quic-error.js';
import {
  ACCEPT,
  bytesOf,
  connectPair,
  dial,
  echo,
  rejectsWith,
  sideOf,
  type Side,
} from './pair.js';
import { StreamRecorder } from './recorder.js';

const NO_OPEN = {
  authenticate: ACCEPT,
  onOpen: (): void => assert.fail('no connection may open'),
};

/** Opening and closing engines, and connecting them. */
export const engineCases: readonly ComplianceCase[] = [
  {
    name: 'port 0 stands for any free one, which the engine then names',
    async run(context) {
      const [one, two] = [await context.open(), await context.open()];
      for (const engine of [one, two]) {
        assert.equal(engine.host, '127.0.0.1');
        assert(Number.isInteger(engine.port) && engine.port > 0 && engine.port < 65_536);
      }
      assert.notEqual(one.port, two.port);
    },
  },
  {
    name: 'an address that is taken is refused with `address-in-use`, and free after `close`',
    async run(context) {
      const engine = await context.open();
      await rejectsWith('address-in-use', context.open({ port: engine.port }));
      await engine.close(0, '');
      const next = await context.open({ port: engine.port });
      assert.equal(next.port, engine.port);
    },
  },
  {
    name: 'an address that this machine does not have is refused with `address-unavailable`',
    async run(context) {
      // TEST-NET-1 of RFC 5737.
      await rejectsWith('address-unavailable', context.open({ host: '192.0.2.1' }));
    },
  },
  {
    name: 'options that cannot be used are refused with `bad-option`',
    async run(context) {
      const bad = [
        { privateKeyPem: 'no key' },
        { settings: { streamsMax: 0 } },
        { settings: { streamsMax: 1.5 } },
        { settings: { idleTimeoutMs: -1 } },
        { settings: { congestionControl: 'vegas' as never } },
        { settings: { packetBytes: 1_199 } },
      ];
      for (const options of bad) await rejectsWith('bad-option', context.open(options));
    },
  },
  {
    name: 'a certificate that is none is refused with `bad-option`',
    async run(context) {
      await rejectsWith('bad-option', context.open({ certificatePem: 'no certificate' }));
    },
  },
  {
    name: 'a certificate with the key of another is refused with `bad-option`',
    async run(context) {
      const [one, two] = [createIdentity(), createIdentity()];
      const { privateKeyPem } = one;
      const { certificatePem } = two;
      await rejectsWith('bad-option', context.open({ privateKeyPem, certificatePem }));
    },
  },
  {
    name: 'a host may be a name',
    async run(context) {
      const server = await context.open({ host: 'localhost' });
      const client = await context.open();
      const side = await dial(context, client, { host: 'localhost', port: server.port });
      assert.equal(side.connection.remoteHost, '127.0.0.1');
    },
  },
  {
    name: 'an IPv6 address cannot be dialled from an IPv4 one: `host-not-found`',
    async run(context) {
      const engine = await context.open();
      const target = { host: '::1', port: engine.port, timeoutMs: 5_000 };
      await rejectsWith('host-not-found', engine.connect({ ...target, ...NO_OPEN }));
    },
  },
  {
    name: 'each side knows the address of the other, and which side it is',
    async run(context) {
      const { client, server, clientEngine, serverEngine } = await connectPair(context);
      assert.equal(client.connection.remoteHost, serverEngine.host);
      assert.equal(client.connection.remotePort, serverEngine.port);
      assert.equal(server.connection.remoteHost, clientEngine.host);
      assert.equal(server.connection.remotePort, clientEngine.port);
      assert.equal(client.connection.isServer, false);
      assert.equal(server.connection.isServer, true);
    },
  },
  {
    name: 'a connection is open when it is handed over, and can be used in `onOpen`',
    async run(context) {
      const recorder = new StreamRecorder(context);
      const isOpen: boolean[] = [];
      const accepted: Side[] = [];
      const serverEngine = await context.open({
        onConnection: (connection) => {
          isOpen.push(connection.isOpen);
          accepted.push(sideOf(context, connection, { onStream: echo }));
        },
      });
      await dial(context, await context.open(), serverEngine, {
        onOpen: (connection) => {
          isOpen.push(connection.isOpen);
          connection.openBidirectional(recorder)?.write(bytesOf('at once'), true);
        },
      });
      await context.until(() => recorder.isFinal, 'the answer has come');
      assert.equal(recorder.text, 'at once');
      assert.deepEqual(isOpen, [true, true]);
      assert.equal(accepted.length, 1);
    },
  },
  {
    name: '`established` resolves on both sides, and a first connection is neither early nor resumed',
    async run(context) {
      const { client, server } = await connectPair(context);
      for (const { connection } of [client, server]) {
        await connection.established;
        assert.equal(connection.isEarly, false);
        assert.equal(connection.isResumed, false);
        assert.equal(connection.isWorn, false);
      }
    },
  },
  {
    name: 'two engines hold several connections, in both directions, which do not mix',
    async run(context) {
      const accepted: Side[] = [];
      const onConnection = (connection: Connection): void => {
        accepted.push(sideOf(context, connection, { onStream: echo }));
      };
      const one = await context.open({ onConnection });
      const two = await context.open({ onConnection });
      const sides = [
        await dial(context, one, two),
        await dial(context, one, two),
        await dial(context, two, one),
      ];
      const recorders = sides.map((side, index) => {
        const recorder = side.bidirectional();
        recorder.stream.write(bytesOf(`connection ${index}`), true);
        return recorder;
      });
      await context.until(() => recorders.every(({ isFinal }) => isFinal), 'all came back');
      recorders.forEach(({ text, stream }, index) => {
        assert.equal(text, `connection ${index}`);
        assert.equal(stream.id, 0);
      });
      await sides[0]!.connection.close(0, '');
      await context.settle();
      assert.deepEqual(
        sides.map(({ connection }) => connection.isOpen),
        [false, true, true],
      );
    },
  },
  {
    name: 'where nobody answers `connect` rejects with `timeout`, in its time',
    async run(context) {
      const gone = await context.open();
      await gone.close(0, '');
      const engine = await context.open();
      const startedAt = performance.now();
      const target = { host: gone.host, port: gone.port, timeoutMs: 300 };
      await rejectsWith('timeout', engine.connect({ ...target, ...NO_OPEN }));
      const tookMs = performance.now() - startedAt;
      assert(tookMs > 250 && tookMs < 5_000, `it took ${Math.round(tookMs)} ms`);
    },
  },
  {
    name: '`connect` is cancelled by its signal, before, right after it began, and while it waits',
    async run(context) {
      const gone = await context.open();
      await gone.close(0, '');
      const engine = await context.open();
      const target = { host: gone.host, port: gone.port, timeoutMs: 20_000, ...NO_OPEN };
      await rejectsWith('cancelled', engine.connect({ ...target, signal: AbortSignal.abort() }));
      const atOnce = new AbortController();
      const begun = engine.connect({ ...target, signal: atOnce.signal });
      atOnce.abort();
      await rejectsWith('cancelled', begun);
      const controller = new AbortController();
      const connecting = engine.connect({ ...target, signal: controller.signal });
      await context.settle();
      controller.abort();
      await rejectsWith('cancelled', connecting);
    },
  },
  {
    name: 'the signal of `connect` does nothing once the connection is open',
    async run(context) {
      const controller = new AbortController();
      const { client } = await connectPair(context, { connect: { signal: controller.signal } });
      controller.abort();
      await context.settle();
      assert.equal(client.connection.isOpen, true);
    },
  },
  {
    name: 'after `stopAccepting` nobody is let in, and what is open goes on',
    async run(context) {
      const { client, clientEngine, serverEngine } = await connectPair(context, {
        onServer: { onStream: echo },
      });
      serverEngine.stopAccepting();
      const target = { host: serverEngine.host, port: serverEngine.port, timeoutMs: 300 };
      await rejectsWith('timeout', clientEngine.connect({ ...target, ...NO_OPEN }));
      const recorder = client.bidirectional();
      recorder.stream.write(bytesOf('still here'), true);
      await context.until(() => recorder.isFinal, 'the answer has come');
    },
  },
  {
    name: 'an engine that has stopped accepting still dials',
    async run(context) {
      const engine = await context.open();
      engine.stopAccepting();
      const side = await dial(context, engine, await context.open());
      assert.equal(side.connection.isOpen, true);
    },
  },
  {
    name: '`close` of an engine closes every connection with its code and reason',
    async run(context) {
      const { client, server, clientEngine, serverEngine } = await connectPair(context);
      const back = await dial(context, serverEngine, clientEngine);
      await serverEngine.close(12, 'maintenance');
      for (const { connection } of [server, back]) {
        const { code, reason, local } = await connection.closed;
        assert.deepEqual({ code, reason, local }, { code: 12, reason: 'maintenance', local: true });
      }
      const { kind, code, reason, local } = await client.connection.closed;
      assert.deepEqual(
        { kind, code, reason, local },
        { kind: 'application', code: 12, reason: 'maintenance', local: false },
      );
    },
  },
  {
    name: '`close` of an engine may be called twice, and rejects what connects',
    async run(context) {
      const gone = await context.open();
      await gone.close(0, '');
      const engine = await context.open();
      const target = { host: gone.host, port: gone.port, timeoutMs: 20_000, ...NO_OPEN };
      const connecting = rejectsWith('closed', engine.connect(target));
      await context.settle();
      await Promise.all([engine.close(1, 'one'), engine.close(2, 'two')]);
      await connecting;
      await rejectsWith('closed', engine.connect(target));
      await engine.close(3, 'three');
    },
  },
  {
    name: 'who connects while the engine closes is rejected with `closed`',
    async run(context) {
      const { clientEngine, serverEngine } = await connectPair(context);
      const closing = clientEngine.close(0, '');
      const target = { host: serverEngine.host, port: serverEngine.port, timeoutMs: 5_000 };
      await rejectsWith('closed', clientEngine.connect({ ...target, ...NO_OPEN }));
      await closing;
    },
  },
  {
    name: 'who gives a dial up while the peer answers leaves nothing behind there',
    async run(context) {
      const accepted: Side[] = [];
      const refusals: Refusal[] = [];
      const server = await context.open({
        onConnection: (connection) => accepted.push(sideOf(context, connection)),
        onRefusal: (refusal) => refusals.push(refusal),
      });
      const client = await context.open();
      const controller = new AbortController();
      const connecting = client.connect({
        host: server.host,
        port: server.port,
        timeoutMs: 10_000,
        signal: controller.signal,
        authenticate: (certificate) => {
          controller.abort();
          return ACCEPT(certificate);
        },
        onOpen: (connection) => void sideOf(context, connection),
      });
      // Either the dial was open already or it was given up in time.
      await connecting.then(
        (connection) => connection.close(0, ''),
        (error: unknown) => assert(error instanceof QuicError && error.code === 'cancelled'),
      );
      await context.until(() => accepted.length + refusals.length > 0, 'the peer has heard of it');
      for (const { connection } of accepted) await connection.closed;
    },
  },
];
