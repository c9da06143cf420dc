import { Http3Connection, serveHttp3 } from '../../../transport/http3/index.js';
import type { Http3Options, Http3ServerOptions } from '../../../transport/http3/index.js';
import type { RequestHead } from '../../../transport/http3/index.js';
import type { Connection } from '../../../transport/quic/index.js';
import { openEngine } from '../quic/engines.js';
import { until } from '../../waiting.js';

const ACCEPT = { isAccepted: true } as const;

/** A server of HTTP/3, and a bare connection to it. */
export async function dial(
  onServer: (quic: Connection) => Http3Connection,
  onOpen: (quic: Connection) => void,
): Promise<{ readonly client: Connection; readonly server: Http3Connection }> {
  let server: Http3Connection | undefined;
  const serverEngine = await openEngine({
    protocols: ['h3'],
    onConnection: (quic) => {
      server = onServer(quic);
    },
  });
  const clientEngine = await openEngine({ protocols: ['h3'] });
  const client = await clientEngine.connect({
    host: serverEngine.host,
    port: serverEngine.port,
    timeoutMs: 60_000,
    authenticate: () => ACCEPT,
    onOpen,
  });
  await until(() => server !== undefined);
  return { client, server: server as unknown as Http3Connection };
}

/** A client and a server of HTTP/3 over real UDP, closed after the test. */
export async function http3Pair(
  options: Http3ServerOptions,
  clientOptions: Http3Options = {},
): Promise<{ readonly client: Http3Connection; readonly server: Http3Connection }> {
  let client: Http3Connection | undefined;
  const { server } = await dial(
    (quic) => serveHttp3(quic, options),
    (quic) => {
      client = new Http3Connection(quic, clientOptions);
    },
  );
  return { client: client as unknown as Http3Connection, server };
}

export function head(method: string, path: string, more: Partial<RequestHead> = {}): RequestHead {
  return {
    method,
    scheme: 'https',
    authority: 'node.test',
    path,
    protocol: undefined,
    fields: [],
    ...more,
  };
}

/** All bytes of a body. */
export async function whole(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}
