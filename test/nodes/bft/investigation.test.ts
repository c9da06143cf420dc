import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeMessages } from '../../../consensus/bft/index.js';
import { freePort } from '../../../examples/rolling-migration/ports.js';
import { encodeBatch, valueIdOf } from '../../../nodes/bft/batch.js';
import {
  type ForkReport,
  type Validator,
  investigateFork,
  openValidator,
} from '../../../nodes/bft/index.js';
import { encodeAccusation, readAccusation } from '../../../nodes/bft/investigation.js';
import { PolkaStore, encodePolka, readPolka } from '../../../nodes/bft/polkas.js';
import { nodeDisk } from '../../../nodes/storage/index.js';
import { until } from '../../waiting.js';
import { Signers } from './signers.js';

const root = mkdtempSync(join(tmpdir(), 'bft-fork-'));
const running: Validator[] = [];

afterAll(async () => {
  for (const validator of running) await validator.close();
  rmSync(root, { recursive: true, force: true });
});

const signers = new Signers([1, 2, 3, 4]);
const early = signers.decision([0, 1, 2], 0, 'v');
const late = signers.decision([1, 2, 3], 4, 'w');

describe('an investigation', () => {
  /** Each is asked by its place; what it shows. */
  const investigate = async (
    decisions: readonly [Uint8Array, Uint8Array],
    show: (at: number, kind: string) => Uint8Array | null,
    genesis = signers.genesis,
  ): Promise<ForkReport> =>
    investigateFork({
      genesis,
      decisions,
      earlier: () => Promise.reject(new Error('no earlier height is needed')),
      ask: async (accused, bytes) => {
        const accusation = readAccusation(bytes);
        expect(encodeAccusation(accusation)).toEqual(bytes);
        expect(accusation.accused).toBe(accused);
        const at = signers.identities.findIndex(({ peerId }) => peerId === accused);
        return show(at, accusation.type);
      },
    });

  it('of a fork in one round needs nobody to be asked, and its proofs are evidence', async () => {
    const report = await investigate([early, signers.decision([1, 2, 3], 0, 'w')], () => {
      throw new Error('nobody is asked');
    });
    expect([signers.named(report), report.height]).toEqual(['equivocation 1,2', 1]);
  });

  it('asks the accused, and names those who have no answer', async () => {
    const polka = encodePolka(signers.polka([1, 2, 3], 4, 'w'));
    const report = await investigate([late, early], (at) => (at === 3 ? polka : null));
    expect(signers.named(report)).toBe('amnesia 1,2');
    expect(report.polkas).toEqual([polka]);
    const accusation = readAccusation(report.culprits[0]!.proof);
    expect(accusation).toMatchObject({
      type: 'amnesia',
      precommit: { round: 0 },
      prevote: { round: 4 },
    });
  });

  it('takes no answer that is not signed, not readable, or of something else', async () => {
    const foreign = new Signers([1, 2, 3, 4]);
    const forged = signers.polka([1, 2, 3], 4, 'w').map((vote, at) => ({
      ...vote,
      signature: foreign.polka([1, 2, 3], 4, 'w')[at]!.signature,
    }));
    for (const bytes of [
      encodePolka(forged),
      new Uint8Array([9, 9]),
      encodeMessages([]),
      encodePolka(signers.polka([1, 2, 3], 3, 'w')),
    ]) {
      const report = await investigate([early, late], () => bytes);
      expect(signers.named(report)).toBe('unfounded 1,2,3');
    }
  });

  it('is refused for what is no fork of this chain', async () => {
    const other = new Signers([1, 2, 3, 4], 'another', signers.identities);
    for (const [one, two] of [
      [early, signers.decision([1, 2, 3], 4, 'v')],
      [early, signers.decision([2, 3], 4, 'w')],
      [early, signers.decision([1, 2, 3], 4, 'w', 2)],
      [early, encodePolka(signers.polka([1, 2, 3], 4, 'w'))],
      [other.decision([0, 1, 2], 0, 'v'), other.decision([1, 2, 3], 0, 'w')],
    ] as const) {
      await expect(investigate([one, two], () => null)).rejects.toMatchObject({
        code: 'bad-option',
      });
    }
  });

  it('follows the validators to the height of the fork where they may change', async () => {
    const genesis = { ...signers.genesis, changesFrom: 1 };
    const asked: number[] = [];
    const report = await investigateFork({
      genesis,
      decisions: [signers.decision([0, 1, 2], 0, 'v', 3), signers.decision([1, 2, 3], 0, 'w', 3)],
      earlier: async (height) => {
        asked.push(height);
        return encodeMessages([
          { type: 'certificate', certificate: [] },
          { type: 'value', bytes: encodeBatch([]) },
        ]);
      },
      ask: () => Promise.reject(new Error('nobody is asked')),
    });
    expect(asked).toEqual([1, 2]);
    expect(signers.named(report)).toBe('equivocation 1,2');
  });
});

