import { isIPv6 } from 'node:net';
import { join } from 'node:path';

import type { Identity } from '../transport/identity/index.js';
import { setTimeout as sleep } from 'node:timers/promises';

import { listenRpc } from '../transport/rpc/index.js';
import type { ListenOptions } from '../transport/rpc/index.js';
import { RpcError } from '../transport/rpc/rpc.js';
import type { PeerEndpoint } from '../transport/rpc/rpc.js';
import { DiskSessionStore, TicketKeys } from '../transport/tickets/index.js';
import type { DataPaths } from './data-directory.js';
import { messageOf } from './errors.js';
import { CONNECTION_SETTINGS, PORT_RETRY_MS } from './limits.js';

/**
 * How a node speaks to its peers, whoever it is. Ticket keys and sessions lie in its data directory,
 * so that handshakes are shorter when it comes back. The caller must hold the lock of the directory:
 * processes with the same keys do not share the register against replays.
 * Throws `TicketError` when the ticket keys there cannot be used.
 */
export function listenOptions(
  paths: DataPaths,
  identity: Identity,
  log: (line: string) => void,
): Omit<ListenOptions, 'host' | 'port'> {
  const onProblem = (error: Error): void => log(`handshakes take longer: ${error.message}`);
  return {
    identity,
    settings: CONNECTION_SETTINGS,
    tickets: new TicketKeys({ path: join(paths.root, 'ticket-keys'), onProblem }),
    sessions: new DiskSessionStore({
      directory: join(paths.root, 'sessions'),
      privateKeyPem: identity.privateKeyPem,
      onProblem,
    }),
    onHandlerError: (method, peerId, error) =>
      log(`${method} of ${peerId} failed: ${messageOf(error)}`),
    onRefusal: ({ remoteHost, remotePort, reason }) =>
      log(`refused ${remoteHost}:${remotePort}: ${reason}`),
  };
}

/**
 * Opens the endpoint of a node. With `portWaitMs` above 0 the process before this one may hold the
 * port for so long still.
 */
export async function listen(options: ListenOptions, portWaitMs: number): Promise<PeerEndpoint> {
  const deadlineMs = performance.now() + portWaitMs;
  for (;;) {
    try {
      return await listenRpc(options);
    } catch (error) {
      const isTaken = error instanceof RpcError && error.reason === 'address-in-use';
      if (!isTaken || performance.now() >= deadlineMs) throw error;
      await sleep(PORT_RETRY_MS);
    }
  }
}

/** All addresses of this machine, of the family of an address. */
export function wildcard(host: string): string {
  return isIPv6(host) ? '::' : '0.0.0.0';
}
