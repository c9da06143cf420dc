/** Decisions, verified by somebody who trusts the genesis alone. */
import { describe, expect, it } from 'vitest';

import { ValidatorSet } from '../../../consensus/bft/index.js';
import { encodeBatch, makeCommand } from '../../../nodes/bft/batch.js';
import { encodeChange } from '../../../nodes/bft/change.js';
import { LightClient, publicKeyOf } from '../../../nodes/bft/index.js';
import { LARGE_VALUE_BYTES_MAX } from '../../../nodes/bft/limits.js';
import { PartSet } from '../../../nodes/bft/parts/part-set.js';
import { createIdentity } from '../../../transport/identity/index.js';
import { Signers } from './signers.js';

/** Four validators at first, and one that joins. */
const signers = new Signers(
  [1, 2, 3, 4],
  'light',
  Array.from({ length: 5 }, () => createIdentity()),
);
const five = new ValidatorSet(
  signers.identities.map(({ peerId }) => ({ id: peerId, weight: 100 })),
);
const joining = signers.identities[4]!;
const join = makeCommand(
  encodeChange({
    publicKey: publicKeyOf(joining),
    weight: 100,
    address: { host: '127.0.0.1', port: 5 },
  }),
  100,
  'change',
);

function batch(...words: readonly string[]): Uint8Array {
  return encodeBatch(words.map((word) => makeCommand(Buffer.from(word), 100)));
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const unproven = (sentence: RegExp): object =>
  expect.objectContaining({ code: 'unproven', message: expect.stringMatching(sentence) as string });

describe('a light client', () => {
  it('verifies any height where validators never change', () => {
    const client = new LightClient(signers.genesis);
    const { height, commands } = client.verify(signers.decided([0, 1, 3], 77, batch('a', 'b')));
    expect([height, commands.map(text)]).toEqual([77, ['a', 'b']]);
    expect(client.height).toBe(0);
  });

  it('follows validators that change, from the height on in which they count', () => {
    const client = new LightClient({ ...signers.genesis, changesFrom: 1 });
    const first = client.follow(signers.decided([0, 1, 2], 1, encodeBatch([join])));
    expect(first.changes).toMatchObject([{ id: joining.peerId, weight: 100 }]);
    // Of five, three are too few.
    const value = batch('c');
    const withThree = signers.decided([0, 1, 2], 3, value, five);
    client.follow(signers.decided([1, 2, 3], 2, batch()));
    expect(() => client.follow(withThree)).toThrow(unproven(/two thirds/));
    expect(() => client.verify(withThree)).toThrow(unproven(/two thirds/));
    expect(client.height).toBe(2);
    const withFour = signers.decided([0, 1, 2, 4], 3, value, five);
    expect(client.verify(withFour).height).toBe(3);
    expect(client.follow(withFour).commands.map(text)).toEqual(['c']);
    expect(client.height).toBe(3);
  });

  it('verifies large values by the name of their parts', () => {
    const client = new LightClient({ ...signers.genesis, partsFrom: 1 });
    const value = encodeBatch([makeCommand(new Uint8Array(5 * 1024 * 1024).fill(7), 100)]);
    const { id } = PartSet.of(value);
    const validators = signers.chain.validators;
    const { commands } = client.verify(signers.decided([0, 1, 2], 9, value, validators, id));
    expect(commands.map(({ length }) => length)).toEqual([5 * 1024 * 1024]);
    const other = value.slice();
    other[4 * 1024 * 1024]! ^= 1;
    const wrong = signers.decided([0, 1, 2], 9, other, validators, id);
    expect(() => client.verify(wrong)).toThrow(unproven(/another value/));
    const short = signers.decided([0, 1, 2], 9, value.subarray(0, 9), validators, id);
    expect(() => client.verify(short)).toThrow(unproven(/another value/));
    const long = new Uint8Array(LARGE_VALUE_BYTES_MAX + 1);
    const tooLong = signers.decided([0, 1, 2], 9, long, validators, id);
    expect(() => client.verify(tooLong)).toThrow(unproven(/too long/));
  });

  it('says that it does not know the validators of a height', () => {
    const client = new LightClient({ ...signers.genesis, changesFrom: 5 });
    expect(client.verify(signers.decided([0, 1, 2], 6, batch())).height).toBe(6);
    expect(() => client.verify(signers.decided([0, 1, 2], 7, batch()))).toThrow(
      unproven(/follow the decisions up to height 5; this client has followed them up to 0/),
    );
  });

  it('takes one height after the other', () => {
    const client = new LightClient(signers.genesis);
    client.follow(signers.decided([0, 1, 2], 1, batch()));
    for (const height of [1, 3]) {
      const other = signers.decided([0, 1, 2], height, batch());
      expect(() => client.follow(other)).toThrow(unproven(/and 2 comes next|two thirds/));
    }
    expect(client.height).toBe(1);
  });

  it('believes nothing that is changed, cut, of another chain or signed by too few', () => {
    const client = new LightClient(signers.genesis);
    const good = signers.decided([0, 1, 2], 1, batch('good'));
    const other = new Signers([1, 2, 3, 4], 'other', signers.identities);
    const bad = [
      signers.decided([0, 1], 1, batch('good')),
      signers.decided([0, 1, 1], 1, batch('good')),
      signers.decided([0, 1, 4], 1, batch('good')),
      signers.decision([0, 1, 2], 0, 'good'),
      other.decided([0, 1, 2], 1, batch('good')),
      signers.decided([0, 1, 2], 1, Buffer.from('no batch')),
      new Uint8Array(),
    ];
    for (const envelope of bad) expect(() => client.verify(envelope)).toThrow(unproven(/./));
    for (let at = 0; at < good.length; at += 1) {
      const changed = good.slice();
      changed[at]! ^= 1;
      expect(() => client.verify(changed), `byte ${at}`).toThrow(unproven(/./));
      if (at % 16 === 0) {
        expect(() => client.verify(good.slice(0, at))).toThrow(unproven(/./));
      }
    }
    expect(client.verify(good).commands.map(text)).toEqual(['good']);
  });

  it('does not follow a change that the chain could not have decided', () => {
    const client = new LightClient({ ...signers.genesis, changesFrom: 1 });
    const key = publicKeyOf(joining);
    const address = { host: '127.0.0.1', port: 5 };
    const tooMuch = makeCommand(
      encodeChange({ publicKey: key, weight: 200, address }),
      9,
      'change',
    );
    const envelope = signers.decided([0, 1, 2], 1, encodeBatch([tooMuch]));
    expect(() => client.follow(envelope)).toThrow(unproven(/at most a third/));
    expect(client.height).toBe(0);
  });
});
