/**
 * Who may call what. Members are known by their proven identity; everybody else shows a token:
 *
 *   token      what it opens
 *   client     memories, and looking at the swarm
 *   operator   that, and what steers the swarm: rollouts, members, tokens, backups
 *   join       that a node is admitted; as a client it may do what a client may
 *
 * A swarm of a release before has no operator token until `swarm rotate-token operator`: until then its
 * join token counts as one, and its client token steers rollouts, as they did.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

import { RpcError } from '../../transport/rpc/rpc.js';
import type { RpcConnection } from '../../transport/rpc/rpc.js';

/** SHA-256, hexadecimal: what the replicated state holds of a secret. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** What the replicated state holds of the tokens. */
export interface TokenHashes {
  readonly client: string;
  readonly join: string;
  /** Empty in a swarm that has no operator token yet. */
  readonly operator: string;
}

/** Who speaks, as the transport has proven it: a connection of calls, or the session of a page. */
export type Speaker = Pick<RpcConnection, 'peerId'>;

export class Access {
  readonly #isMember: (peerId: string) => boolean;
  readonly #tokenHashes: () => TokenHashes;
  /** The hash of the token that let it in. */
  readonly #admitted = new WeakMap<Speaker, string>();

  constructor(isMember: (peerId: string) => boolean, tokenHashes: () => TokenHashes) {
    this.#isMember = isMember;
    this.#tokenHashes = tokenHashes;
  }

  /** Lets a connection in as a client, or refuses it. */
  admit(connection: Speaker, token: string | null): void {
    if (this.#isMember(connection.peerId)) return;
    const { client, operator, join } = this.#tokenHashes();
    const hash = [client, operator, join].find((one) => token !== null && matches(token, one));
    if (hash !== undefined) {
      this.#admitted.set(connection, hash);
      return;
    }
    throw new RpcError(
      'permission-denied',
      token === null
        ? 'this swarm wants a token: give --token, or --data of a node on this machine'
        : 'wrong token: it is not one of this swarm',
    );
  }

  /**
   * Whether a connection may change what others may do: by the operator token, or as a member. Looked at
   * again for each call: a token that was rotated steers nothing from then on.
   */
  isOperator(connection: Speaker): boolean {
    if (this.#isMember(connection.peerId)) return true;
    const { operator, join } = this.#tokenHashes();
    const hash = this.#admitted.get(connection);
    return hash !== undefined && hash === (operator === '' ? join : operator);
  }

  /** For what changes members, tokens and rollouts, and for backups, which hold everything. */
  requireOperator(connection: Speaker): void {
    if (this.isOperator(connection)) return;
    const { operator } = this.#tokenHashes();
    const instead = operator === '' ? ' (the join token, as there is no operator token yet)' : '';
    throw new RpcError(
      'permission-denied',
      `this wants the operator token${instead}, and another token was ` +
        'given: the client token opens memories, the join token admits nodes. Give --token ' +
        'OPERATOR_TOKEN, or --data of a node on this machine',
    );
  }

  /** For rollouts, which the client token of a swarm without operator token steers as before. */
  requireRolloutOperator(connection: Speaker): void {
    if (this.#tokenHashes().operator !== '') this.requireOperator(connection);
  }

  requireJoinToken(token: string): void {
    if (matches(token, this.#tokenHashes().join)) return;
    throw new RpcError('permission-denied', 'wrong token: it is not the join token of this swarm');
  }

  requireMember(connection: Speaker): void {
    if (this.#isMember(connection.peerId)) return;
    throw new RpcError('permission-denied', `peer ${connection.peerId} is no member of this swarm`);
  }

  requireClient(connection: Speaker): void {
    if (this.#admitted.has(connection) || this.#isMember(connection.peerId)) return;
    throw new RpcError('permission-denied', 'say client.hello with a token of this swarm first');
  }
}

function matches(token: string, hash: string): boolean {
  if (hash.length === 0) return false;
  return timingSafeEqual(Buffer.from(hashToken(token), 'hex'), Buffer.from(hash, 'hex'));
}
