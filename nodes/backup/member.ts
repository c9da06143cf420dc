/** A connection of an operator to one member, for calls that have to go to the same one. */

import { createIdentity } from '../../transport/identity/index.js';
import type { Identity } from '../../transport/identity/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import type { PeerAddress, RpcConnection, RpcEndpoint } from '../../transport/rpc/rpc.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { wildcard } from '../listening.js';
import { NodeError, messageOf } from '../errors.js';
import { READ_URGENCY } from '../snapshots/limits.js';
import type { SourceCall } from '../snapshots/sources.js';

export interface MemberTarget {
  /** Tried in this order; the first that lets the caller in is asked. */
  readonly seeds: readonly PeerAddress[];
  /** The operator token; null for a member, which is known by its identity. */
  readonly token: string | null;
  readonly identity?: Identity;
}

export interface MemberConnection {
  readonly peer: PeerAddress;
  readonly call: SourceCall;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** Snapshots are read by members under one name and by operators under another. */
const METHODS: Readonly<Record<string, string>> = {
  'raft.snapshotPrepare': 'swarm.backupPrepare',
  'raft.snapshotRead': 'swarm.backupRead',
};

/** Throws `refused`, with what each member said, when none lets the caller in. */
export async function connectToMember(target: MemberTarget): Promise<MemberConnection> {
  const identity = target.identity ?? createIdentity();
  const host = wildcard(target.seeds[0]?.host ?? '');
  const endpoint = await listenRpc({ identity, host, port: 0, handlers: {} });
  const failures: string[] = [];
  for (const peer of target.seeds) {
    try {
      const connection = await enter(endpoint, peer, target.token);
      return {
        peer,
        call: (_nodeId, method, payload, options) =>
          connection.call(METHODS[method] ?? method, payload, {
            ...options,
            urgency: READ_URGENCY,
          }),
        close: () => endpoint.close(0),
      };
    } catch (error) {
      failures.push(`${peer.host}:${peer.port}: ${messageOf(error)}`);
      const isFinal = error instanceof RpcError && error.code === 'permission-denied';
      if (isFinal) break;
    }
  }
  await endpoint.close(0);
  throw new NodeError('refused', `no member answers as it should. ${failures.join('; ')}`);
}

async function enter(
  endpoint: RpcEndpoint,
  peer: PeerAddress,
  token: string | null,
): Promise<RpcConnection> {
  const timeout = { timeoutMs: CONNECT_TIMEOUT_MS };
  const connection = await endpoint.connect(peer, timeout);
  await connection.call('client.hello', { protocol: 1, token }, timeout);
  return connection;
}
