/** Decisions under one signature: what they prove, to whom, and what of them does not hold. */
import { createPrivateKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AggregatedDecision,
  ValidatorSet,
  decodeMessages,
  encodeMessages,
  isAggregated,
} from '../../../../consensus/bft/index.js';
import { Aggregates } from '../../../../nodes/bft/aggregates/aggregates.js';
import { blsKeyOf } from '../../../../nodes/bft/aggregates/bls.js';
import { encodeBatch, makeCommand } from '../../../../nodes/bft/batch.js';
import { encodeChange, readChange } from '../../../../nodes/bft/change.js';
import { checkOptions } from '../../../../nodes/bft/check-options.js';
import { SignatureChecker } from '../../../../nodes/bft/checking.js';
import {
  type Checkpoint,
  digestOf,
  encodeCheckpoint,
  encodeSets,
  readSets,
  sha256,
  signCheckpoint,
} from '../../../../nodes/bft/checkpoint.js';
import { readGenesis } from '../../../../nodes/bft/genesis.js';
import { LightClient, investigateFork, publicKeyOf } from '../../../../nodes/bft/index.js';
import { encodeAccusation, readAccusation } from '../../../../nodes/bft/investigation.js';
import { encodePolka } from '../../../../nodes/bft/polkas.js';
import { unprovenVotes } from '../../../../nodes/bft/proven.js';
import { ChainSets } from '../../../../nodes/bft/sets.js';
import { createIdentity } from '../../../../transport/identity/index.js';
import { Signers } from '../signers.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
console.log(`bft aggregated decisions: SEED=${seed}`);

const identities = Array.from({ length: 6 }, () => createIdentity());
const keys = identities.map((_, at) => blsKeyOf(new Uint8Array(32).fill(at + 1)));
/** Four validators at first; others may join. */
const signers = new Signers([1, 2, 3, 4], 'aggregates', identities, keys);
const { genesis, chain } = signers;
const set = chain.validators;
const about = { height: 1, round: 0, value: 'v' };
const joining = identities[4]!;
const address = { host: '127.0.0.1', port: 9 };
const five = new ValidatorSet(
  identities.slice(0, 5).map(({ peerId }) => ({ id: peerId, weight: 100 })),
);

const checker = (): SignatureChecker => new SignatureChecker(chain.digest, new ChainSets(chain));
const why = (decision: AggregatedDecision): string | null =>
  unprovenVotes(decision, set, checker());
const batch = (...words: readonly string[]): Uint8Array =>
  encodeBatch(words.map((word) => makeCommand(Buffer.from(word), 100)));
const change = (who: number, weight: number, bls?: number) => {
  const publicKey = publicKeyOf(identities[who]!);
  const place = weight === 0 ? null : address;
  const proven = bls === undefined ? {} : { bls: keys[bls]!.prove(identities[who]!) };
  return makeCommand(encodeChange({ publicKey, weight, address: place, ...proven }), 100, 'change');
};

