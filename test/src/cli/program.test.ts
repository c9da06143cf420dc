import { expect, it } from 'vitest';
import { buildProgram } from '../../../src/cli/program.js';

const namesOf = async (name?: string): Promise<string[]> =>
  (await buildProgram(name)).commands.map((command) => command.name());

it('a group is found by its name alone, and all of them for the help', async () => {
  const all = await namesOf();
  expect(all).toContain('swarm');
  for (const name of all) expect(await namesOf(name)).toEqual([name]);
  for (const unknown of ['--help', 'help', 'swrm', 'constructor', '']) {
    expect(await namesOf(unknown)).toEqual(all);
  }
  expect(await namesOf('--version')).toEqual([]);
});
