import { afterEach, describe, expect, it, vi } from 'vitest';
import { openSession, openWebSocketSession } from '../../../transport/websocket/browser.js';
import { rejection } from '../rpc/pair.js';
import { connectGateway } from './pair.js';

const contains = (text: string): unknown => expect.stringContaining(text);

describe('a session that cannot be opened says why', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it('without a URL', async () => {
    expect(await rejection(openSession({}))).toMatchObject({
      code: 'bad-argument',
      message: contains('give webTransportUrl or webSocketUrl'),
    });
  });

  it('where there is no WebTransport and no other way', async () => {
    vi.stubGlobal('WebTransport', undefined);
    const opening = openSession({ webTransportUrl: 'https://node.test:1/session?secret' });
    expect(await rejection(opening)).toMatchObject({
      code: 'refused',
      message:
        'WebTransport to https://node.test:1/session was not opened: this browser has no WebTransport',
    });
  });

  it('where there is no WebSocket', async () => {
    vi.stubGlobal('WebSocket', undefined);
    expect(await rejection(openWebSocketSession('ws://node.test/session'))).toMatchObject({
      code: 'refused',
      message: contains('there is no WebSocket here'),
    });
  });

  it('where nobody listens', async () => {
    // Port 1 of loopback is closed; nothing listens there without the rights of root.
    expect(await rejection(connectGateway('ws://127.0.0.1:1/session?secret'))).toMatchObject({
      code: 'refused',
      message:
        'the session was not opened: the WebSocket to ws://127.0.0.1:1/session could not be opened',
    });
  });

  it('with a URL that is none', async () => {
    expect(await rejection(connectGateway('nonsense'))).toMatchObject({
      code: 'bad-argument',
      message: contains('no WebSocket to nonsense can be made'),
    });
  });
});