describe('an aggregated decision', () => {
  it('is proven by any quorum, and by no other signers than those who are named', () => {
    const some = fc.subarray([0, 1, 2, 3], { minLength: 1 });
    fc.assert(
      fc.property(some, some, (who, named) => {
        const holds = why(signers.aggregated(who, about, set, named)) === null;
        expect(holds).toBe(who.length >= 3 && who.join() === named.join());
      }),
      { seed, numRuns: 40 },
    );
  });

  it('is of its height, round, value and chain', () => {
    const good = signers.aggregated([0, 1, 2], about);
    expect(why(good)).toBeNull();
    const others = [
      signers.aggregated([0, 1, 2], { ...about, height: 2 }),
      signers.aggregated([0, 1, 2], { ...about, round: 1 }),
      signers.aggregated([0, 1, 2], { ...about, value: 'w' }),
      new Signers([1, 2, 3, 4], 'another', identities, keys).aggregated([0, 1, 2], about),
    ];
    for (const { aggregate } of others) {
      expect(why({ ...good, aggregate })).toBe('a signature is wrong');
    }
    const { proposal } = others[2]!;
    expect(why({ ...good, proposal: { ...good.proposal, signature: proposal.signature } })).toBe(
      'a signature is wrong',
    );
    expect(why({ ...good, signers: Buffer.from([0b10111]) })).toMatch(/two thirds/);
  });

  it('is the only form of its chain, and of no other chain', () => {
    const plain = new Signers([1, 2, 3, 4], 'plain', identities);
    const shown = signers.decided([0, 1, 2], 1, batch('a'));
    const client = new LightClient(genesis);
    expect(client.verify(shown).height).toBe(1);
    expect(() => new LightClient(plain.genesis).verify(shown)).toThrow(/way of this chain/);
    expect(() => client.verify(plain.decided([0, 1, 2], 1, batch('a')))).toThrow(
      /way of this chain/,
    );
    const message = { type: 'decision', decision: signers.aggregated([0, 1, 2], about) } as const;
    expect(checker().isSigned(message)).toBe(false);
  });

  it('is believed by a light client as it was made, and in no other way', () => {
    const client = new LightClient(genesis);
    const good = signers.decided([0, 1, 2], 1, batch('good'));
    for (let at = 0; at < good.length; at += 1) {
      const changed = good.slice();
      changed[at]! ^= 1;
      expect(() => client.verify(changed), `byte ${at}`).toThrow(
        expect.objectContaining({ code: 'unproven' }),
      );
    }
    expect(() => client.verify(signers.decided([0, 1], 1, batch('few')))).toThrow(/two thirds/);
    expect(client.verify(good).height).toBe(1);
  });
});

describe('a genesis with aggregates', () => {
  it('is another chain than without, or with other keys', () => {
    const plain = new Signers([1, 2, 3, 4], 'aggregates', identities).chain;
    const swapped = [keys[1]!, keys[0]!, ...keys.slice(2)];
    const other = new Signers([1, 2, 3, 4], 'aggregates', identities, swapped).chain;
    const digests = [chain, plain, other].map(({ digest }) => Buffer.from(digest).toString('hex'));
    expect(new Set(digests).size).toBe(3);
  });

  it('names a key for each validator', () => {
    const [first, ...rest] = genesis.validators;
    const { bls: _, ...bare } = first!;
    const { aggregates: __, ...without } = genesis;
    expect(() => readGenesis({ ...genesis, validators: [bare, ...rest] })).toThrow(/bls key/);
    expect(() => readGenesis(without)).toThrow(/exactly if it has aggregates/);
    expect(() => readGenesis({ ...genesis, aggregates: 'ed25519' as never })).toThrow(/'bls'/);
    const options = { directory: '', identity: identities[0]!, genesis, apply: () => {} };
    checkOptions({ ...options, bls: keys[0]! }, chain);
    expect(() => checkOptions(options, chain)).toThrow(/option bls/);
    const plain = new Signers([1, 2, 3, 4], 'plain', identities);
    const ofPlain = { ...options, genesis: plain.genesis };
    checkOptions(ofPlain, plain.chain);
    expect(() => checkOptions({ ...ofPlain, bls: keys[0]! }, plain.chain)).toThrow(/option bls/);
  });
});

