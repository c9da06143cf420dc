import { afterAll, describe, expect, it } from 'vitest';
import { until } from '../../waiting.js';
import { ValidatorProcesses } from './validators.js';

const started: ValidatorProcesses[] = [];

afterAll(async () => {
  for (const each of started) await each.end();
});

describe('five validators, of which one joins and one forgets what it was locked on', () => {
  it('find it out, remove it, and nobody else, also after a restart', async () => {
    const all = await ValidatorProcesses.make(4, 1, true, { misdeed: 'forgets its lock' });
    started.push(all);
    const joiner = all.joiner!;
    await Promise.all([...all.all, joiner].map((each) => each.start()));
    const liar = all.all[0]!;
    const [first, second, third] = all.correct;
    const { publicKey, listen } = joiner;
    const added = first!.call('change', { publicKey, weight: 1, address: listen! });
    const members = [...all.correct.map(({ id }) => id), joiner.id].sort();
    let count = 0;
    await until('the new one in, the one that forgets out', async () => {
      count += 1;
      await second!.call('submit', [`command ${count}`]);
      const found = await Promise.all(all.correct.map((each) => each.call('members')));
      return found.every((each) => each.sort().join(' ') === members.join(' '));
    });
    expect(await added).toBeGreaterThan(2);
    const found = (await Promise.all(all.correct.map((each) => each.call('evidence')))).flat();
    expect(found.length).toBeGreaterThan(0);
    for (const each of found) expect(each).toEqual({ culprit: liar.id, kind: 'amnesia' });
    // What it found is on its disk.
    const before = await third!.call('evidence');
    await third!.kill();
    await third!.start();
    expect(await third!.call('evidence')).toEqual(before);
    await third!.call('submit', ['after the restart']);
  });
});
