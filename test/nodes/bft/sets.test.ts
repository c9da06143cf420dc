import { createPrivateKey, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type OwnMessage,
  type SignedVote,
  type WireMessage,
  decodeMessages,
  encodeMessages,
  signedBytes,
} from '../../../consensus/bft/index.js';
import {
  type Command,
  encodeBatch,
  makeCommand,
  readBatch,
  valueIdOf,
} from '../../../nodes/bft/batch.js';
import { CatchUp } from '../../../nodes/bft/catch-up.js';
import { type ProposedChange, encodeChange } from '../../../nodes/bft/change.js';
import { SignatureChecker } from '../../../nodes/bft/checking.js';
import type { BftDriver } from '../../../nodes/bft/driver.js';
import { type Genesis, readGenesis } from '../../../nodes/bft/genesis.js';
import { publicKeyOf } from '../../../nodes/bft/index.js';
import { CHANGE_PAUSE_MS, WAITING_CHANGES_MAX } from '../../../nodes/bft/limits.js';
import { Mempool } from '../../../nodes/bft/mempool.js';
import type { EvidenceReport } from '../../../nodes/bft/options.js';
import { PartSet } from '../../../nodes/bft/parts/part-set.js';
import { PeerGuard } from '../../../nodes/bft/peer-guard.js';
import { PendingChanges } from '../../../nodes/bft/pending-changes.js';
import { ChainSets } from '../../../nodes/bft/sets.js';
import { ValueJudge } from '../../../nodes/bft/value-judge.js';
import { type Identity, createIdentity } from '../../../transport/identity/index.js';
import { until } from '../../waiting.js';

const identities = Array.from({ length: 5 }, () => createIdentity());
const [a, b, c, d, joiner] = identities as [Identity, Identity, Identity, Identity, Identity];
const genesis: Genesis = {
  chainId: 'sets',
  changesFrom: 1,
  validators: [a, b, c, d].map((each, at) => ({
    publicKey: publicKeyOf(each),
    weight: 1,
    address: { host: '127.0.0.1', port: at + 1 },
  })),
};
const chain = readGenesis(genesis);
const address = { host: 'joiner', port: 9 };

function signed(identity: Identity, message: OwnMessage): Uint8Array {
  return sign(null, signedBytes(chain.digest, message), createPrivateKey(identity.privateKeyPem));
}

function vote(identity: Identity, height: number, value: string | null): WireMessage {
  const from = identity.peerId;
  const unsigned = { type: 'prevote', from, height, round: 0, value } as const;
  return {
    type: 'vote',
    vote: { ...unsigned, signature: signed(identity, { type: 'vote', vote: unsigned }) },
  };
}

const proofAgainst = (identity: Identity, height: number): Uint8Array =>
  encodeMessages([vote(identity, height, 'v'), vote(identity, height, null)]);
const evidence = (bytes: Uint8Array): Command => makeCommand(bytes, 100, 'evidence');
const change = (identity: Identity, weight: number): Command =>
  makeCommand(
    encodeChange({
      publicKey: publicKeyOf(identity),
      weight,
      address: weight === 0 ? null : address,
    }),
    100,
    'change',
  );
const plain = (text: string): Command => makeCommand(Buffer.from(text), 100);
const weightsOf = (sets: ChainSets): string =>
  sets.members
    .map(({ id, weight }) => `${'abcdj'[at(id)]}${weight}`)
    .sort()
    .join(' ');
const at = (id: string): number => identities.findIndex(({ peerId }) => peerId === id);

function open() {
  const sets = new ChainSets(chain);
  return { sets, checker: new SignatureChecker(chain.digest, sets), mempool: new Mempool() };
}

