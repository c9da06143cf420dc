import { describe, expect, it } from 'vitest';
import { HTTP3_CODES, Http3Connection, requestHttp3 } from '../../../transport/http3/index.js';
import type { Exchange, ExchangeHandler, Field } from '../../../transport/http3/index.js';
import type { Connection, Engine, Stream } from '../../../transport/quic/index.js';
import { openQuicheEngine } from '../../../transport/quic/index.js';
import {
  connectWebTransport,
  createShortLivedCertificate,
  serveWebTransport,
  type ServeOptions,
  type Session,
} from '../../../transport/webtransport/index.js';
import {
  SESSION_GONE_CODE,
  STREAM_REJECTED_CODE,
} from '../../../transport/webtransport/error-codes.js';
import { EARLY_STREAMS_MAX } from '../../../transport/webtransport/limits.js';
import { head } from '../http3/pair.js';
import { handler, openEngine } from '../quic/engines.js';
import { listen, rejection } from '../rpc/pair.js';
import { connect, serve, type TestServer } from './pair.js';
import { sleep, until } from '../../waiting.js';

const ACCEPT = { isAccepted: true } as const;
const SETTINGS = new Map([[0x33, 1]]);

/** A connection of HTTP/3 without sessions, to say things by hand. */
async function bare(server: TestServer): Promise<Http3Connection> {
  const engine = await openEngine({ protocols: ['h3'] });
  let http3: Http3Connection | undefined;
  await engine.connect({
    host: server.engine.host,
    port: server.engine.port,
    timeoutMs: 60_000,
    authenticate: () => ACCEPT,
    onOpen: (quic) => {
      http3 = new Http3Connection(quic, { settings: SETTINGS });
    },
  });
  return http3 as unknown as Http3Connection;
}

/** A request for a session, by hand; resolves with the fields of the answer. */
function ask(
  http3: Http3Connection,
  fields: readonly Field[] = [],
  onBody: (bytes: Buffer) => void = () => undefined,
): { readonly exchange: Exchange; readonly answer: Promise<readonly Field[]> } {
  let resolve!: (fields: readonly Field[]) => void;
  let reject!: (error: Error) => void;
  const answer = new Promise<readonly Field[]>((onFields, onError) => {
    resolve = onFields;
    reject = onError;
  });
  answer.catch(() => undefined);
  const exchangeHandler: ExchangeHandler = {
    onFields: (each) => resolve(each),
    onBody: (bytes) => onBody(Buffer.from(bytes)),
    onEnd: () => onBody(Buffer.from('end')),
    onDrained: () => undefined,
    onStopped: () => undefined,
    onAborted: reject,
  };
  const exchange = http3.request(
    [
      [':method', 'CONNECT'],
      [':scheme', 'https'],
      [':authority', 'node.test'],
      [':path', '/session'],
      [':protocol', 'webtransport'],
      ...fields,
    ],
    exchangeHandler,
  );
  if (exchange === undefined) throw new Error('no request');
  return { exchange, answer };
}

const statusOf = async (answer: Promise<readonly Field[]>): Promise<string | undefined> =>
  (await answer)[0]?.[1];

