import { afterAll, describe, expect, it } from 'vitest';
import { until } from '../../waiting.js';
import { type ValidatorProcess, ValidatorProcesses } from './validators.js';

const started: ValidatorProcesses[] = [];

afterAll(async () => {
  for (const each of started) await each.end();
});

async function validators(count: number, liars: number): Promise<ValidatorProcesses> {
  const made = await ValidatorProcesses.make(count, liars);
  started.push(made);
  await Promise.all(made.all.map((each) => each.start()));
  return made;
}

/** The same commands at the same heights, as far as both have them; and at least `heights` of them. */
async function expectSameChain(
  some: readonly ValidatorProcess[],
  heights: number,
): Promise<readonly (readonly string[])[]> {
  const chains = await until(`${heights} heights on all`, async () => {
    const chains = await Promise.all(some.map((each) => each.call('chain')));
    return chains.every(({ length }) => length >= heights) && chains;
  });
  for (const chain of chains) expect(chain.slice(0, heights)).toEqual(chains[0]!.slice(0, heights));
  return chains[0]!;
}

/** No two different messages of one place by a correct validator have come to anybody. */
async function expectNoDoubleSigning(all: ValidatorProcesses): Promise<void> {
  const correct = new Set(all.correct.map(({ id }) => id));
  const contents = new Map<string, Set<string>>();
  for (const each of all.correct) {
    for (const [place, found] of await each.call('received')) {
      const known = contents.get(place) ?? new Set();
      for (const content of found) known.add(content);
      contents.set(place, known);
    }
  }
  const doubles = [...contents].filter(
    ([place, found]) => found.size > 1 && correct.has(place.split(' ')[0]!),
  );
  expect(doubles).toEqual([]);
  expect([...contents.keys()].some((place) => correct.has(place.split(' ')[0]!))).toBe(true);
}

describe('four validators, of which one equivocates', () => {
  it('decide the same, name it, and one that is killed comes back without contradicting itself', async () => {
    const all = await validators(4, 1);
    const [liar, first, second, third] = all.all as readonly [
      ValidatorProcess,
      ValidatorProcess,
      ValidatorProcess,
      ValidatorProcess,
    ];
    let heights = 0;
    for (let at = 0; at < 8; at += 1) {
      const submitter = [first, second, third][at % 3]!;
      const [place] = await submitter.call('submit', [`command ${at}`]);
      expect(place!.height).toBeGreaterThan(heights);
      heights = place!.height;
    }
    const chain = await expectSameChain([first, second, third], heights);
    const commands = chain.flat().filter((text) => text.startsWith('command'));
    expect(new Set(commands).size).toBe(8);
    expect(commands).toHaveLength(8);

    await until('evidence against the liar', async () => {
      const found = await Promise.all(all.correct.map((each) => each.call('evidence')));
      expect(found.flat().every(({ culprit }) => culprit === liar.id)).toBe(true);
      return found.some((each) => each.length > 0);
    });

    // Killed in the middle of its work: it is in some height with some of its messages sent.
    const pending = second.call('submit', ['before the end']).catch((error: unknown) => error);
    await second.kill();
    await pending;
    // Two correct ones and the liar are no quorum that can be counted on: it comes back at once.
    await second.start();
    const [place] = await second.call('submit', ['after the restart']);
    const again = await expectSameChain([first, second, third], place!.height);
    expect(again[place!.height - 1]).toContain('after the restart');
    await expectNoDoubleSigning(all);
    for (const each of all.correct) {
      expect((await each.call('evidence')).every(({ culprit }) => culprit === liar.id)).toBe(true);
    }
  });
});