describe('the validators of a chain', () => {
  it('follow what is decided: added, changed, removed by command and by proof', () => {
    const { sets, checker } = open();
    expect(weightsOf(sets)).toBe('a1 b1 c1 d1');
    expect(sets.isPeer(joiner.peerId)).toBe(false);
    const heights = [[change(joiner, 1), plain('x')], [], [evidence(proofAgainst(d, 2))], [], []];
    const seen: string[] = [];
    for (const commands of heights) {
      expect(sets.refusal(commands, checker)).toBeNull();
      sets.decide(commands);
      const under = sets.at(sets.decided + 1);
      seen.push(
        `${sets.decided + 1}: ${under.weightOf(joiner.peerId)} ${under.weightOf(d.peerId)}`,
      );
    }
    expect(seen).toEqual(['2: 0 1', '3: 1 1', '4: 1 1', '5: 1 0', '6: 1 0']);
    expect(weightsOf(sets)).toBe('a1 b1 c1 j1');
    expect(sets.addressOf(joiner.peerId)).toEqual({ ...address, peerId: joiner.peerId });
    expect(sets.isPeer(d.peerId)).toBe(false);
    // It is answered still, so that it learns what became of it.
    expect(sets.knows(d.peerId)).toBe(true);
    const again = new ChainSets(chain);
    for (const commands of heights) again.decide(readBatch(encodeBatch(commands))!);
    expect(again.members).toEqual(sets.members);
  });

  it('keep the connections of one that is removed until it does not count any more', () => {
    const { sets } = open();
    sets.decide([change(d, 0)]);
    expect([sets.isPeer(d.peerId), sets.coming.has(d.peerId)]).toEqual([true, false]);
    sets.decide([]);
    expect(sets.isPeer(d.peerId)).toBe(false);
  });

  const forged = encodeMessages([vote(d, 1, 'v'), { ...vote(d, 1, null) }]);
  forged[forged.length - 1] = forged.at(-1)! ^ 1;
  it.each([
    ['a forged proof', evidence(forged), /wrong signature/],
    ['a proof of a height to come', evidence(proofAgainst(d, 2)), /nothing can be proven/],
    ['a proof against a stranger', evidence(proofAgainst(joiner, 1)), /nothing can be proven/],
    ['bytes that are no proof', evidence(new Uint8Array([1, 0])), /proves nothing/],
    ['bytes that are no change', makeCommand(new Uint8Array([1]), 9, 'change'), /too early/],
    ['a removal of a stranger', change(joiner, 0), /no validator/],
    ['too much at once', change(joiner, 2), /at most a third/],
  ])('are not changed by %s', (_, command, sentence) => {
    const { sets, checker } = open();
    expect(sets.refusal([command], checker)).toMatch(sentence);
  });

  it('do not change before the height that the genesis names, except by what is decided', () => {
    const late = new ChainSets(readGenesis({ ...genesis, changesFrom: 2 }));
    const checker = new SignatureChecker(chain.digest, late);
    expect(late.refusal([change(joiner, 1)], checker)).toMatch('the genesis allows no changes');
    expect(late.refusal([plain('x')], checker)).toBeNull();
    late.decide([]);
    expect(late.refusal([change(joiner, 1)], checker)).toBeNull();
    const { changesFrom: _, ...never } = genesis;
    const old = new ChainSets(readGenesis(never));
    expect(old.refusal([change(joiner, 1)], checker)).toMatch('the genesis allows no changes');
    old.decide([change(joiner, 1)]);
    expect(weightsOf(old)).toBe('a1 b1 c1 d1 j1');
    expect(readGenesis(never).digest).toEqual(chain.digest);
  });
});

describe('an operator', () => {
  it('is asked about new values, and not about those that a quorum has voted for', () => {
    const { sets, checker, mempool } = open();
    const asked: string[] = [];
    let isApproved = false;
    const judge = new ValueJudge({
      sets,
      checker,
      mempool,
      validate: (command) => command[0] !== 0,
      approve: (each) => {
        asked.push(`${at(each.id)} ${each.weight} ${each.reason}`);
        return isApproved;
      },
      log: () => {},
    });
    const judged = (commands: readonly Command[], validRound: number): boolean => {
      const bytes = encodeBatch(commands);
      const value = valueIdOf(bytes);
      return judge.isValid({ from: a.peerId, height: 1, round: 1, value, validRound }, bytes);
    };
    const one = [change(joiner, 1), plain('x')];
    expect(judged(one, -1)).toBe(false);
    expect(judged(one, 0)).toBe(true);
    isApproved = true;
    expect(judged(one, -1)).toBe(true);
    expect(asked).toEqual(['4 1 command', '4 1 command']);
    expect(judged([evidence(proofAgainst(d, 1))], -1)).toBe(true);
    expect(asked.at(-1)).toBe('3 0 evidence');
    // What is not sound is not made so by anybody's vote.
    expect(judged([change(joiner, 2)], 0)).toBe(false);
    expect(judged([plain('\0')], 0)).toBe(false);
    expect(judged([change(joiner, 1), change(joiner, 1)], 0)).toBe(false);
  });

  it('is not asked for ever by a proposer with ever new values for one round', () => {
    const { sets, checker, mempool } = open();
    let looked = 0;
    const validate = (): boolean => {
      looked += 1;
      return true;
    };
    const approve = (): boolean => true;
    const judge = new ValueJudge({ sets, checker, mempool, validate, approve, log: () => {} });
    const known = new Map<string, Uint8Array>();
    const judged = (text: string, round: number): boolean => {
      const bytes = known.get(text) ?? encodeBatch([plain(text)]);
      known.set(text, bytes);
      const value = valueIdOf(bytes);
      const proposal = { from: a.peerId, height: 1, round, value, validRound: -1 };
      return judge.isValid(proposal, bytes);
    };
    const texts = Array.from({ length: 20 }, (_, at) => `x${at}`);
    expect(texts.filter((text) => judged(text, 1))).toEqual(['x0', 'x1', 'x2', 'x3']);
    expect(looked).toBe(4);
    // What is known costs nothing; and in another round it is another proposer's.
    expect(judged('x3', 1)).toBe(true);
    expect(judged('x9', 2)).toBe(true);
    judge.endHeight();
    expect(judged('x5', 1)).toBe(true);
  });
});

