/** Who may call what: members by their proven identity, clients by the token of the swarm. */
import { createHash, timingSafeEqual } from 'node:crypto';

import { RpcError } from '../../transport/rpc/rpc.js';
import type { RpcConnection } from '../../transport/rpc/rpc.js';

/** SHA-256, hexadecimal: what the replicated state holds of a secret. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export class Access {
  readonly #isMember: (peerId: string) => boolean;
  readonly #tokenHashes: () => { client: string; join: string };
  readonly #clients = new WeakSet<RpcConnection>();
  readonly #operators = new WeakSet<RpcConnection>();

  constructor(
    isMember: (peerId: string) => boolean,
    tokenHashes: () => { client: string; join: string },
  ) {
    this.#isMember = isMember;
    this.#tokenHashes = tokenHashes;
  }

  /** Lets a connection in as a client, or refuses it. A join token opens everything. */
  admit(connection: RpcConnection, token: string | null): void {
    if (this.#isMember(connection.peerId)) return;
    const { client, join } = this.#tokenHashes();
    if (token !== null && (matches(token, client) || matches(token, join))) {
      this.#clients.add(connection);
      if (matches(token, join)) this.#operators.add(connection);
      return;
    }
    throw new RpcError(
      'permission-denied',
      token === null
        ? 'this swarm wants a token: give --token, or --data of a node on this machine'
        : 'wrong token: it is not one of this swarm',
    );
  }

  /** Whether a connection may change what others may do: by the join token, or as a member. */
  isOperator(connection: RpcConnection): boolean {
    return this.#operators.has(connection) || this.#isMember(connection.peerId);
  }

  /** Changes of membership want more than the client token. */
  requireOperator(connection: RpcConnection): void {
    if (this.isOperator(connection)) return;
    throw new RpcError(
      'permission-denied',
      'the client token does not allow this: use the join token, or --data of a node',
    );
  }

  requireJoinToken(token: string): void {
    if (matches(token, this.#tokenHashes().join)) return;
    throw new RpcError('permission-denied', 'wrong token: it is not the join token of this swarm');
  }

  requireMember(connection: RpcConnection): void {
    if (this.#isMember(connection.peerId)) return;
    throw new RpcError('permission-denied', `peer ${connection.peerId} is no member of this swarm`);
  }

  requireClient(connection: RpcConnection): void {
    if (this.#clients.has(connection) || this.#isMember(connection.peerId)) return;
    throw new RpcError('permission-denied', 'say client.hello with a token of this swarm first');
  }
}

function matches(token: string, hash: string): boolean {
  if (hash.length === 0) return false;
  return timingSafeEqual(Buffer.from(hashToken(token), 'hex'), Buffer.from(hash, 'hex'));
}