describe('changes of validators with keys of shares', () => {
  it('have the same bytes as ever', () => {
    const publicKey = new Uint8Array(32).fill(1);
    const bls = { key: new Uint8Array(48).fill(2), proof: new Uint8Array(160).fill(3) };
    const made = { publicKey, weight: 300, address: { host: 'h', port: 7 }, bls };
    const bytes = encodeChange(made);
    expect(Buffer.from(bytes).toString('hex')).toBe(
      `02${'01'.repeat(32)}ac02010168${'07'}${'02'.repeat(48)}${'03'.repeat(160)}`,
    );
    expect(readChange(bytes)).toEqual(made);
    expect(() => readChange(bytes.slice(0, -1))).toThrow();
    const removal = Buffer.concat([Buffer.from([2]), publicKey, Buffer.alloc(2 + 208)]);
    expect(() => readChange(removal)).toThrow(/removed/);
  });

  it('bring one with its proof when they add somebody, and never else', () => {
    const sets = new ChainSets(readGenesis({ ...genesis, changesFrom: 1 }));
    const refused = (...commands: Parameters<typeof sets.refusal>[0]) =>
      sets.refusal(commands, checker());
    expect(refused(change(4, 100))).toMatch(/needs a bls key/);
    expect(refused(change(0, 120, 0))).toMatch(/can be given no bls key/);
    expect(refused(change(0, 120))).toBeNull();
    const publicKey = publicKeyOf(joining);
    const stolen = { key: keys[0]!.publicKey, proof: keys[4]!.prove(joining).proof };
    const data = encodeChange({ publicKey, weight: 100, address, bls: stolen });
    expect(refused(makeCommand(data, 100, 'change'))).toMatch(/not proven/);
    expect(() => sets.decide([makeCommand(data, 100, 'change')])).toThrow(/not proven/);
    expect(refused(change(4, 100, 4))).toBeNull();
    const told = { id: joining.peerId, weight: 100, address, reason: 'command' };
    const blsKey = keys[4]!.publicKey;
    expect(sets.changesIn([change(4, 100, 4)])).toMatchObject([{ ...told, blsKey }]);
    expect(sets.decide([change(4, 100, 4)])).toEqual([{ ...told, blsKey }]);
    expect(sets.blsKeys?.get(joining.peerId)?.bytes).toEqual(keys[4]!.publicKey);
    // It keeps it as long as it has weight in one of the next two heights.
    expect(refused(change(4, 90, 5))).toMatch(/can be given no bls key/);
    sets.decide([]);
    sets.decide([change(4, 0)]);
    expect(refused(change(4, 90, 5))).toMatch(/can be given no bls key/);
    sets.decide([]);
    expect(refused(change(4, 90))).toMatch(/needs a bls key/);
    expect(refused(change(4, 90, 5))).toBeNull();
    const plain = new Signers([1, 2, 3, 4], 'plain', identities).genesis;
    const without = new ChainSets(readGenesis({ ...plain, changesFrom: 1 }));
    expect(without.refusal([change(4, 100, 4)], checker())).toMatch(/can be given no bls key/);
  });

  it('are not looked at when there are more than a height may decide', () => {
    const sets = new ChainSets(readGenesis({ ...genesis, changesFrom: 1 }));
    const many = Array.from({ length: 40 }, (_, at) => {
      const bls = { key: keys[4]!.publicKey, proof: new Uint8Array(160).fill(at) };
      const publicKey = publicKeyOf(createIdentity());
      return makeCommand(encodeChange({ publicKey, weight: 1, address, bls }), 100, 'change');
    });
    expect(sets.refusal(many.slice(0, 1), checker())).toMatch(/not proven/);
    expect(sets.refusal(many, checker())).toMatch(/16/);
  });

  it('leave what was decided by keys before as proven as it was', () => {
    const client = new LightClient({ ...genesis, changesFrom: 1 });
    const first = signers.decided([0, 1, 2], 1, encodeBatch([change(0, 0)]));
    client.follow(first);
    const three = new ValidatorSet(
      identities.slice(1, 4).map(({ peerId }) => ({ id: peerId, weight: 100 })),
    );
    client.follow(signers.decided([0, 1, 2, 3], 2, batch()));
    client.follow(signers.decided([1, 2, 3], 3, batch(), three));
    client.follow(signers.decided([1, 2, 3], 4, encodeBatch([change(0, 100, 5)]), three));
    expect(client.verify(first).height).toBe(1);
  });

  it('are followed by a light client, which checks the shares of who joined', () => {
    const client = new LightClient({ ...genesis, changesFrom: 1 });
    const without = encodeBatch([change(4, 100)]);
    expect(() => client.follow(signers.decided([0, 1, 2], 1, without))).toThrow(/needs a bls key/);
    client.follow(signers.decided([0, 1, 2], 1, encodeBatch([change(4, 100, 4)])));
    client.follow(signers.decided([1, 2, 3], 2, batch()));
    const withThree = signers.decided([0, 1, 2], 3, batch('c'), five);
    expect(() => client.follow(withThree)).toThrow(/two thirds/);
    client.follow(signers.decided([0, 1, 2, 4], 3, batch('c'), five));
    expect(client.height).toBe(3);
  });

  it('stand in checkpoints, behind which a client goes on', () => {
    const sets = new ChainSets(readGenesis({ ...genesis, changesFrom: 1, checkpointsEvery: 2 }));
    sets.decide([change(4, 100, 4)]);
    sets.decide([]);
    const validators = encodeSets(sets.state);
    expect(encodeSets(readSets(validators, 2))).toEqual(validators);
    const publicKey = new Uint8Array(32).fill(1);
    const blsKey = new Uint8Array(48).fill(2);
    const member = { id: '', publicKey, present: 1, coming: 2, since: 3, blsKey };
    const two = [
      { ...member, address: null },
      { ...member, address: { host: 'h', port: 7 } },
    ];
    const fields = `${'01'.repeat(32)}010203`;
    expect(
      Buffer.from(encodeSets({ decided: 2, movedBefore: 0, members: two })).toString('hex'),
    ).toBe(`0002${fields}02${'02'.repeat(48)}${fields}03016807${'02'.repeat(48)}`);
    const made: Checkpoint = {
      height: 2,
      history: new Uint8Array(32),
      snapshotBytes: 5,
      chunks: sha256(Buffer.from('chunk')),
      validators,
      signatures: new Map(),
      postQuantum: new Map(),
    };
    const signatures = [0, 1, 2, 4].map((at) => {
      const key = createPrivateKey(identities[at]!.privateKeyPem);
      return [identities[at]!.peerId, signCheckpoint(chain.digest, digestOf(made), key)] as const;
    });
    const bytes = encodeCheckpoint({ ...made, signatures: new Map(signatures) });
    const client = new LightClient({ ...genesis, changesFrom: 1, checkpointsEvery: 2 });
    client.leap(bytes);
    client.follow(signers.decided([0, 1, 2, 4], 3, batch('c'), five));
    expect(client.height).toBe(3);
    const plain = new Signers([1, 2, 3, 4], 'aggregates', identities).genesis;
    expect(() => new ChainSets(readGenesis(plain)).restore(sets.state)).toThrow(/the bls key of/);
  });
});

