/** What a checkpoint says, in which bytes, and who believes it. */
import { createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BftError } from '../../../consensus/bft/index.js';
import { encodeBatch, makeCommand } from '../../../nodes/bft/batch.js';
import { encodeChange } from '../../../nodes/bft/change.js';
import {
  type Checkpoint,
  digestOf,
  encodeCheckpoint,
  encodeSets,
  encodeVote,
  isSignedBy,
  isStable,
  nextHistory,
  readCheckpoint,
  readSets,
  readVote,
  sha256,
  signCheckpoint,
  whyUnproven,
} from '../../../nodes/bft/checkpoint.js';
import { readGenesis } from '../../../nodes/bft/genesis.js';
import { type Genesis, LightClient, publicKeyOf } from '../../../nodes/bft/index.js';
import { CHUNK_BYTES } from '../../../nodes/bft/limits.js';
import { ChainSets } from '../../../nodes/bft/sets.js';
import { createIdentity, identityFromPrivateKey } from '../../../transport/identity/index.js';
import { Signers } from './signers.js';

/** Four validators at first, and four that join. */
const signers = new Signers(
  [1, 2, 3, 4],
  'checkpoint',
  Array.from({ length: 8 }, () => createIdentity()),
);
const genesis: Genesis = { ...signers.genesis, changesFrom: 1, checkpointsEvery: 4 };
const chain = readGenesis(genesis);
const change = (at: number, weight: number) =>
  makeCommand(
    encodeChange({
      publicKey: publicKeyOf(signers.identities[at]!),
      weight,
      address: weight === 0 ? null : { host: `host-${at}`, port: 1_000 + at },
    }),
    1_000,
    'change',
  );

/** The validators of a chain that decided these changes, a height each. */
function setsAfter(...heights: readonly (readonly ReturnType<typeof change>[])[]): ChainSets {
  const sets = new ChainSets(chain);
  for (const commands of heights) sets.decide(commands);
  return sets;
}

/** The checkpoint behind what these sets have seen, signed by some. */
function checkpointOf(sets: ChainSets, who: readonly number[], of = chain): Checkpoint {
  const unsigned: Checkpoint = {
    height: sets.decided,
    history: nextHistory(new Uint8Array(32), 'v'),
    snapshotBytes: CHUNK_BYTES + 1,
    chunks: Buffer.concat([sha256(Buffer.from('a')), sha256(Buffer.from('b'))]),
    validators: encodeSets(sets.state),
    signatures: new Map(),
    postQuantum: new Map(),
  };
  return { ...unsigned, signatures: signaturesOf(unsigned, who, of.digest) };
}

function signaturesOf(checkpoint: Checkpoint, who: readonly number[], of: Uint8Array) {
  const digest = digestOf(checkpoint);
  return new Map(
    who.map((at) => {
      const { peerId, privateKeyPem } = signers.identities[at]!;
      return [peerId, signCheckpoint(of, digest, createPrivateKey(privateKeyPem))] as const;
    }),
  );
}

const trusting = (sets: ChainSets, digest: Uint8Array | null = null) => ({
  chain,
  sets,
  digest,
  demandsPostQuantum: false,
});

/** One after the other of those of the genesis goes, and of the others comes. */
function allChanged(): ChainSets {
  const heights: ReturnType<typeof change>[][] = [];
  for (let at = 0; at < 4; at += 1) heights.push([change(4 + at, 100)], [], [change(at, 0)], []);
  return setsAfter(...heights);
}