describe('a server of sessions', () => {
  it('refuses other paths, origins, protocols and what authorize refuses', async () => {
    const server = await serve({
      allowedOrigins: ['https://good.test'],
      authorize: async ({ path }) => {
        await sleep(1);
        if (path.endsWith('?throw')) throw new Error('a secret');
        return !path.endsWith('?no');
      },
    });
    const origin = 'https://good.test';
    const refused = async (options: Parameters<typeof connect>[1]): Promise<unknown> =>
      ((await rejection(connect(server, options))) as Error).message;
    const { host, port } = server.engine;
    expect(await refused({ origin, path: '/other?secret' })).toBe(
      `the server at ${host}:${port}/other refused the session: status 404`,
    );
    expect(await refused({})).toContain('403');
    expect(await refused({ origin: 'https://evil.test' })).toContain('403');
    expect(await refused({ origin, path: '/session?no' })).toContain('403');
    expect(await refused({ origin, path: '/session?throw' })).toContain('403');
    expect(server.sessions).toEqual([]);
    await connect(server, { origin, path: '/session?yes' });
    expect(server.sessions[0]?.request).toMatchObject({ path: '/session?yes', origin });
    const http3 = await bare(server);
    const other = head('CONNECT', '/session', { protocol: 'connect-udp' });
    expect((await requestHttp3(http3, other)).status).toBe(501);
    expect((await requestHttp3(http3, head('GET', '/'))).status).toBe(404);
  });

  it('is not believed when it shows another certificate', async () => {
    const server = await serve();
    const error = await rejection(
      connect(server, { serverCertificateHashes: [new Uint8Array(32)] }),
    );
    expect(error).toMatchObject({ code: 'unauthenticated' });
  });

  it('takes several sessions on a connection, apart, and no more than it may', async () => {
    const server = await serve({ sessionsMax: 2 });
    const http3 = await bare(server);
    const first = ask(http3);
    const second = ask(http3);
    expect(await statusOf(first.answer)).toBe('200');
    expect(await statusOf(second.answer)).toBe('200');
    expect(await statusOf(ask(http3).answer)).toBe('429');
    await until(() => server.sessions.length === 2);
    const texts: string[] = [];
    const read = async (session: Session | undefined): Promise<void> => {
      const { value } = (await session?.incomingUnidirectionalStreams.getReader().read()) ?? {};
      for await (const bytes of value ?? []) texts.push(Buffer.from(bytes).toString());
    };
    const ids = [first.exchange.stream.id, second.exchange.stream.id];
    for (const id of ids) {
      http3.openForeign(true, id, handler())?.write(Buffer.from(`of ${id}`), true);
    }
    await read(server.sessions[1]?.session);
    await read(server.sessions[0]?.session);
    expect(texts).toEqual([`of ${ids[1]}`, `of ${ids[0]}`]);
    // One ends, the other does not, and there is room again.
    first.exchange.sendBody(new Uint8Array(), true);
    expect(await server.sessions[0]?.session.closed).toEqual({ closeCode: 0, reason: '' });
    expect(await statusOf(ask(http3).answer)).toBe('200');
    await server.sessions[1]?.session.createUnidirectionalStream();
  });

  it('judges no more requests at once than it may have sessions', async () => {
    let judged = 0;
    const server = await serve({
      sessionsMax: 3,
      authorize: () => {
        judged += 1;
        return new Promise(() => undefined);
      },
    });
    const http3 = await bare(server);
    for (let index = 0; index < 3; index += 1) {
      const { exchange } = ask(http3);
      await until(() => judged === index + 1);
      exchange.abort(HTTP3_CODES['request-cancelled']);
    }
    await expect.poll(async () => statusOf(ask(http3).answer)).toBe('429');
    expect(judged).toBe(3);
  });

  it('keeps what comes before its session, as far as there is room', async () => {
    let allow!: (isAllowed: boolean) => void;
    const server = await serve({
      authorize: () =>
        new Promise((resolve) => {
          allow = resolve;
        }),
    });
    const http3 = await bare(server);
    const { exchange, answer } = ask(http3);
    const codes: number[] = [];
    const opened: (Stream | undefined)[] = [];
    for (let index = 0; index < EARLY_STREAMS_MAX + 2; index += 1) {
      const stream = http3.openForeign(
        false,
        exchange.stream.id,
        handler({ onReset: (code) => codes.push(code) }),
      );
      stream?.write(Buffer.from(`early ${index}`), true);
      opened.push(stream);
    }
    await until(() => http3.hasDatagrams);
    http3.sendDatagram(exchange.stream.id, Buffer.from('early datagram'));
    await until(() => codes.length === 2);
    expect(codes).toEqual([STREAM_REJECTED_CODE, STREAM_REJECTED_CODE]);
    await sleep(50);
    allow(true);
    expect(await statusOf(answer)).toBe('200');
    const session = server.sessions[0]?.session as Session;
    const reader = session.incomingBidirectionalStreams.getReader();
    for (let index = 0; index < EARLY_STREAMS_MAX; index += 1) {
      const { value } = await reader.read();
      const parts: Uint8Array[] = [];
      for await (const part of value?.readable ?? []) parts.push(part);
      expect(Buffer.concat(parts).toString()).toBe(`early ${index}`);
    }
    const { value } = await session.datagrams.readable.getReader().read();
    expect(Buffer.from(value ?? []).toString()).toBe('early datagram');
  });

  it('refuses the streams of a session that is over or was refused', async () => {
    const server = await serve({ authorize: ({ origin }) => origin === 'a' });
    const http3 = await bare(server);
    const over = ask(http3, [['origin', 'a']]);
    expect(await statusOf(over.answer)).toBe('200');
    const codes: number[] = [];
    const onReset = (code: number): void => void codes.push(code);
    http3.openForeign(false, over.exchange.stream.id, handler({ onReset }))?.write(Buffer.of(1));
    await until(() => server.sessions.length === 1);
    await server.sessions[0]?.session.incomingBidirectionalStreams.getReader().read();
    server.sessions[0]?.session.close();
    await until(() => codes.length === 1);
    const refused = ask(http3, [['origin', 'b']]);
    expect(await statusOf(refused.answer)).toBe('403');
    for (const { exchange } of [over, refused]) {
      http3.openForeign(false, exchange.stream.id, handler({ onReset }))?.write(Buffer.of(1));
    }
    await until(() => codes.length === 3);
    expect(codes).toEqual([SESSION_GONE_CODE, SESSION_GONE_CODE, SESSION_GONE_CODE]);
    expect(http3.quic.isOpen).toBe(true);
  });

  it('says which draft it speaks to those that ask for draft 2', async () => {
    const server = await serve();
    const http3 = await bare(server);
    const plain = ask(http3);
    expect(await plain.answer).toEqual([[':status', '200']]);
    const draft = ask(http3, [['sec-webtransport-http3-draft02', '1']]);
    expect(await draft.answer).toEqual([
      [':status', '200'],
      ['sec-webtransport-http3-draft', 'draft02'],
    ]);
  });

  it('sends the golden bytes of a close', async () => {
    const server = await serve();
    const http3 = await bare(server);
    let body = '';
    const { answer } = ask(http3, [], (bytes) => (body += bytes.toString('hex')));
    await answer;
    await until(() => server.sessions.length === 1);
    server.sessions[0]?.session.close({ closeCode: 258, reason: 'bye' });
    await until(() => body.endsWith(Buffer.from('end').toString('hex')));
    expect(body).toBe(`68430700000102627965${Buffer.from('end').toString('hex')}`);
  });

  it.each([
    ['a close that is too short', '6843 02 0000', HTTP3_CODES['message-error']],
    ['a capsule that is too long', '6843 8000ffff', HTTP3_CODES['datagram-error']],
  ])('is not troubled by %s', async (_what, text, code) => {
    const server = await serve();
    const http3 = await bare(server);
    const { exchange, answer } = ask(http3);
    await answer;
    exchange.sendBody(Buffer.from(text.replaceAll(' ', ''), 'hex'));
    if (code === HTTP3_CODES['datagram-error']) {
      expect(await http3.closed).toMatchObject({ code, local: false });
    } else {
      await until(() => exchange.isOver);
    }
    await server.sessions[0]?.session.closed.catch(() => undefined);
  });

  it('closes a session once, whatever follows the close', async () => {
    const server = await serve();
    const http3 = await bare(server);
    const { exchange, answer } = ask(http3);
    await answer;
    exchange.sendBody(Buffer.from('68430400000007', 'hex'));
    exchange.sendBody(Buffer.from('68430400000009', 'hex'));
    await until(() => server.sessions.length === 1);
    expect(await server.sessions[0]?.session.closed).toEqual({ closeCode: 7, reason: '' });
    expect(await statusOf(ask(http3).answer)).toBe('200');
  });

  it.each([[1], [2], [7]])('closes a connection that names session %i', async (sessionId) => {
    const server = await serve();
    const http3 = await bare(server);
    http3.openForeign(true, sessionId, handler())?.write(Buffer.of(1));
    expect(await http3.closed).toMatchObject({ code: HTTP3_CODES['id-error'], local: false });
  });
});