describe('seven validators, of which two equivocate', () => {
  it('decide the same in spite of them, and evidence names both', async () => {
    const all = await validators(7, 2);
    const liars = all.all.filter(({ equivocates }) => equivocates).map(({ id }) => id);
    expect(liars).toHaveLength(2);
    const texts: string[] = [];
    let heights = 0;
    const accused = new Set<string>();
    // Each has its turn to propose, the two too; and they are found out while it goes on.
    await until('seven heights, and evidence against both', async () => {
      const submitter = all.correct[texts.length % all.correct.length]!;
      texts.push(`command ${texts.length}`);
      const [place] = await submitter.call('submit', [texts.at(-1)!]);
      expect(place!.height).toBeGreaterThan(heights);
      heights = place!.height;
      for (const each of all.correct) {
        for (const { culprit } of await each.call('evidence')) accused.add(culprit);
      }
      expect(liars).toEqual(expect.arrayContaining([...accused]));
      return heights >= 7 && accused.size === 2;
    });
    const chain = await expectSameChain(all.correct, heights);
    const commands = chain.flat().filter((text) => text.startsWith('command'));
    expect(commands).toEqual(texts);
    await expectNoDoubleSigning(all);
  });
});

describe('five validators, of which one joins and one equivocates', () => {
  it('go on with the new one, without the one that was found out, which learns of it', async () => {
    const all = await ValidatorProcesses.make(4, 1, true);
    started.push(all);
    const joiner = all.joiner!;
    await Promise.all([...all.all, joiner].map((each) => each.start()));
    const liar = all.all[0]!;
    const [first, second] = all.correct as readonly [ValidatorProcess, ValidatorProcess];
    expect(await joiner.call('trySubmit', 'too early')).toBe('no-validator');

    const { publicKey, listen } = joiner;
    const added = first.call('change', { publicKey, weight: 1, address: listen! });
    const members = [...all.correct.map(({ id }) => id), joiner.id].sort();
    let count = 0;
    await until(
      'the new one in, the liar out, at all correct ones and at the new one',
      async () => {
        // Something is to be decided now and then: a set counts two heights after its decision.
        count += 1;
        await second.call('submit', [`command ${count}`]);
        const now = await Promise.all(
          [...all.correct, joiner].map(async (each) => {
            return { members: await each.call('members'), status: await each.call('status') };
          }),
        );
        return now.every((each) => {
          return each.members.sort().join(' ') === members.join(' ') && each.status.weight === 1;
        });
      },
    );
    expect(await added).toBeGreaterThan(2);

    // It decides with the others from now on, and three of the four can do it.
    const [place] = await joiner.call('submit', ['by the new one']);
    const chain = await expectSameChain([...all.correct, joiner], place!.height);
    expect(chain[place!.height - 1]).toContain('by the new one');
    const commands = chain.flat().filter((text) => text.startsWith('command'));
    expect(new Set(commands).size).toBe(commands.length);

    await until('the liar knows that it is out', async () => {
      return (await liar.call('trySubmit', 'by the liar')) === 'no-validator';
    });
    // It may hear of its own end before it hears of the new one.
    await until('the liar knows of the new one', async () => {
      return (await liar.call('members')).join(' ') === members.join(' ');
    });
    expect((await liar.call('status')).weight).toBe(0);

    // Who the validators are is known after a restart, without the genesis naming them.
    await joiner.kill();
    await joiner.start();
    expect((await joiner.call('members')).sort()).toEqual(members);
    const [last] = await joiner.call('submit', ['after the restart']);
    await expectSameChain([...all.correct, joiner], last!.height);
    await expectNoDoubleSigning(all);
  });
});

describe('four correct validators', () => {
  it('go on without one, which catches up, and rest when there is nothing to decide', async () => {
    const all = await validators(4, 0);
    const [first, second, , last] = all.all as readonly ValidatorProcess[];
    await first!.call('submit', ['one']);
    await last!.kill();
    for (const text of ['two', 'three', 'four']) await second!.call('submit', [text]);
    await last!.start();
    const [place] = await last!.call('submit', ['five']);
    const chain = await expectSameChain(all.all, place!.height);
    expect(chain.flat()).toEqual(['one', 'two', 'three', 'four', 'five']);

    const heightsOf = () =>
      Promise.all(all.all.map(async (each) => (await each.call('status')).height));
    const before = await heightsOf();
    await until('time for many heights has passed', async () => {
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      return true;
    });
    expect(await heightsOf()).toEqual(before);
    await expectNoDoubleSigning(all);
  });
});
