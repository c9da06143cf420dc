import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HTTP3_CODES, Http3Connection } from '../../../transport/http3/index.js';
import type { Connection } from '../../../transport/quic/index.js';
import { handler, openEngine } from '../quic/engines.js';
import { fuzz } from '../seed.js';
import { connect, serve, type TestServer } from './pair.js';

const ACCEPT = { isAccepted: true } as const;
const bytes = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** A connection with a request for a session on stream 0, to be followed by anything. */
async function opened(server: TestServer): Promise<Connection> {
  const engine = await openEngine({ protocols: ['h3'] });
  const quic = await engine.connect({
    host: server.engine.host,
    port: server.engine.port,
    timeoutMs: 10_000,
    authenticate: () => ACCEPT,
    onOpen: (connection) => {
      const http3 = new Http3Connection(connection, { settings: new Map([[0x33, 1]]) });
      http3.request(
        [
          [':method', 'CONNECT'],
          [':scheme', 'https'],
          [':authority', 'a'],
          [':path', '/session'],
          [':protocol', 'webtransport'],
        ],
        {
          onFields: () => undefined,
          onBody: () => undefined,
          onEnd: () => undefined,
          onDrained: () => undefined,
          onStopped: () => undefined,
          onAborted: () => undefined,
        },
      );
    },
  });
  return quic;
}

describe('a peer of a session that sends anything', () => {
  it('never stops the server, and other sessions go on', async () => {
    const server = await serve({
      onSession: (session) => {
        void (async () => {
          for await (const stream of session.incomingBidirectionalStreams) {
            stream.readable.pipeTo(stream.writable).catch(() => undefined);
          }
        })().catch(() => undefined);
      },
    });
    const good = await connect(server);
    const known = new Set<number>(Object.values(HTTP3_CODES));
    // Heads of streams of the session, of others and of none; capsules; and noise.
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc
        .constantFrom(
          '4041 00',
          '4041 04',
          '4041 07',
          '4054 00',
          '4054 08',
          '00 06 6843 0400000001',
        )
        .map(bytes),
    );
    const act = fc.oneof(
      fc.record({
        kind: fc.constantFrom('bidi' as const, 'uni' as const),
        pieces: fc.array(piece, { minLength: 1, maxLength: 3 }),
        end: fc.constantFrom('none', 'final', 'reset'),
      }),
      fc.record({
        kind: fc.constant('datagram' as const),
        payload: fc.uint8Array({ maxLength: 9 }),
      }),
    );
    let client = await opened(server);
    await fuzz(
      fc.asyncProperty(fc.array(act, { maxLength: 6 }), async (acts) => {
        if (!client.isOpen) {
          expect(known).toContain((await client.closed).code);
          client = await opened(server);
        }
        for (const each of acts) {
          if (each.kind === 'datagram') {
            client.sendDatagram(each.payload);
            continue;
          }
          const stream =
            each.kind === 'uni'
              ? client.openUnidirectional(handler())
              : client.openBidirectional(handler());
          for (const [at, part] of each.pieces.entries()) {
            stream?.write(part, each.end === 'final' && at === each.pieces.length - 1);
          }
          if (each.end === 'reset') stream?.reset(7);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }),
      150,
    );
    const { readable, writable } = await good.createBidirectionalStream();
    const writer = writable.getWriter();
    await writer.write(Buffer.from('still here'));
    await writer.close();
    const { value } = await readable.getReader().read();
    expect(Buffer.from(value ?? []).toString()).toBe('still here');
  });
});
