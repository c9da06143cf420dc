import { createPrivateKey, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type Evidence,
  type SignedVote,
  type VoteType,
  type WireMessage,
  encodeMessages,
  signedBytes,
} from '../../../consensus/bft/index.js';
import { encodeBatch, makeCommand } from '../../../nodes/bft/batch.js';
import { SignatureChecker } from '../../../nodes/bft/checking.js';
import { readGenesis } from '../../../nodes/bft/genesis.js';
import { type CheckpointVote, encodeVote } from '../../../nodes/bft/checkpoint.js';
import {
  CHECKPOINT,
  COMMANDS,
  HELD,
  Inbox,
  MESSAGES,
  WAITING,
  WITNESSED,
} from '../../../nodes/bft/inbox.js';
import { CHECKS_BURST, FAULTS_MAX } from '../../../nodes/bft/limits.js';
import { publicKeyOf } from '../../../nodes/bft/index.js';
import { PeerGuard } from '../../../nodes/bft/peer-guard.js';
import { type Amnesia, Witness } from '../../../nodes/bft/witness.js';
import { ChainSets } from '../../../nodes/bft/sets.js';
import { createIdentity } from '../../../transport/identity/index.js';

const identity = createIdentity();
const chain = readGenesis({
  chainId: 'inbox',
  validators: [
    { publicKey: publicKeyOf(identity), weight: 1, address: { host: '127.0.0.1', port: 1 } },
  ],
});

function signedVote(
  value: string | null,
  height = 1,
  { type = 'prevote', round = 0 }: { type?: VoteType; round?: number } = {},
): SignedVote {
  const vote = { type, from: identity.peerId, height, round, value };
  const bytes = signedBytes(chain.digest, { type: 'vote', vote });
  return { ...vote, signature: sign(null, bytes, createPrivateKey(identity.privateKeyPem)) };
}

function payload(kind: number, messages: readonly WireMessage[]): Uint8Array {
  return Buffer.concat([Buffer.from([kind]), encodeMessages(messages)]);
}

function inbox(
  isValidatorOf?: (height: number) => boolean,
  takeOfParts?: (kind: number) => void,
  takeCheckpoint?: (vote: CheckpointVote, from: string) => boolean,
) {
  const taken: WireMessage[] = [];
  const cut: string[] = [];
  const ahead: number[] = [];
  const evidence: Evidence[] = [];
  const amnesia: Amnesia[] = [];
  const sets = new ChainSets(chain);
  const guard = new PeerGuard((peer) => cut.push(peer));
  const checker = new SignatureChecker(chain.digest, chain.keys);
  const made = new Inbox(guard, checker, new Witness(), {
    decided: () => 0,
    isValidatorOf: (height, id) => isValidatorOf?.(height) ?? sets.at(height).has(id),
    canAccuse: (id, height) => sets.canAccuse(id, height),
    take: (message) => taken.push(message),
    takeCommands: () => {},
    ...(takeOfParts && { takeOfParts: (_: string, kind: number) => takeOfParts(kind) }),
    onEvidence: (each) => evidence.push(each),
    onAmnesia: (each) => void amnesia.push(each),
    takeCheckpoint,
    onBehind: () => {},
    onAhead: (_, decided) => ahead.push(decided),
  });
  return { made, guard, taken, cut, ahead, evidence, amnesia };
}