describe('a fork of aggregated decisions', () => {
  const investigate = (
    one: AggregatedDecision,
    other: AggregatedDecision,
    show: (at: number, kind: string) => Uint8Array | null,
  ) =>
    investigateFork({
      genesis,
      decisions: [encode(one), encode(other)],
      earlier: () => Promise.reject(new Error('no earlier height is needed')),
      ask: async (accused, bytes) => {
        const accusation = readAccusation(bytes);
        expect(encodeAccusation(accusation)).toEqual(bytes);
        const at = identities.findIndex(({ peerId }) => peerId === accused);
        return show(at, accusation.type);
      },
    });
  const encode = (decision: AggregatedDecision): Uint8Array =>
    encodeMessages([{ type: 'decision', decision }]);
  const early = signers.aggregated([0, 1, 2], about);

  it('names who is in both bitmaps of one round; the two decisions are the proof', async () => {
    const other = signers.aggregated([1, 2, 3], { ...about, value: 'w' });
    const report = await investigate(early, other, () => {
      throw new Error('nobody is asked');
    });
    expect(signers.named(report)).toBe('equivocation 1,2');
    for (const { culprit, proof } of report.culprits) {
      const shown = decodeMessages(proof).map((each) => {
        if (each.type !== 'decision' || !isAggregated(each.decision)) throw new Error(each.type);
        expect(why(each.decision)).toBeNull();
        return each.decision;
      });
      expect(shown.map(({ proposal }) => proposal.value).sort()).toEqual(['v', 'w']);
      const at = set.validators.findIndex(({ id }) => id === culprit);
      for (const { signers: bits } of shown) expect((bits[0]! >> at) & 1).toBe(1);
    }
  });

  it('asks those who are in a bitmap in different rounds, and names who has no answer', async () => {
    const late = signers.aggregated([1, 2, 3], { ...about, round: 4, value: 'w' });
    const silent = await investigate(early, late, () => null);
    expect(signers.named(silent)).toBe('unfounded 1,2,3');
    const polka = encodePolka(signers.polka([1, 2, 3], 4, 'w'));
    const report = await investigate(early, late, (_, kind) => {
      return kind === 'unfounded' ? polka : null;
    });
    expect(signers.named(report)).toBe('amnesia 1,2');
    expect(report.polkas).toContainEqual(polka);
    const [decision, prevote] = decodeMessages(report.culprits[0]!.proof);
    expect([decision?.type, prevote?.type]).toEqual(['decision', 'vote']);
  });

  it('is none if one of them is not proven', async () => {
    const forged = signers.aggregated([3], { ...about, value: 'w' }, set, [1, 2, 3]);
    await expect(investigate(early, forged, () => null)).rejects.toMatchObject({
      code: 'bad-option',
    });
    expect(() => readAccusation(encodeMessages([]))).toThrow(/accusation of nothing/);
  });
});

