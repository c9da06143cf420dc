import { afterEach } from 'vitest';
import { createIdentity, type Identity } from '../../../transport/identity/index.js';
import { listenRpc, type ListenOptions } from '../../../transport/rpc/index.js';
import type {
  Handlers,
  Methods,
  PeerAddress,
  PeerConnection,
  PeerEndpoint,
} from '../../../transport/rpc/rpc.js';
import { WITHIN } from '../../waiting.js';

const open: PeerEndpoint[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((endpoint) => endpoint.close(0)));
});

/** Listens on loopback until the test ends. */
export async function listen(
  handlers: Handlers = {},
  options: Partial<ListenOptions> = {},
): Promise<PeerEndpoint> {
  const identity: Identity = options.identity ?? createIdentity();
  const endpoint = await listenRpc({ host: '127.0.0.1', port: 0, handlers, ...options, identity });
  open.push(endpoint);
  return endpoint;
}

export function addressOf(endpoint: PeerEndpoint): PeerAddress {
  return { host: endpoint.host, port: endpoint.port, peerId: endpoint.peerId };
}

export interface Pair {
  readonly server: PeerEndpoint;
  readonly client: PeerEndpoint;
  /** From client to server. */
  readonly connection: PeerConnection;
}

/** A server with `handlers`, a client, and a connection between them. */
export async function pair(
  handlers: Handlers,
  options: { server?: Partial<ListenOptions>; client?: Partial<ListenOptions> } = {},
): Promise<Pair> {
  const server = await listen(handlers, options.server);
  const client = await listen({}, options.client);
  const connection = await client.connect(addressOf(server), WITHIN);
  return { server, client, connection };
}

/** The same with methods of any kind. */
export function pairWith(
  methods: Methods,
  options: { server?: Partial<ListenOptions>; client?: Partial<ListenOptions> } = {},
): Promise<Pair> {
  return pair({}, { ...options, server: { ...options.server, methods } });
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => {
      throw new Error('the promise was fulfilled');
    },
    (error: unknown) => error,
  );
}
