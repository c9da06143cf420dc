import { createHash } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { verifyApproval } from '../../../nodes/approval/certificate.js';
import { encodeValue } from '../../../nodes/approval/value.js';
import { publicKeyOf } from '../../../nodes/bft/index.js';
import { NodeError } from '../../../nodes/errors.js';
import { type Parts, SWARM, certificateOf, fixedIdentities, valueOf } from './approving.js';

const all = fixedIdentities(5);
const members = all.slice(0, 4);
const stranger = all[4]!;
const value = valueOf(4);
const other = valueOf(4, { soakMs: 5_000 });
const expected = {
  swarmId: SWARM,
  after: 0,
  members: members.map(({ peerId }) => peerId),
  digest: value.digest,
};

const verify = (parts: Partial<Parts>) =>
  verifyApproval(certificateOf({ members, value, ...parts }), expected);

describe('a certificate', () => {
  it('of three of four members proves what they voted for', () => {
    for (const voters of [members, members.slice(1), members.toSpliced(1, 1)]) {
      const { value: found, approvers } = verify({ voters });
      expect(found).toEqual(value);
      expect(approvers.toSorted()).toEqual(voters.map(({ peerId }) => peerId).toSorted());
    }
  });

  it('may repeat the command, and say nothing else', () => {
    const data = encodeValue(value);
    expect(verify({ datas: [data, data] }).value.digest).toBe(value.digest);
  });

  it('has the bytes that it always had', () => {
    const bytes = certificateOf({ members, value, voters: members.slice(0, 3) });
    const digest = createHash('sha256').update(bytes).digest('hex');
    expect(Buffer.from(bytes).toString('hex', 0, 8)).toBe('940194d934677232');
    expect(digest).toBe('b7f05f283a2f6517fb3408412334fd81e39106c6593a1a1a0c2d64bf3b14f9f5');
  });

  const [first, second] = members as [(typeof members)[0], (typeof members)[0]];
  const FORGED: Record<string, [Partial<Parts>, RegExp]> = {
    'of two of four': [{ voters: members.slice(0, 2) }, /two thirds/],
    'in which one member counts twice': [{ voters: [first, first, second] }, /two thirds/],
    'with a vote of somebody else': [{ voters: [first, second, stranger] }, /two thirds/],
    'signed by one in the name of the others': [{ signer: () => first }, /signature/],
    'of prevotes': [{ type: 'prevote' }, /two thirds/],
    'of another plan': [{ value: other }, /what was approved is the plan/],
    'for the rollout after another one': [{ value: { ...value, after: 7 } }, /after 7/],
    'of another swarm': [{ value: { ...value, swarmId: 'other' } }, /swarm other/],
    'whose votes are of another chain': [{ chainAfter: 3 }, /signature/],
    'whose votes are of another swarm': [{ chainSwarm: 'other' }, /signature/],
    'with a value that nobody voted for': [{ valueId: 'ab'.repeat(32) }, /another value/],
    'of two plans at once': [{ datas: [encodeValue(value), encodeValue(other)] }, /several/],
    'of no plan': [{ datas: [] }, /nothing/],
    'proposed out of turn': [{ proposer: outOfTurn() }, /two thirds/],
    'without the keys': [{ keys: [] }, /signature/],
    'with the keys of somebody else': [{ keys: [publicKeyOf(stranger)] }, /signature/],
    'of more members': [
      { members: all, value: valueOf(5), voters: all },
      /not those that this node was told to trust \(\+/,
    ],
    'of fewer members': [{ members: members.slice(0, 3), value: valueOf(3) }, /\(-/],
    'that names a member twice': [{ told: [...expected.members, first.peerId] }, /not those/],
  };

  it.each(Object.keys(FORGED))('%s proves nothing', (name) => {
    const [parts, why] = FORGED[name]!;
    expect(() => verify(parts)).toThrow(why);
    expect(() => verify(parts)).toThrow(NodeError);
  });

  it('proves nothing where the members are too few to do without one', () => {
    const three = members.slice(0, 3);
    const trusted = { ...expected, members: three.map(({ peerId }) => peerId), digest: null };
    const bytes = certificateOf({ members: three, value: valueOf(3) });
    expect(() => verifyApproval(bytes, trusted)).toThrow(/too few/);
  });

  it('is refused with a reason wherever it is cut or changed', () => {
    const bytes = certificateOf({ members, value });
    for (let at = 0; at < bytes.length; at += 1) {
      expect(() => verifyApproval(bytes.subarray(0, at), expected), `cut at ${at}`).toThrow(
        NodeError,
      );
    }
    for (let at = 0; at < bytes.length; at += 3) {
      const changed = bytes.slice();
      changed[at]! ^= 1 << (at % 8);
      const proves = attempt(changed);
      // A name that is no part of what is signed may be another spelling; the plan may not.
      expect(proves === null || proves === value.digest, `changed at ${at}`).toBe(true);
    }
    expect(() => verifyApproval(new Uint8Array(600_000), expected)).toThrow(/600000 bytes/);
  });
});

function attempt(bytes: Uint8Array): string | null {
  try {
    return verifyApproval(bytes, expected).value.digest;
  } catch (error) {
    if (error instanceof NodeError) return null;
    throw error;
  }
}

/** A member whose turn it is not in the first round. */
function outOfTurn(): string {
  const ids = members.map(({ peerId }) => peerId).toSorted();
  return ids[0]!;
}