describe('what a validator makes', () => {
  const sets = new ChainSets(chain);
  const ports = { chain, sets, guard: {} as never, take: () => {}, checker: checker() };
  const aggregates = new Aggregates(identities[0]!, keys[0]!, ports);

  it('are shares of what its signer has signed, and of nothing else', () => {
    const [own] = signers.shared([0], 0, 'v');
    const { share, signature, ...vote } = own!;
    expect(aggregates.share(vote, signature)).toEqual(share);
    const [other] = signers.votes('precommit', [0], 0, 'w');
    const unsigned = { ...vote, value: 'w' };
    expect(() => aggregates.share(unsigned, signature)).toThrow(/the signer has not signed/);
    expect(aggregates.share(unsigned, other!.signature)).not.toEqual(share);
  });

  it('are none with another key than the chain has for it, which may change', () => {
    const later = new ChainSets(readGenesis({ ...genesis, changesFrom: 1 }));
    const opened = (key: number) => {
      const around = { chain, sets: later, guard: {} as never, take: () => {} };
      return new Aggregates(identities[0]!, keys[key]!, { ...around, checker: checker() });
    };
    const [vote] = signers.votes('precommit', [0], 0, 'v');
    opened(0).checkKey();
    expect(() => opened(5).checkKey()).toThrow(/option bls/);
    expect(() => opened(5).share(vote!, vote!.signature)).toThrow(/option bls/);
    later.decide([change(0, 0)]);
    for (let heights = 0; heights < 2; heights += 1) later.decide([]);
    // It is none now, whatever key it has, and comes back with another one.
    for (const key of [0, 5]) opened(key).checkKey();
    later.decide([change(0, 100, 5)]);
    opened(5).checkKey();
    expect(() => opened(0).checkKey()).toThrow(/option bls/);
  });

  it('are decisions of the shares of a quorum', () => {
    const { proposal } = signers.aggregated([0, 1, 3], about);
    const sealed = aggregates.seal({ proposal, certificate: signers.shared([3, 0, 1], 0, 'v') });
    expect(sealed).toEqual(signers.aggregated([0, 1, 3], about));
    const wrong = signers.shared([0, 1, 3], 0, 'v').map((vote, at) => {
      return at === 0 ? { ...vote, share: signers.shared([2], 0, 'v')[0]!.share } : vote;
    });
    expect(() => aggregates.seal({ proposal, certificate: wrong })).toThrow(/proven by the sum/);
  });
});
