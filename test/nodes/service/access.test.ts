/** Which token opens what, to connections that are let in by it. */
import { describe, expect, it } from 'vitest';

import { Access, hashToken } from '../../../nodes/service/access.js';
import type { TokenHashes } from '../../../nodes/service/access.js';
import type { RpcConnection } from '../../../transport/rpc/rpc.js';

type Right = 'client' | 'rollouts' | 'operator' | 'join' | 'member';

const HASHES: TokenHashes = {
  client: hashToken('afc_1'),
  join: hashToken('afj_1'),
  operator: hashToken('afo_1'),
};
/** Of a swarm that a release before created. */
const FORMER: TokenHashes = { ...HASHES, operator: '' };
const MEMBER = 'member';

function connectionOf(peerId = 'stranger'): RpcConnection {
  return { peerId } as RpcConnection;
}

/** What a connection may do that showed this token, or what refused it. */
function rightsOf(hashes: TokenHashes, token: string | null, peerId?: string): Right[] {
  const access = new Access(
    (peer) => peer === MEMBER,
    () => hashes,
  );
  const connection = connectionOf(peerId);
  try {
    access.admit(connection, token);
  } catch {
    // It goes on without having been admitted.
  }
  const checks: Record<Right, () => void> = {
    client: () => access.requireClient(connection),
    rollouts: () => access.requireRolloutOperator(connection),
    operator: () => access.requireOperator(connection),
    join: () => access.requireJoinToken(token ?? ''),
    member: () => access.requireMember(connection),
  };
  return (Object.keys(checks) as Right[]).filter((right) => {
    try {
      if (right === 'rollouts') checks.client();
      checks[right]();
      return true;
    } catch (error) {
      expect(error).toMatchObject({ code: 'permission-denied' });
      return false;
    }
  });
}

const TABLE: readonly [string, TokenHashes, string | null, string | undefined, Right[]][] = [
  ['a client token', HASHES, 'afc_1', undefined, ['client']],
  ['a join token', HASHES, 'afj_1', undefined, ['client', 'join']],
  ['an operator token', HASHES, 'afo_1', undefined, ['client', 'rollouts', 'operator']],
  ['no token', HASHES, null, undefined, []],
  ['an empty token', HASHES, '', undefined, []],
  ['an empty token of a former swarm', FORMER, '', undefined, []],
  ['another token', HASHES, 'afo_2', undefined, []],
  ['a member without one', HASHES, null, MEMBER, ['client', 'rollouts', 'operator', 'member']],
  ['a client token of a former swarm', FORMER, 'afc_1', undefined, ['client', 'rollouts']],
  [
    'a join token of a former swarm',
    FORMER,
    'afj_1',
    undefined,
    ['client', 'rollouts', 'operator', 'join'],
  ],
  ['an operator token in a former swarm', FORMER, 'afo_1', undefined, []],
];

describe('rights', () => {
  it.each(TABLE)('of %s', (_name, hashes, token, peerId, rights) => {
    expect(rightsOf(hashes, token, peerId)).toEqual(rights);
  });

  it('of an operator end when its token is rotated, in a connection that is open', () => {
    let hashes = HASHES;
    const access = new Access(
      () => false,
      () => hashes,
    );
    const operator = connectionOf();
    access.admit(operator, 'afo_1');
    access.requireOperator(operator);
    hashes = { ...HASHES, operator: hashToken('afo_2') };
    expect(() => access.requireOperator(operator)).toThrow(/this wants the operator token/);
    // What it reads and writes ends with its connection, as for every client.
    access.requireClient(operator);
  });

  it('of the join token over a former swarm end with its first operator token', () => {
    let hashes = FORMER;
    const access = new Access(
      () => false,
      () => hashes,
    );
    const [client, join] = [connectionOf(), connectionOf()];
    access.admit(client, 'afc_1');
    access.admit(join, 'afj_1');
    access.requireOperator(join);
    access.requireRolloutOperator(client);
    expect(() => access.requireOperator(client)).toThrow(/the join token, as there is no operator/);
    hashes = HASHES;
    expect(() => access.requireOperator(join)).toThrow(/join token admits nodes/);
    expect(() => access.requireRolloutOperator(client)).toThrow(/client token opens memories/);
  });
});
