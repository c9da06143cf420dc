import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { SUBPROTOCOL } from '../../../transport/websocket/wire.js';
import { rejection } from '../rpc/pair.js';
import { connectGateway, serveGateway } from './pair.js';
import { until } from '../../waiting.js';

/** The status with which an upgrade is refused. */
async function statusOf(
  url: string,
  options: { readonly origin?: string; readonly protocol?: string } = {},
): Promise<number | undefined> {
  const { origin, protocol = SUBPROTOCOL } = options;
  const socket = new WebSocket(url, protocol, origin === undefined ? {} : { origin });
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [
    unknown,
    { statusCode?: number },
  ];
  return response.statusCode;
}

describe('a gateway', () => {
  it('refuses other paths, origins, versions and what authorize refuses', async () => {
    const gateway = await serveGateway({
      allowedOrigins: ['https://good.test'],
      authorize: ({ path }) => {
        if (path.endsWith('?throw')) throw new Error('a secret');
        return !path.endsWith('?no');
      },
    });
    const origin = 'https://good.test';
    const { url } = gateway;
    expect(await statusOf(url.replace('/session', '/other'), { origin })).toBe(404);
    expect(await statusOf(url)).toBe(403);
    expect(await statusOf(url, { origin: 'https://evil.test' })).toBe(403);
    expect(await statusOf(url, { origin, protocol: 'agentic-flow-session.2' })).toBe(400);
    expect(await statusOf(`${url}?no`, { origin })).toBe(403);
    expect(await statusOf(`${url}?throw`, { origin })).toBe(403);
    expect(gateway.sessions).toEqual([]);
    await connectGateway(`${url}?yes`, origin);
    await until(() => gateway.sessions.length === 1);
    expect(gateway.sessions[0]?.request).toMatchObject({ path: '/session?yes', origin });
  });

  it('takes no more sessions than it may, and more when some have ended', async () => {
    const gateway = await serveGateway({ sessionsMax: 1 });
    const first = await connectGateway(gateway.url);
    expect(await statusOf(gateway.url)).toBe(503);
    expect(await rejection(connectGateway(gateway.url))).toMatchObject({ code: 'refused' });
    first.close();
    await until(() => gateway.sessions.length === 1);
    await gateway.sessions[0]?.session.closed;
    await expect
      .poll(async () =>
        connectGateway(gateway.url).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  });

  it.each([
    ['text', (socket: WebSocket) => socket.send('text')],
    ['a message that is too long', (socket: WebSocket) => socket.send(Buffer.alloc(100_000))],
    ['nonsense', (socket: WebSocket) => socket.send(Buffer.of(99))],
  ])('drops a peer that sends %s', async (_what, misbehave) => {
    const gateway = await serveGateway();
    const socket = new WebSocket(gateway.url, SUBPROTOCOL);
    socket.on('error', () => undefined);
    await once(socket, 'open');
    misbehave(socket);
    await once(socket, 'close');
    expect(gateway.sessions).toEqual([]);
  });

  it('drops a peer that says nothing', async () => {
    const gateway = await serveGateway();
    const socket = new WebSocket(gateway.url, SUBPROTOCOL);
    socket.on('error', () => undefined);
    await once(socket, 'open');
    await once(socket, 'close');
    expect(gateway.sessions).toEqual([]);
  });

  it('tells a session that its peer is gone', async () => {
    const gateway = await serveGateway();
    const socket = new WebSocket(gateway.url, SUBPROTOCOL);
    await once(socket, 'open');
    socket.send(Buffer.from('01010000002000040000', 'hex'));
    await until(() => gateway.sessions.length === 1);
    socket.terminate();
    const lost = gateway.sessions[0]?.session.closed ?? Promise.resolve();
    expect(await rejection(lost)).toMatchObject({ code: 'session-closed' });
  });
});