describe('what comes from a peer', () => {
  it('is taken when it is signed, and a peer that forges is cut off', () => {
    const { made, guard, taken, cut } = inbox();
    const vote = signedVote('v');
    made.receive('peer', payload(MESSAGES, [{ type: 'vote', vote }]));
    expect(taken).toHaveLength(1);
    const forged = { type: 'vote', vote: { ...vote, value: 'w' } } as const;
    for (let at = 0; at < FAULTS_MAX; at += 1) made.receive('peer', payload(MESSAGES, [forged]));
    expect(taken).toHaveLength(1);
    expect(cut).toEqual(['peer']);
    made.receive('peer', payload(MESSAGES, [{ type: 'vote', vote }]));
    expect(taken).toHaveLength(1);
    const counts = guard.counts(performance.now()).get('peer')!;
    expect(counts.faults['bad-signature']).toBe(FAULTS_MAX);
    expect(counts.isCutOff).toBe(true);
    made.receive('other', payload(MESSAGES, [{ type: 'vote', vote }]));
    expect(taken).toHaveLength(2);
  });

  it.each([[new Uint8Array()], ['text'], [null], [new Uint8Array([1, 9])], [new Uint8Array([9])]])(
    'is counted as garbage if it is none: %s',
    (garbage) => {
      const { made, guard, taken } = inbox();
      made.receive('peer', garbage);
      expect(guard.counts(0).get('peer')?.faults.garbage).toBe(1);
      expect(taken).toEqual([]);
    },
  );

  it('about parts is taken where there are any, and garbage else', () => {
    const told: number[] = [];
    const { made, guard } = inbox(undefined, (kind) => told.push(kind));
    for (const kind of [HELD, WAITING]) made.receive('peer', new Uint8Array([kind, 1]));
    expect(told).toEqual([HELD, WAITING]);
    expect(guard.counts(0).get('peer')?.faults.garbage).toBe(0);
    // Each costs a little: more at once than that is dropped.
    const count = 2 * CHECKS_BURST;
    for (let at = 0; at < count; at += 1) made.receive('peer', new Uint8Array([HELD, 1]));
    expect(told.length).toBeLessThan(count);
    expect(guard.counts(0).get('peer')?.dropped).toBeGreaterThan(0);
    const plain = inbox();
    for (const kind of [HELD, WAITING]) plain.made.receive('peer', new Uint8Array([kind, 1]));
    expect(plain.guard.counts(0).get('peer')?.faults.garbage).toBe(2);
  });

  it('of far heights is not kept, but noted', () => {
    const { made, taken, ahead } = inbox();
    made.receive('peer', payload(MESSAGES, [{ type: 'vote', vote: signedVote('v', 9) }]));
    expect(taken).toEqual([]);
    expect(ahead).toEqual([8]);
  });

  it('is a vote for a checkpoint where there are some, and signed by who sends it', () => {
    const vote = { height: 7, digest: Buffer.alloc(32, 1), signature: Buffer.alloc(64, 2) };
    const bytes = Buffer.concat([
      Buffer.from([CHECKPOINT]),
      encodeVote({ ...vote, postQuantum: null }),
    ]);
    const { made: without, guard: unaware } = inbox();
    without.receive('peer', bytes);
    expect(unaware.counts(0).get('peer')?.faults.garbage).toBe(1);
    const votes: unknown[] = [];
    const { made, guard } = inbox(undefined, undefined, (each, from) => {
      votes.push([from, each.height]);
      return from === 'peer';
    });
    made.receive('peer', bytes);
    expect(guard.counts(0).get('peer')?.faults['bad-signature']).toBe(0);
    made.receive('other', bytes);
    expect(guard.counts(0).get('other')?.faults['bad-signature']).toBe(1);
    made.receive('peer', bytes.subarray(0, 50));
    expect(guard.counts(0).get('peer')?.faults.garbage).toBe(1);
    expect(votes).toEqual([
      ['peer', 7],
      ['other', 7],
    ]);
  });

  it('is checked for so much and no more', () => {
    const guard = new PeerGuard(() => {});
    expect(guard.takeChecks('peer', CHECKS_BURST, 0)).toBe(true);
    expect(guard.takeChecks('peer', 1, 0)).toBe(false);
    expect(guard.counts(0).get('peer')?.dropped).toBe(1);
    expect(guard.takeChecks('peer', 1, 1_000)).toBe(true);
    expect(guard.takeChecks('other', 1, 0)).toBe(true);
  });

  it('counts in the time in which its signer is a validator, and no longer', () => {
    const { made, guard, taken } = inbox((of) => of === 1);
    made.receive('peer', payload(MESSAGES, [{ type: 'vote', vote: signedVote('v', 2) }]));
    expect(taken).toEqual([]);
    expect(guard.counts(0).get('peer')?.faults['bad-signature']).toBe(0);
    made.receive('peer', payload(MESSAGES, [{ type: 'vote', vote: signedVote('v', 1) }]));
    expect(taken).toHaveLength(1);
  });

  it('proves what a peer has found out, if it is a proof', () => {
    const { made, guard, evidence } = inbox();
    const [one, other] = [signedVote('v'), signedVote(null)];
    const tell = (...votes: readonly SignedVote[]): void => {
      const proof = encodeMessages(votes.map((vote) => ({ type: 'vote', vote })));
      const commands = encodeBatch([makeCommand(proof, 9, 'evidence')]);
      made.receive('peer', Buffer.concat([Buffer.from([COMMANDS]), commands]));
    };
    tell(one, other);
    expect(evidence.map(({ culprit }) => culprit)).toEqual([identity.peerId]);
    tell(one, { ...other, value: 'w' });
    tell(one, one);
    tell(signedVote('v', 2), signedVote(null, 2));
    expect(evidence).toHaveLength(1);
    const { faults } = guard.counts(0).get('peer')!;
    expect([faults['bad-signature'], faults.garbage]).toEqual([1, 1]);
  });

  it('shows an equivocation that another validator saw', () => {
    const { made, evidence } = inbox();
    made.receive('peer', payload(MESSAGES, [{ type: 'vote', vote: signedVote('v') }]));
    made.receive('peer', payload(WITNESSED, [{ type: 'vote', vote: signedVote('v') }]));
    expect(evidence).toEqual([]);
    made.receive('peer', payload(WITNESSED, [{ type: 'vote', vote: signedVote(null) }]));
    expect(evidence).toHaveLength(1);
    expect(evidence[0]!.culprit).toBe(identity.peerId);
    const forged = { ...signedVote(null), value: 'x' };
    made.receive('peer', payload(WITNESSED, [{ type: 'vote', vote: forged }]));
    expect(evidence).toHaveLength(1);
  });

  it.each([
    ['it told itself', MESSAGES],
    ['another validator saw', WITNESSED],
  ])('shows amnesia that %s', (_, kind) => {
    const { made, amnesia, guard } = inbox();
    const lock = signedVote('v', 1, { type: 'precommit' });
    made.receive('peer', payload(MESSAGES, [{ type: 'vote', vote: lock }]));
    const vote = signedVote('w', 1, { round: 1 });
    const forged = { ...vote, signature: lock.signature };
    made.receive('peer', payload(kind, [{ type: 'vote', vote: forged }]));
    expect(amnesia).toEqual([]);
    expect(guard.counts(0).get('peer')?.faults['bad-signature']).toBe(1);
    made.receive('peer', payload(kind, [{ type: 'vote', vote }]));
    expect(amnesia).toMatchObject([{ precommit: { value: 'v' }, prevote: { value: 'w' } }]);
  });
});
