/** Processes over QUIC whose decisions have one signature: one lies, one is killed, one joins. */
import { afterAll, expect, it } from 'vitest';
import { decodeMessages, isAggregated } from '../../../../consensus/bft/index.js';
import { LightClient } from '../../../../nodes/bft/index.js';
import { until } from '../../../waiting.js';
import { type ValidatorProcess, ValidatorProcesses } from '../validators.js';

let all: ValidatorProcesses | undefined;
afterAll(() => all?.end());

it('decide with a liar, a kill -9 and a new validator, and a light client follows all of it', async () => {
  all = await ValidatorProcesses.make(4, 1, true, {
    aggregates: 'bls',
    misdeed: 'signs wrong shares',
  });
  const joiner = all.joiner!;
  await Promise.all([...all.all, joiner].map((each) => each.start()));
  const [liar] = all.all as readonly [ValidatorProcess];
  const { correct } = all;
  const [first, second, third] = correct as readonly [
    ValidatorProcess,
    ValidatorProcess,
    ValidatorProcess,
  ];
  for (const [at, each] of correct.entries()) await each.call('submit', [`command ${at}`]);
  const counts = await until('wrong shares of the liar', async () => {
    const found = await Promise.all(correct.map((each) => each.call('faultsOf', liar.id)));
    return found.some((each) => each['bad-signature'] > 0) && found;
  });
  expect(counts.every(({ garbage }) => garbage === 0)).toBe(true);

  // In the middle of a height: what it has signed it signs again with the same bytes.
  const pending = second.call('submit', ['before the end']).catch((error: unknown) => error);
  await second.kill();
  await pending;
  await second.start();
  await second.call('submit', ['after the restart']);

  const change = { publicKey: joiner.publicKey, weight: 1, address: joiner.listen! };
  await expect(first.call('change', change)).rejects.toThrow(/needs a bls key/);
  const proven = await joiner.blsKey;
  const stolen = { ...change, bls: { ...proven, key: (await third.blsKey).key } };
  await expect(first.call('change', stolen)).rejects.toThrow(/not proven to be its/);
  const added = first.call('change', { ...change, bls: proven });
  let count = 0;
  await until('the new one in', async () => {
    count += 1;
    await third.call('submit', [`more ${count}`]);
    return (await joiner.call('status')).weight === 1;
  });
  const from = await added;
  const [place] = await joiner.call('submit', ['by the new one']);
  expect(place!.height).toBeGreaterThanOrEqual(from);

  const height = place!.height;
  const chains = await until('the same at all', async () => {
    const found = await Promise.all([...correct, joiner].map((each) => each.call('chain')));
    return found.every((each) => each.length >= height) && found;
  });
  for (const chain of chains) expect(chain.slice(0, height)).toEqual(chains[0]!.slice(0, height));
  const commands = chains[0]!.flat();
  expect(new Set(commands).size).toBe(commands.length);
  expect(commands).toEqual(expect.arrayContaining(['after the restart', 'by the new one']));

  const client = new LightClient(all.genesis);
  for (let each = 1; each <= height; each += 1) {
    const asked = each % 2 === 0 ? joiner : second;
    const envelope = Buffer.from(await asked.call('decision', each), 'base64');
    const [decision] = decodeMessages(envelope);
    expect(decision?.type === 'decision' && isAggregated(decision.decision)).toBe(true);
    expect(client.follow(envelope).height).toBe(each);
  }

  // Nothing different of one place by a correct one has come to anybody, shares included.
  const contents = new Map<string, Set<string>>();
  for (const each of [...correct, joiner]) {
    for (const [at, found] of await each.call('received')) {
      const known = contents.get(at) ?? new Set();
      for (const content of found) known.add(content);
      contents.set(at, known);
    }
  }
  const doubles = [...contents].filter(([at, found]) => found.size > 1 && !at.startsWith(liar.id));
  expect(doubles).toEqual([]);
  const shares = [...contents.keys()].filter((at) => at.endsWith('share'));
  expect(new Set(shares.map((at) => at.split(' ')[0])).size).toBeGreaterThanOrEqual(4);
});
