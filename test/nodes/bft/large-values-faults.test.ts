/** A validator as a process that proposes large values and does not give them as it should. */
import { afterAll, describe, expect, it } from 'vitest';
import { until } from '../../waiting.js';
import { ValidatorProcesses } from './validators.js';

const MEBIBYTE = 1024 * 1024;
const started: ValidatorProcesses[] = [];

afterAll(async () => {
  for (const each of started) await each.end();
});

describe('four validators, of which one proposes large values that it does not give', () => {
  it.each([
    ['lies about parts', 'bad-part'],
    ['withholds parts', null],
    ['claims gigabytes', 'garbage'],
  ] as const)('decide without it when it %s', async (misdeed, fault) => {
    const all = await ValidatorProcesses.make(4, 1, false, { partsFrom: 1, misdeed });
    started.push(all);
    await Promise.all(all.all.map((each) => each.start()));
    const [liar] = all.all;
    const [first] = all.correct;
    const digests: string[] = [];
    // Each has its turn to propose, the liar too: then the next round decides, or it is found out.
    await until('a round of the liar that passes', async () => {
      const { digest } = await first!.call('submitLarge', MEBIBYTE, digests.length);
      digests.push(digest);
      const rounds = await first!.call('roundsOf');
      const counts = await Promise.all(all.correct.map((each) => each.call('faultsOf', liar!.id)));
      const sum = counts.reduce((most, each) => most + (fault === null ? 0 : each[fault]), 0);
      return rounds.some((round) => round > 0) && (fault === null || sum > 0);
    });
    await until('the same at all', async () => {
      const found = await Promise.all(all.correct.map((each) => each.call('largeApplied')));
      return found.every((each) => digests.every((digest) => each.includes(digest)));
    });
    const chains = await Promise.all(all.correct.map((each) => each.call('chain')));
    const height = Math.min(...chains.map(({ length }) => length));
    for (const chain of chains) expect(chain.slice(0, height)).toEqual(chains[0]!.slice(0, height));
    // Nothing of it was applied twice.
    const large = chains[0]!.flat().filter((text) => text.startsWith('sha256 '));
    expect(new Set(large).size).toBe(large.length);
  });
});