describe('polkas on the disk', () => {
  const accusation = (round: number, value: string, height: number) =>
    readAccusation(
      encodeAccusation({
        type: 'unfounded',
        accused: signers.identities[0]!.peerId,
        precommit: signers.votes('precommit', [0], round, value, height)[0]!,
      }),
    );

  it('are there after a restart, once each', async () => {
    const directory = mkdtempSync(join(root, 'polkas-'));
    const { digest } = signers.chain;
    const polka = signers.polka([0, 1, 2], 2, 'v');
    const before = await PolkaStore.open(directory, digest);
    await before.keep(polka);
    const { size } = statSync(join(directory, 'polkas-0'));
    await before.keep(polka);
    expect(statSync(join(directory, 'polkas-0')).size).toBe(size);
    await before.close();
    const store = await PolkaStore.open(directory, digest);
    expect(readPolka((await store.answer(accusation(2, 'v', 1)))!)).toEqual(polka);
    expect(await store.answer(accusation(1, 'v', 1))).toBe(null);
    expect(await store.answer(accusation(2, 'w', 1))).toBe(null);
    expect(await store.answer(accusation(2, 'v', 2))).toBe(null);
    await store.close();
  });

  it('take so many bytes and no more, of which the older half is forgotten', async () => {
    const directory = mkdtempSync(join(root, 'polkas-'));
    const { digest } = signers.chain;
    const bytes = 4_000;
    let store = await PolkaStore.open(directory, digest, nodeDisk, bytes);
    for (let height = 1; height <= 40; height += 1) {
      await store.keep(signers.polka([0, 1, 2], 0, 'v', height));
      if (height % 7 !== 0) continue;
      await store.close();
      store = await PolkaStore.open(directory, digest, nodeDisk, bytes);
    }
    const found: number[] = [];
    for (let height = 1; height <= 40; height += 1) {
      if ((await store.answer(accusation(0, 'v', height))) !== null) found.push(height);
    }
    await store.close();
    const record = encodePolka(signers.polka([0, 1, 2], 0, 'v', 40)).length + 8;
    const most = Math.floor((bytes - 40) / record);
    expect(found.at(-1)).toBe(40);
    expect(found).toEqual(found.map((_, at) => 40 - found.length + 1 + at));
    expect(found.length).toBeGreaterThanOrEqual(most);
    expect(found.length).toBeLessThanOrEqual(2 * most);
  });
});

describe('four validators', () => {
  it('show each other what justifies their votes, also after a restart', async () => {
    const ports: number[] = [];
    while (ports.length < 4) ports.push(await freePort());
    const four = new Signers(ports, 'four');
    const directories = ports.map(() => mkdtempSync(join(root, 'validator-')));
    const open = async (at: number): Promise<Validator> => {
      const validator = await openValidator({
        directory: directories[at]!,
        identity: four.identities[at]!,
        genesis: four.genesis,
        apply: () => {},
      });
      running.push(validator);
      return validator;
    };
    const [first, second, third, fourth] = await Promise.all([0, 1, 2, 3].map(open));
    await first!.submit(Buffer.from('command'));
    await until('one height on all', () => [second, third, fourth].every((v) => v!.height > 0));
    const [decided] = await first!.decision(1);
    if (decided?.type !== 'decision') throw new Error('the height is decided');
    const { round } = decided.decision.proposal;

    // Three of them forge a decision and the way to it, which they are ready to show.
    const value = valueIdOf(encodeBatch([]));
    const forged = four.decision([1, 2, 3], round + 3, value);
    for (const [at, validator] of [second, third, fourth].entries()) {
      await validator!.close();
      const store = await PolkaStore.open(directories[at + 1]!, four.chain.digest);
      await store.keep(four.polka([1, 2, 3], round + 3, value));
      await store.keep(four.polka([1, 2, 3], round, value));
      await store.close();
      await open(at + 1);
    }
    // Two steps down to the round of the decision, and one for the polka that the validators kept.
    const report = await first!.investigate(forged, 30_000);
    expect(report.culprits.map(({ kind }) => kind)).toContain('equivocation');
    const ids = four.identities.map(({ peerId }) => peerId);
    const named = report.culprits.map(({ culprit }) => ids.indexOf(culprit));
    expect(named.length).toBeGreaterThan(1);
    expect(named).not.toContain(0);
    expect(report.polkas.length).toBeGreaterThanOrEqual(3);

    await expect(first!.investigate(four.decision([1, 2, 3], 0, value, 9))).rejects.toMatchObject({
      code: 'bad-option',
    });
  }, 180_000);
});
