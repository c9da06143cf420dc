/** Values in parts among validators as processes over QUIC. */
import { afterAll, describe, expect, it } from 'vitest';
import { LightClient } from '../../../nodes/bft/index.js';
import { COMMAND_BYTES_MAX, LARGE_COMMAND_BYTES_MAX } from '../../../nodes/bft/limits.js';
import { until } from '../../waiting.js';
import { ValidatorProcesses } from './validators.js';

const MEBIBYTE = 1024 * 1024;
const started: ValidatorProcesses[] = [];

afterAll(async () => {
  for (const each of started) await each.end();
});

async function validators(partsFrom = 1): Promise<ValidatorProcesses> {
  const made = await ValidatorProcesses.make(4, 0, false, { partsFrom });
  started.push(made);
  await Promise.all(made.all.map((each) => each.start()));
  return made;
}

describe('four validators with values in parts', () => {
  it('decide large commands, short ones beside them, and one that was killed catches up', async () => {
    const all = await validators();
    const [first, second, third, last] = all.all as [
      ValidatorProcesses['all'][number],
      ValidatorProcesses['all'][number],
      ValidatorProcesses['all'][number],
      ValidatorProcesses['all'][number],
    ];
    const large = await first.call('submitLarge', 2 * MEBIBYTE, 1);
    await second.call('submit', ['short']);
    await last.kill();
    const [again, largest] = await Promise.all([
      second.call('submitLarge', MEBIBYTE + 1, 2),
      third.call('submitLarge', LARGE_COMMAND_BYTES_MAX, 3),
    ]);
    // Killed in the middle of collecting: what is in parts was promised to nobody.
    const before = third.call('submitLarge', 2 * MEBIBYTE, 4);
    await last.start();
    await until('parts on their way', async () => (await last.call('partsReceived')) > 0);
    await last.kill();
    await before;
    await last.start();
    const after = await last.call('submitLarge', MEBIBYTE, 5);

    const digests = [large, again, largest, await before, after].map(({ digest }) => digest);
    await until('the same at all', async () => {
      const found = await Promise.all(all.all.map((each) => each.call('largeApplied')));
      return found.every((each) => digests.every((digest) => each.includes(digest)));
    });
    const chains = await Promise.all(all.all.map((each) => each.call('chain')));
    const height = Math.min(...chains.map(({ length }) => length));
    for (const chain of chains) expect(chain.slice(0, height)).toEqual(chains[0]!.slice(0, height));

    // Anybody who knows the genesis can check it.
    const client = new LightClient(all.genesis);
    const envelope = await second.call('decision', largest.height);
    const { commands } = client.verify(Buffer.from(envelope, 'base64'));
    expect(commands.some(({ length }) => length === LARGE_COMMAND_BYTES_MAX)).toBe(true);

    // After a restart what was decided is applied again from the files.
    await first.kill();
    await first.start();
    expect(await first.call('largeApplied')).toEqual(expect.arrayContaining(digests));
    expect(await first.call('tryLarge', LARGE_COMMAND_BYTES_MAX + 1)).toBe('bad-command');
  });

  it('have them from the height on that the genesis names', async () => {
    const all = await validators(3);
    const [first, second] = all.all;
    expect(await first!.call('tryLarge', COMMAND_BYTES_MAX + 1)).toBe('bad-command');
    for (const text of ['one', 'two', 'three']) await first!.call('submit', [text]);
    const { height } = await until('a large one', async () => {
      return second!.call('submitLarge', COMMAND_BYTES_MAX + 1, 1).catch(() => false as const);
    });
    expect(height).toBeGreaterThanOrEqual(3);
  });
});