describe('a proposer', () => {
  function pending(approve: (each: ProposedChange) => boolean) {
    const parts = open();
    const reports: EvidenceReport[] = [];
    const guilty: string[] = [];
    const changes = new PendingChanges({
      ...parts,
      approve,
      reports: () => reports,
      amnesiacs: () => guilty,
    });
    const against = (identity: Identity, height: number): void => {
      const proof = proofAgainst(identity, height);
      reports.push({ culprit: identity.peerId, kind: 'prevote', height, round: 0, proof });
    };
    return { ...parts, changes, against, guilty };
  }

  it('takes proofs first and alone, one against each, then what is approved and fits', () => {
    const { changes, against, sets } = pending(({ id }) => id !== b.peerId);
    const added = change(joiner, 1);
    changes.add(change(b, 0), 'peer');
    changes.add(added, 'peer');
    expect(changes.due(0)).toEqual([added]);
    against(d, 1);
    against(d, 1);
    const [proof, ...rest] = changes.due(0);
    expect([proof!.kind, rest.length]).toEqual(['evidence', 0]);
    sets.decide([proof!]);
    changes.decided(1, '', [proof!], 0);
    // The third is used up for one height; afterwards it is the turn of the other.
    expect(changes.due(0)).toEqual([]);
    sets.decide([]);
    expect(changes.due(0)).toEqual([added]);
    sets.decide([added]);
    changes.decided(3, '', [added], 0);
    expect(changes.due(0)).toEqual([]);
  });

  it('removes who was found guilty of amnesia, with a command that stays the same', () => {
    const { changes, sets, guilty } = pending(() => true);
    const added = change(joiner, 1);
    changes.add(added, 'peer');
    guilty.push(d.peerId);
    const [removal, ...rest] = changes.due(0);
    expect(sets.changesIn([removal!])).toMatchObject([{ id: d.peerId, weight: 0 }]);
    expect([removal!.kind, rest.length]).toEqual(['change', 0]);
    expect(changes.due(0)).toEqual([removal]);
    // Others may not have found it guilty: the next time it is the turn of what was submitted.
    for (const next of [[added], [removal], [added]]) {
      changes.proposed('own');
      sets.decide([]);
      changes.decided(sets.decided, 'other', [], -CHANGE_PAUSE_MS);
      expect(changes.due(0)).toEqual(next);
    }
    while (sets.decided < removal!.lastHeight) sets.decide([]);
    changes.proposed('own');
    changes.decided(sets.decided, 'other', [], -CHANGE_PAUSE_MS);
    const [later] = changes.due(0);
    expect(later!.id).not.toBe(removal!.id);
    expect(later!.lastHeight).toBeGreaterThan(removal!.lastHeight);
  });

  it('waits for a while after a value with changes that was not decided', () => {
    const { changes, sets } = pending(() => true);
    changes.add(change(joiner, 1), 'peer');
    expect(changes.due(0)).toHaveLength(1);
    changes.proposed('own');
    expect(changes.due(0)).toEqual([]);
    sets.decide([]);
    changes.decided(1, 'other', [], 1_000);
    expect(changes.due(1_000 + CHANGE_PAUSE_MS - 1)).toEqual([]);
    expect(changes.due(1_000 + CHANGE_PAUSE_MS)).toHaveLength(1);
  });

  it('keeps so many of each, and forgets what can never be decided', () => {
    const { changes } = pending(() => true);
    for (let count = 0; count < WAITING_CHANGES_MAX; count += 1) {
      expect(changes.add(change(joiner, 1), 'peer')).toBe(true);
    }
    expect(changes.add(change(joiner, 1), 'peer')).toBe(false);
    expect(changes.add(change(joiner, 1), 'other')).toBe(true);
    expect(changes.decided(99, '', [], 0)).toEqual([]);
    expect(changes.decided(100, '', [], 0)).toHaveLength(WAITING_CHANGES_MAX + 1);
    expect(changes.of('peer')).toEqual([]);
  });
});