/** An engine of a node, which takes sessions too. */
async function node(options: Partial<ServeOptions> = {}): Promise<{
  readonly engine: Engine;
  readonly served: ReturnType<typeof serveWebTransport>;
  readonly sessions: Session[];
  readonly call: () => Promise<unknown>;
  open(): Promise<Session>;
}> {
  let engine: Engine | undefined;
  const endpoint = await listen(
    { echo: (payload) => payload },
    {
      openEngine: async (engineOptions) => {
        engine = await openQuicheEngine(engineOptions);
        return engine;
      },
    },
  );
  const peer = await listen({});
  const { host, port, peerId } = endpoint;
  const connection = await peer.connect({ host, port, peerId }, { timeoutMs: 60_000 });
  const sessions: Session[] = [];
  const served = serveWebTransport(engine as unknown as Engine, {
    path: '/session',
    onSession: (session) => sessions.push(session),
    ...options,
  });
  const { privateKeyPem, certificatePem } = createShortLivedCertificate(Date.now());
  const client = await openEngine({
    protocols: ['h3'],
    privateKeyPem,
    certificatePem,
    signatureAlgorithms: ['ecdsa_secp256r1_sha256'],
  });
  return {
    engine: engine as unknown as Engine,
    served,
    sessions,
    call: () => connection.call('echo', 'hello', { timeoutMs: 60_000 }),
    open: () =>
      connectWebTransport(client, {
        host,
        port,
        path: '/session',
        serverCertificateHashes: served.certificateHashes,
        timeoutMs: 60_000,
      }),
  };
}

