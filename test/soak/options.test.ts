import { describe, expect, it } from 'vitest';

import { parseSoakOptions, soakCommand } from './options.js';

function parsed(...args: readonly string[]) {
  const command = soakCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return parseSoakOptions(args, command);
}

describe('options of the soak', () => {
  it('roll both kinds with random kills unless told otherwise', () => {
    expect(parsed()).toMatchObject({
      rounds: 1,
      nodes: 5,
      kinds: ['engine', 'release'],
      kill: 'random',
      partitions: false,
      strict: false,
    });
    expect(parsed('--kind', 'release', '--soak', '3').kinds).toEqual(['release']);
    expect(parsed('--soak', '3').soakMs).toBe(3_000);
    expect(parsed('--fault-pause', '6').faultPauseMs).toBe(6_000);
  });

  it.each([
    [['--rounds', '0'], '--rounds must be a whole number from 1'],
    [['--nodes', '2'], '--nodes must be a whole number from 3 to 15'],
    [['--kill', 'all'], 'Allowed choices are none, random, leader'],
    [['--kind', 'v3'], 'Allowed choices are engine, release, both'],
    [['--clients', '1.5'], '--clients must be a whole number'],
  ])('refuse %j', (args, message) => {
    expect(() => parsed(...args)).toThrow(message);
  });
});