describe('one that comes late', () => {
  /** A decision by those who are validators at its height, as others give it. */
  function record(
    sets: ChainSets,
    commands: readonly Command[],
    signers: readonly Identity[],
    name?: string,
  ) {
    const height = sets.decided + 1;
    const set = sets.at(height);
    const bytes = encodeBatch(commands);
    const value = name ?? valueIdOf(bytes);
    const proposer = identities[at(set.proposerOf(height, 0))]!;
    const proposal = { from: proposer.peerId, height, round: 0, value, validRound: -1 };
    const certificate = signers.map((identity): SignedVote => {
      const from = identity.peerId;
      const each = { type: 'precommit', from, height, round: 0, value } as const;
      return { ...each, signature: signed(identity, { type: 'vote', vote: each }) };
    });
    const signature = signed(proposer, { type: 'proposal', proposal });
    return encodeMessages([
      { type: 'decision', decision: { proposal: { ...proposal, signature }, certificate } },
      { type: 'value', bytes },
    ]);
  }

  /** Somebody who knows the genesis alone fetches them one by one, until one is refused. */
  async function follow(
    records: readonly Uint8Array[],
    collect?: (id: string) => Promise<Uint8Array>,
  ) {
    const collected: string[] = [];
    const { sets, checker } = open();
    const guard = new PeerGuard(() => {});
    const parts = { guard, checker };
    const catchUp = new CatchUp(joiner.peerId, sets, parts, {
      call: async () => records.slice(sets.decided, sets.decided + 1),
      wait: async () => {},
      ...(collect && {
        collect: (id: string) => {
          collected.push(id);
          return collect(id);
        },
      }),
    });
    const driver = {
      get decided(): number {
        return sets.decided;
      },
      takeDecision: async (_: unknown, value: Uint8Array) => void sets.decide(readBatch(value)!),
    };
    catchUp.heard(a.peerId, records.length);
    catchUp.run(driver as unknown as BftDriver);
    const faults = (): number => guard.counts(0).get(a.peerId)?.faults['bad-decision'] ?? 0;
    await until('the end', () => sets.decided === records.length || faults() > 0);
    await catchUp.close();
    return { sets, faults: faults(), collected };
  }

  /** Decisions one after the other. */
  function recordsOf(heights: readonly (readonly [readonly Command[], readonly Identity[]])[]) {
    const sets = new ChainSets(chain);
    const records = heights.map(([commands, signers]) => {
      const made = record(sets, commands, signers);
      sets.decide(commands);
      return made;
    });
    return { sets, records };
  }

  it('checks each decision by the validators of its height', async () => {
    const { sets, records } = recordsOf([
      [[change(joiner, 1)], [a, b, c]],
      [[plain('x')], [b, c, d]],
      [[evidence(proofAgainst(a, 1))], [b, c, d, joiner]],
      [[], [a, b, c, d]],
      [[plain('y')], [b, c, joiner]],
    ]);
    const late = await follow(records);
    expect(late.faults).toBe(0);
    expect(late.sets.decided).toBe(5);
    expect(late.sets.members).toEqual(sets.members);
  });

  it('collects a value in parts that is left out, when its decision is proven', async () => {
    const value = encodeBatch([makeCommand(new Uint8Array(100_000).fill(1), 9)]);
    const { id } = PartSet.of(value);
    const sets = new ChainSets(chain);
    const shown = (signers: readonly Identity[], name: string): Uint8Array => {
      const [first] = decodeMessages(record(sets, [], signers, name));
      return encodeMessages([first!]);
    };
    const good = await follow([shown([a, b, c], id)], async () => value);
    expect([good.sets.decided, good.faults]).toEqual([1, 0]);
    expect(good.collected).toEqual([id]);
    const few = await follow([shown([a, b], id)], async () => value);
    expect([few.sets.decided, few.faults, few.collected]).toEqual([0, 1, []]);
    // A value of one part comes with its decision, and one that nobody can have does not come.
    for (const name of [valueIdOf(value), id.replace(/^parts1-\d+/, 'parts1-9999999999')]) {
      const other = await follow([shown([a, b, c], name)], async () => value);
      expect([other.sets.decided, other.faults, other.collected]).toEqual([0, 1, []]);
    }
  });

  it.each([
    ['comes two heights later', [[change(joiner, 1)], [a, b, c]], [[], [a, b, joiner]], 1],
    ['was never one', [[], [a, b, c]], [[], [a, b, joiner]], 1],
    ['are too few since one came', [[change(joiner, 1)], [a, b, c]], [[], [a, b, c]], 2],
    ['is removed', [[evidence(proofAgainst(d, 1))], [a, b, c]], [[], [a, b, d]], 2],
  ] as const)('takes no decision with the vote of one who %s', async (_, first, second, right) => {
    const third = [[], second[1]] as const;
    const { records } = recordsOf([first, second, third]);
    const { sets, faults } = await follow(records);
    expect([sets.decided, faults]).toEqual([right, 1]);
  });
});