describe('a node that serves sessions', () => {
  it('answers calls and sessions on one port', async () => {
    const { open, call, sessions } = await node();
    const session = await open();
    const [stream] = await Promise.all([session.createBidirectionalStream(), call()]);
    const writer = stream.writable.getWriter();
    await writer.write(Buffer.from('hi'));
    await until(() => sessions.length === 1);
    const { value } = (await sessions[0]?.incomingBidirectionalStreams.getReader().read()) ?? {};
    const read = await value?.readable.getReader().read();
    expect(Buffer.from(read?.value ?? []).toString()).toBe('hi');
    expect(await call()).toBe('hello');
  });

  it('asks pages to end their sessions when it stops, and takes no more', async () => {
    const { open, served, sessions, call } = await node();
    const session = await open();
    await until(() => sessions.length === 1);
    served.stop();
    await session.draining;
    expect(await rejection(open())).toBeInstanceOf(Error);
    session.close({ closeCode: 5 });
    expect(await sessions[0]?.closed).toEqual({ closeCode: 5, reason: '' });
    expect(await call()).toBe('hello');
  });

  it('keeps places for nodes: pages have so many connections and no more', async () => {
    const { open, call } = await node({ connectionsMax: 1 });
    const first = await open();
    expect(await rejection(open())).toBeInstanceOf(Error);
    expect(await call()).toBe('hello');
    first.close();
    await expect
      .poll(async () =>
        open().then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  });

  it('drops a connection that has no session for long', async () => {
    const { open, served, engine } = await node({ sessionlessMs: 100 });
    const session = await open();
    await sleep(300);
    await session.createUnidirectionalStream();
    const { privateKeyPem, certificatePem } = createShortLivedCertificate(Date.now());
    const client = await openEngine({
      protocols: ['h3'],
      privateKeyPem,
      certificatePem,
      signatureAlgorithms: ['ecdsa_secp256r1_sha256'],
    });
    const idle: Connection = await client.connect({
      host: engine.host,
      port: engine.port,
      timeoutMs: 60_000,
      authenticate: () => ACCEPT,
      onOpen: (quic) => void new Http3Connection(quic, {}),
    });
    expect(await idle.closed).toMatchObject({ code: HTTP3_CODES['no-error'], local: false });
    expect(served.certificateHashes.length).toBe(2);
  });
});
