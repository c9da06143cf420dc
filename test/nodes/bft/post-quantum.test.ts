/** Signatures of ML-DSA-65 under checkpoints, and where their secret is kept. */
import { createHash, createPrivateKey } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BftError } from '../../../consensus/bft/index.js';
import { checkOptions } from '../../../nodes/bft/check-options.js';
import {
  type Checkpoint,
  digestOf,
  encodeCheckpoint,
  encodeSets,
  encodeVote,
  isPostQuantum,
  readCheckpoint,
  readVote,
  sha256,
  signCheckpoint,
  signPostQuantum,
  whyUnproven,
} from '../../../nodes/bft/checkpoint.js';
import { openCheckpointing } from '../../../nodes/bft/checkpointing.js';
import { readGenesis } from '../../../nodes/bft/genesis.js';
import { LightClient, openPostQuantumKey } from '../../../nodes/bft/index.js';
import { type PostQuantumKey, postQuantumKeyOf } from '../../../nodes/bft/post-quantum.js';
import { ChainSets } from '../../../nodes/bft/sets.js';
import { Signers } from './signers.js';

const directory = mkdtempSync(join(tmpdir(), 'bft-post-quantum-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const signers = new Signers([1, 2, 3, 4], 'post-quantum');
const keys = signers.identities.map((_, at) => postQuantumKeyOf(new Uint8Array(32).fill(at)));
/** The last one has no such key. */
const genesis = {
  ...signers.genesis,
  checkpointsEvery: 2,
  validators: signers.genesis.validators.map((each, at) => {
    return at === 3 ? each : { ...each, postQuantumKey: keys[at]!.publicKey };
  }),
};
const chain = readGenesis(genesis);
const idOf = (at: number): string => signers.identities[at]!.peerId;

function checkpointBy(
  who: readonly number[],
  also: readonly (readonly [number, PostQuantumKey])[],
) {
  const sets = new ChainSets(chain);
  sets.decide([]);
  const checkpoint: Checkpoint = {
    height: 1,
    history: new Uint8Array(32),
    snapshotBytes: 5,
    chunks: sha256(Buffer.from('chunk')),
    validators: encodeSets(sets.state),
    signatures: new Map(),
    postQuantum: new Map(),
  };
  const digest = digestOf(checkpoint);
  const signatures = who.map((at) => {
    const key = createPrivateKey(signers.identities[at]!.privateKeyPem);
    return [idOf(at), signCheckpoint(chain.digest, digest, key)] as const;
  });
  const postQuantum = also.map(([at, key]) => {
    return [idOf(at), signPostQuantum(chain.digest, digest, key)] as const;
  });
  return { ...checkpoint, signatures: new Map(signatures), postQuantum: new Map(postQuantum) };
}

const by = (...who: readonly number[]) => who.map((at) => [at, keys[at]!] as const);
const why = (checkpoint: Checkpoint, demandsPostQuantum: boolean) =>
  whyUnproven(readCheckpoint(encodeCheckpoint(checkpoint)), {
    chain,
    sets: new ChainSets(chain),
    digest: null,
    demandsPostQuantum,
  });

describe('a key pair of ML-DSA-65', () => {
  it('is that of its seed in the vectors of NIST (ACVP, ML-DSA-keyGen-FIPS204, case 26)', () => {
    const seed = '8AB6448BF58F897D528A8DE9F8E59329AC929A9CDE7EDF3E27E01BC9EF128A67';
    const { publicKey } = postQuantumKeyOf(Buffer.from(seed, 'hex'));
    const hex = Buffer.from(publicKey).toString('hex').toUpperCase();
    expect(hex.length).toBe(2 * 1952);
    expect(hex.slice(0, 128)).toBe(
      '49DE190622B0681761A9DB044015BF812760429001FDFF5FC897166546277E84' +
        '65C0C57E49AACD3C15E7DC0D60ED78C28E4EE9A661C2288FC2124284F816C015',
    );
    const end =
      '18D681D65184660B8BA220942C3A5C83E27A9675C4FC395B29744763675BBABEBDCE1B816769D66F9BC72D' +
      'E319E1EC39E8F979E49B61C';
    expect(hex.slice(-end.length)).toBe(end);
  });

  it('comes back from its file, which its owner alone may read', async () => {
    const path = join(directory, 'key');
    const made = await openPostQuantumKey(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = await openPostQuantumKey(path);
    expect(again.publicKey).toEqual(made.publicKey);
    const bytes = readFileSync(path);
    expect([bytes.length, bytes.subarray(0, 8).toString()]).toEqual([44, 'AFBFTpq\u0001']);
    expect((await openPostQuantumKey(join(directory, 'other'))).publicKey).not.toEqual(
      made.publicKey,
    );
    chmodSync(path, 0o640);
    await expect(openPostQuantumKey(path)).rejects.toMatchObject({ code: 'bad-option' });
    chmodSync(path, 0o600);
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 2;
      writeFileSync(path, changed);
      const code = at === 7 ? 'newer-version' : 'damaged';
      await expect(openPostQuantumKey(path), `byte ${at}`).rejects.toMatchObject({ code });
    }
    for (const wrong of [bytes.subarray(0, 43), Buffer.concat([bytes, Buffer.from([0])])]) {
      writeFileSync(path, wrong);
      await expect(openPostQuantumKey(path)).rejects.toMatchObject({ code: 'damaged' });
    }
    writeFileSync(path, bytes);
    expect((await openPostQuantumKey(path)).publicKey).toEqual(made.publicKey);
  });

  it('is the one that the genesis names, or nothing is opened', () => {
    const snapshots = { take: () => [], restore: () => {} };
    const options = (at: number, postQuantum?: PostQuantumKey) => ({
      directory,
      identity: signers.identities[at]!,
      genesis,
      apply: () => {},
      snapshots,
      ...(postQuantum === undefined ? {} : { postQuantum }),
    });
    checkOptions(options(0, keys[0]), chain);
    checkOptions(options(3), chain);
    for (const wrong of [options(0), options(0, keys[1]), options(3, keys[3])]) {
      expect(() => checkOptions(wrong, chain)).toThrow(/option postQuantum/);
    }
    const short = genesis.validators.map((each) => ({ ...each, postQuantumKey: Buffer.alloc(9) }));
    expect(() => readGenesis({ ...genesis, validators: short })).toThrow(/1952 bytes/);
    // Such keys are no part of what makes a chain.
    expect(chain.digest).toEqual(signers.chain.digest);
  });
});

describe('a checkpoint with signatures of ML-DSA-65', () => {
  it('says so, and somebody may demand it', () => {
    const full = checkpointBy([0, 1, 2], by(0, 1, 2));
    expect([why(full, false), why(full, true)]).toEqual([null, null]);
    expect(isPostQuantum(full)).toBe(true);
    const few = checkpointBy([0, 1, 2], by(0, 1));
    expect(why(few, false)).toBeNull();
    expect(isPostQuantum(few)).toBe(false);
    expect(why(few, true)).toMatchObject({ isFault: false });
    const plain = checkpointBy([0, 1, 2, 3], []);
    expect(why(plain, false)).toBeNull();
    expect(why(plain, true)).toMatchObject({ isFault: false });
    const client = new LightClient(genesis);
    const demanding = { demandPostQuantum: true };
    expect(() => client.leap(encodeCheckpoint(few), demanding)).toThrow(/ML-DSA-65/);
    client.leap(encodeCheckpoint(full), demanding);
    expect(client.height).toBe(1);
  });

  it('is not believed with a wrong one, demanded or not', () => {
    const wrong = [
      // By another key, by one without a key, by one that did not sign with Ed25519.
      checkpointBy([0, 1, 2], [...by(0, 1), [2, keys[0]!]]),
      checkpointBy([0, 1, 2, 3], by(0, 1, 2, 3)),
      checkpointBy([0, 1, 3], by(0, 1, 2)),
    ];
    for (const each of wrong) {
      expect(why(each, false)).toMatchObject({ isFault: true });
      expect(why(each, true)).toMatchObject({ isFault: true });
    }
    const full = checkpointBy([0, 1, 2], by(0, 1, 2));
    expect(why({ ...full, history: new Uint8Array(32).fill(1) }, false)).not.toBeNull();
    const bytes = encodeCheckpoint(full);
    for (let at = bytes.length - 3 * 3309; at < bytes.length; at += 997) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      let found: unknown = 'unreadable';
      try {
        found = why(readCheckpoint(changed), false);
      } catch (error) {
        expect(error).toBeInstanceOf(BftError);
      }
      expect(found, `byte ${at}`).not.toBeNull();
    }
  });

  it('has the same bytes as ever, in version 2, and in no other form', () => {
    const filled = new Map([['somebody', Buffer.alloc(3309, 7)]]);
    const checkpoint = { ...checkpointBy([], []), validators: Buffer.from([0, 0]) };
    const made = { ...checkpoint, postQuantum: filled };
    const bytes = encodeCheckpoint(made);
    expect(bytes[0]).toBe(2);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(
      '0c9cac9ce358dc811f36c9cc7f935c6da13ee551e558f146ad6f9de13ff36a39',
    );
    expect(encodeCheckpoint(readCheckpoint(bytes))).toEqual(bytes);
    for (const at of [0, 1, 40, bytes.length - 1]) {
      expect(() => readCheckpoint(bytes.slice(0, at))).toThrow(BftError);
    }
    const plain = Buffer.from(encodeCheckpoint(checkpoint));
    expect(plain[0]).toBe(1);
    const empty = Buffer.concat([Buffer.from([2]), plain.subarray(1), Buffer.from([0])]);
    expect(() => readCheckpoint(empty)).toThrow(/need not have/);
    const vote = encodeVote({
      height: 300,
      digest: Buffer.alloc(32, 1),
      signature: Buffer.alloc(64, 2),
      postQuantum: Buffer.alloc(3309, 3),
    });
    expect(Buffer.from(vote.slice(0, 5)).toString('hex')).toBe('02ac020101');
    expect(vote.length).toBe(1 + 2 + 32 + 64 + 3309);
    expect(encodeVote(readVote(vote))).toEqual(vote);
    expect(() => readVote(vote.slice(0, -1))).toThrow(BftError);
  });

  it('takes votes whose both signatures are right', () => {
    const sets = new ChainSets(chain);
    const ports = { chain, sets, store: { checkpoints: { last: null, pending: null } } };
    const checkpointing = openCheckpointing(
      {
        identity: signers.identities[3]!,
        snapshots: { take: () => [], restore: () => {} },
      },
      { ...ports, guard: {}, peers: {}, log: () => {}, onFailed: () => {} } as never,
    )!;
    const { signatures, postQuantum } = checkpointBy([0, 1, 3], by(0, 1));
    const digest = digestOf(checkpointBy([], []));
    const vote = (at: number, also: number | null) => ({
      height: 1,
      digest,
      signature: signatures.get(idOf(at))!,
      postQuantum: also === null ? null : postQuantum.get(idOf(also))!,
    });
    expect(checkpointing.take(vote(0, 0), idOf(0))).toBe(true);
    expect(checkpointing.take(vote(1, null), idOf(1))).toBe(true);
    expect(checkpointing.take(vote(0, 1), idOf(0))).toBe(false);
    expect(checkpointing.take(vote(3, 1), idOf(3))).toBe(false);
    expect(checkpointing.take(vote(0, 0), idOf(1))).toBe(false);
  });
});