describe('bytes of a checkpoint', () => {
  const pem = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
`;
  const identity = identityFromPrivateKey(pem);
  const golden = readGenesis({
    chainId: 'golden',
    validators: [{ publicKey: publicKeyOf(identity), weight: 3, address: { host: 'a', port: 1 } }],
  });
  const sets = new ChainSets(golden);
  const unsigned: Checkpoint = {
    height: 0x1234,
    history: nextHistory(new Uint8Array(32), 'value'),
    snapshotBytes: 5,
    chunks: sha256(Buffer.from('chunk')),
    validators: encodeSets(sets.state),
    signatures: new Map(),
    postQuantum: new Map(),
  };
  const signature = signCheckpoint(golden.digest, digestOf(unsigned), createPrivateKey(pem));
  const checkpoint = { ...unsigned, signatures: new Map([[identity.peerId, signature]]) };

  it('stay as they are', () => {
    expect(Buffer.from(encodeSets(sets.state)).toString('hex')).toBe(
      '000103a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b803030100',
    );
    expect(Buffer.from(digestOf(checkpoint)).toString('hex')).toBe(
      '41374da41f78ce5302b448534e7bff348c4e303fe4b024d490d2fba12aeac849',
    );
    expect(Buffer.from(encodeCheckpoint(checkpoint)).toString('hex')).toBe(
      '01b424df97c47b8acbf86f3ac8c52d5ca2d2daff323726504bd023a7cac29b1ccfef52056c87f683' +
        '71b28954707ebb92afee7ccffb74c6f71ec8fea8a98cf6104289585b26000103a107bff3ce10be1d' +
        '70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b80303010001346b7a6476766a32756d6e64' +
        '757961756633356f33366b366b773436326d756a7672613436746e337571677a6f766d69686f6367' +
        '612f00ac97dfe104a3fd5e12034d53f2b9d98fb3b5aa7df92f72dae82b0358fde400f70415189010' +
        '755b532b1e13a719ebdcf5d08e110826be2fdbc48d11d53907',
    );
    const vote = { height: 0x1234, digest: digestOf(checkpoint), signature, postQuantum: null };
    expect(Buffer.from(encodeVote(vote)).toString('hex')).toBe(
      '01b42441374da41f78ce5302b448534e7bff348c4e303fe4b024d490d2fba12aeac8492f00ac97df' +
        'e104a3fd5e12034d53f2b9d98fb3b5aa7df92f72dae82b0358fde400f70415189010755b532b1e13' +
        'a719ebdcf5d08e110826be2fdbc48d11d53907',
    );
  });

  it('come back as what they were, and in no other form', () => {
    const bytes = encodeCheckpoint(checkpoint);
    expect(encodeCheckpoint(readCheckpoint(bytes))).toEqual(bytes);
    for (let at = 0; at <= bytes.length; at += 1) {
      if (at < bytes.length) expect(() => readCheckpoint(bytes.slice(0, at))).toThrow(BftError);
      const changed = Buffer.from(bytes);
      if (at < bytes.length) changed[at]! ^= 0x80;
      let read: Checkpoint | null = null;
      try {
        read = readCheckpoint(changed);
      } catch (error) {
        expect(error).toBeInstanceOf(BftError);
      }
      if (read !== null) expect(Buffer.from(encodeCheckpoint(read))).toEqual(changed);
    }
    expect(() => readCheckpoint(Buffer.concat([bytes, Buffer.from([0])]))).toThrow(BftError);
    const vote = encodeVote({
      height: 7,
      digest: digestOf(checkpoint),
      signature,
      postQuantum: null,
    });
    expect(encodeVote(readVote(vote))).toEqual(vote);
    for (let at = 0; at < vote.length; at += 1) {
      expect(() => readVote(vote.slice(0, at))).toThrow(BftError);
    }
  });

  it('are not those of another chain, height, history, snapshot or set', () => {
    const key = createPrivateKey(pem);
    expect(isSignedBy(golden.digest, digestOf(checkpoint), key, signature)).toBe(true);
    expect(isSignedBy(chain.digest, digestOf(checkpoint), key, signature)).toBe(false);
    const others: Partial<Checkpoint>[] = [
      { height: 0x1235 },
      { history: new Uint8Array(32) },
      { snapshotBytes: 6 },
      { chunks: sha256(Buffer.from('other')) },
      { validators: encodeSets(new ChainSets(chain).state) },
    ];
    for (const other of others) {
      expect(digestOf({ ...checkpoint, ...other })).not.toEqual(digestOf(checkpoint));
    }
  });
});

describe('the validators of a checkpoint', () => {
  it('go on as if all decisions had been seen', () => {
    const seen = setsAfter([change(4, 100)], [], [change(0, 50), change(5, 10)], [change(4, 90)]);
    const state = readSets(encodeSets(seen.state), seen.decided);
    expect(encodeSets(state)).toEqual(encodeSets(seen.state));
    const late = new ChainSets(chain);
    late.restore(state);
    const next = [[change(5, 0)], [change(6, 20)], [], [change(1, 120)]];
    for (const commands of [[], ...next]) {
      const [one, other] = [seen, late].map((sets) => {
        sets.decide(commands);
        const { peerId } = signers.identities[4]!;
        return {
          state: encodeSets(sets.state),
          proposers: [0, 1, 2, 3, 4].map((round) => {
            return sets.at(sets.decided + 1).proposerOf(sets.decided + 1, round);
          }),
          members: sets.members,
          canAccuse: [1, 2, 3, 4, 5, 6].map((height) => sets.canAccuse(peerId, height)),
        };
      });
      expect(other).toEqual(one);
    }
  });

  it('count what the last height moved', () => {
    const seen = setsAfter([change(4, 100)]);
    const late = new ChainSets(chain);
    late.restore(readSets(encodeSets(seen.state), 1));
    for (const sets of [seen, late]) {
      expect(() => sets.decide([change(5, 100)])).toThrow(/at most a third/);
    }
  });

  it('have the address of the genesis where nothing else was decided', () => {
    const elsewhere = readGenesis({
      ...genesis,
      validators: genesis.validators.map((each, at) => {
        return { ...each, address: { host: 'moved', port: 9_000 + at } };
      }),
    });
    const heights = [[change(4, 100), change(1, 101)], []];
    const [one, other] = [chain, elsewhere].map((each) => {
      const sets = new ChainSets(each);
      for (const commands of heights) sets.decide(commands);
      return sets;
    });
    // Where the genesis says that they are is no part of the chain.
    expect(encodeSets(one!.state)).toEqual(encodeSets(other!.state));
    const late = new ChainSets(elsewhere);
    late.restore(one!.state);
    expect(late.members).toEqual(other!.members);
  });

  it('are refused if they can be none', () => {
    const { state } = setsAfter([change(4, 100)]);
    const [first, ...rest] = state.members;
    const wrong = [
      { ...state, members: [...rest, first!] },
      { ...state, members: [first!, first!, ...rest] },
      { ...state, members: [{ ...first!, present: 0, coming: 0 }, ...rest] },
      { ...state, members: [{ ...first!, since: 0 }, ...rest] },
      { ...state, members: [{ ...first!, since: 4 }, ...rest] },
      { ...state, members: [{ ...first!, address: { host: '', port: 1 } }, ...rest] },
      { ...state, members: [{ ...first!, address: { host: 'a', port: 65_536 } }, ...rest] },
    ];
    for (const each of wrong) expect(() => readSets(encodeSets(each), 1)).toThrow(BftError);
    const nowhere = {
      ...state,
      members: state.members.map((each) => ({ ...each, address: null })),
    };
    expect(() => new ChainSets(chain).restore(nowhere)).toThrow(/where validator/);
  });
});

describe('a checkpoint is believed', () => {
  const same = setsAfter([], [], [], []);
  const why = (checkpoint: Checkpoint, sets = new ChainSets(chain), digest?: Uint8Array) =>
    whyUnproven(readCheckpoint(encodeCheckpoint(checkpoint)), trusting(sets, digest ?? null));

  it('with signatures of more than two thirds of the weight', () => {
    expect(why(checkpointOf(same, [0, 1, 3]))).toBeNull();
    expect(isStable(checkpointOf(same, [0, 1, 3]))).toBe(true);
    expect(isStable(checkpointOf(same, [0, 1]))).toBe(false);
    expect(why(checkpointOf(same, [0, 1]))).toMatchObject({ isFault: true });
    // Who is no validator does not count, nor who signed for another chain.
    expect(why(checkpointOf(same, [0, 1, 4]))).toMatchObject({ isFault: true });
    const other = readGenesis({ ...genesis, chainId: 'other' });
    expect(why(checkpointOf(same, [0, 1, 2], other))).toMatchObject({ isFault: true });
  });

  it('not when anything is changed', () => {
    const checkpoint = checkpointOf(same, [0, 1, 2]);
    const bytes = encodeCheckpoint(checkpoint);
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      let found: unknown = 'unreadable';
      try {
        found = whyUnproven(readCheckpoint(changed), trusting(new ChainSets(chain)));
      } catch (error) {
        expect(error).toBeInstanceOf(BftError);
      }
      expect(found, `byte ${at}`).not.toBeNull();
    }
  });

  it('when a third and more of those who are known here have signed', () => {
    const two = setsAfter([change(4, 100)], [], [change(0, 0)], [], [change(5, 100)], []);
    const fewer = checkpointOf(two, [2, 3, 4, 5]);
    expect(why(fewer)).toBeNull();
    const changed = allChanged();
    const strangers = checkpointOf(changed, [4, 5, 6, 7]);
    expect(isStable(strangers)).toBe(true);
    expect(why(strangers)).toEqual({ isFault: false, why: expect.stringContaining('too few') });
    // Somebody who knows later validators than those of the genesis believes them.
    const known = new ChainSets(chain);
    known.restore(two.state);
    expect(why(strangers, known)).toBeNull();
  });

  it('when it is the one that is trusted, and no other then', () => {
    const strangers = checkpointOf(allChanged(), [4, 5, 6, 7]);
    const sets = new ChainSets(chain);
    expect(why(strangers, sets, digestOf(strangers))).toBeNull();
    const few = { ...strangers, signatures: signaturesOf(strangers, [4, 5], chain.digest) };
    expect(why(few, sets, digestOf(strangers))).toMatchObject({ isFault: true });
    expect(why(checkpointOf(same, [0, 1, 2]), sets, digestOf(strangers))).toMatchObject({
      isFault: false,
    });
  });

  it('with the validators of the genesis where they cannot have changed', () => {
    const fixed = { ...chain, changesFrom: 100 };
    const sets = setsAfter([change(4, 100)], [], [], []);
    const checkpoint = checkpointOf(sets, [0, 1, 2, 3]);
    const trust = { ...trusting(new ChainSets(fixed)), chain: fixed };
    expect(whyUnproven(checkpoint, trust)).toMatchObject({ isFault: true });
    expect(whyUnproven(checkpointOf(same, [0, 1, 2]), trust)).toBeNull();
  });
});

describe('a light client', () => {
  const value = encodeBatch([makeCommand(Buffer.from('x'), 1_000)]);

  it('leaps to a checkpoint, and verifies what comes behind it', () => {
    const two = setsAfter([change(4, 100)], [], [change(0, 0)], [], [change(5, 100)], []);
    const client = new LightClient(genesis);
    const later = signers.decided([2, 3, 4, 5], 7, value, two.at(7));
    expect(() => client.verify(later)).toThrow(/not known here/);
    client.leap(encodeCheckpoint(checkpointOf(two, [1, 2, 3, 4])));
    expect(client.height).toBe(6);
    expect(client.verify(later).height).toBe(7);
    expect(client.follow(later).height).toBe(7);
  });

  it('does not leap to what is not proven, or back', () => {
    const client = new LightClient(genesis);
    const strangers = checkpointOf(allChanged(), [4, 5, 6, 7]);
    expect(() => client.leap(encodeCheckpoint(strangers))).toThrow(/too few/);
    expect(() => client.leap(new Uint8Array())).toThrow(/proves nothing/);
    expect(client.height).toBe(0);
    client.leap(encodeCheckpoint(strangers), { digest: digestOf(strangers) });
    expect(client.height).toBe(16);
    const back = encodeCheckpoint(checkpointOf(setsAfter([], [], [], []), [0, 1, 2]));
    expect(() => client.leap(back)).toThrow(/passed already/);
    expect(client.height).toBe(16);
  });
});
