/**
 * For pages: a session with a node, over WebTransport where the browser and the network have it,
 * over a WebSocket where not. A plain module: what it imports is below this folder and
 * `webtransport/`, and nothing of it is of Node.
 */
import { SessionError } from '../webtransport/session-error.js';
import type { Session } from '../webtransport/session.js';
import { HELLO_MS_MAX, SOCKET_BYTES_BUSY, SOCKET_POLL_MS, WEBTRANSPORT_MS_MAX } from './limits.js';
import { Multiplexer } from './multiplexer.js';
import { SUBPROTOCOL } from './wire.js';

export type {
  BidirectionalStream,
  CloseInfo,
  Datagrams,
  Session,
} from '../webtransport/session.js';
export { SessionError } from '../webtransport/session-error.js';

export interface OpenOptions {
  /** `https://host:port/path`; left out: WebTransport is not tried. */
  readonly webTransportUrl?: string;
  /** SHA-256 of the certificates that the node may show; left out: one that browsers trust. */
  readonly serverCertificateHashes?: readonly Uint8Array[];
  /** `wss://host:port/path`; left out: there is no second way. */
  readonly webSocketUrl?: string;
}

export interface OpenedSession {
  readonly session: Session;
  readonly over: 'webtransport' | 'websocket';
}

/** The part of a WebSocket (browsers, and package `ws`) that is used. */
interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  addEventListener(
    type: 'open' | 'message' | 'close' | 'error',
    listener: (event: { readonly data?: unknown; readonly code?: number }) => void,
  ): void;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

type WebSocketConstructor = new (url: string, protocols: string) => WebSocketLike;
type WebTransportConstructor = new (
  url: string,
  options: {
    serverCertificateHashes?: { algorithm: 'sha-256'; value: Uint8Array }[];
  },
) => Session;

/**
 * Opens a session. Rejects with `SessionError`: `refused`, or `bad-argument` when there is no URL or
 * one that is none.
 */
export async function openSession(options: OpenOptions = {}): Promise<OpenedSession> {
  const { webTransportUrl, webSocketUrl } = options;
  if (webTransportUrl === undefined && webSocketUrl === undefined) {
    throw new SessionError('bad-argument', 'give webTransportUrl or webSocketUrl, or both');
  }
  const { WebTransport } = globalThis as { WebTransport?: WebTransportConstructor };
  let why = 'this browser has no WebTransport';
  if (webTransportUrl !== undefined && WebTransport !== undefined) {
    try {
      return {
        session: await openWebTransport(WebTransport, webTransportUrl, options),
        over: 'webtransport',
      };
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
  }
  if (webSocketUrl === undefined) {
    const url = withoutQuery(webTransportUrl ?? '');
    throw new SessionError('refused', `WebTransport to ${url} was not opened: ${why}`);
  }
  return { session: await openWebSocketSession(webSocketUrl), over: 'websocket' };
}

async function openWebTransport(
  WebTransport: WebTransportConstructor,
  url: string,
  { serverCertificateHashes }: OpenOptions,
): Promise<Session> {
  const hashes = serverCertificateHashes?.map((value) => ({
    algorithm: 'sha-256' as const,
    value,
  }));
  const session = new WebTransport(
    url,
    hashes === undefined ? {} : { serverCertificateHashes: hashes },
  );
  // Somebody else may have to be told, or nobody.
  session.closed.catch(() => undefined);
  const timer = setTimeout(() => session.close(), WEBTRANSPORT_MS_MAX);
  try {
    await session.ready;
    return session;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Opens a session over a WebSocket. Rejects with `SessionError`: `refused`, or `bad-argument` when
 * the URL is none.
 */
export async function openWebSocketSession(
  url: string,
  WebSocket = (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket,
): Promise<Session> {
  const socket = newSocket(url, WebSocket);
  const where = withoutQuery(url);
  let isOpen = false;
  socket.binaryType = 'arraybuffer';
  let poll: ReturnType<typeof setTimeout> | undefined;
  const multiplexer = new Multiplexer(
    {
      send: (message) => {
        socket.send(message);
        if (socket.bufferedAmount > SOCKET_BYTES_BUSY) pollWritable();
      },
      get bufferedBytes() {
        return socket.bufferedAmount;
      },
      close: () => socket.close(),
      terminate: () => socket.close(),
    },
    false,
  );
  const pollWritable = (): void => {
    poll ??= setTimeout(() => {
      poll = undefined;
      if (socket.bufferedAmount > SOCKET_BYTES_BUSY) pollWritable();
      else multiplexer.onWritable();
    }, SOCKET_POLL_MS);
  };
  socket.addEventListener('open', () => {
    isOpen = true;
    multiplexer.start();
  });
  socket.addEventListener('message', ({ data }) => {
    if (data instanceof ArrayBuffer) multiplexer.receive(new Uint8Array(data));
    else multiplexer.lose('the node sent text');
  });
  socket.addEventListener('error', () => {
    multiplexer.lose(`the WebSocket to ${where} ${isOpen ? 'failed' : 'could not be opened'}`);
  });
  socket.addEventListener('close', ({ code }) => {
    clearTimeout(poll);
    multiplexer.lose(`the WebSocket to ${where} is closed: ${code}`);
  });
  const timer = setTimeout(
    () => multiplexer.lose(`the node at ${where} does not answer`),
    HELLO_MS_MAX,
  );
  try {
    await multiplexer.session.ready;
    return multiplexer.session;
  } finally {
    clearTimeout(timer);
  }
}

function newSocket(url: string, WebSocket: WebSocketConstructor | undefined): WebSocketLike {
  if (WebSocket === undefined) {
    const text = 'there is no WebSocket here: give the class of package ws, for example';
    throw new SessionError('refused', `${text} (for ${withoutQuery(url)})`);
  }
  try {
    return new WebSocket(url, SUBPROTOCOL);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SessionError(
      'bad-argument',
      `no WebSocket to ${withoutQuery(url)} can be made: ${why}`,
    );
  }
}

/** A URL as an error names it: what follows may be a secret. */
function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, '');
}
