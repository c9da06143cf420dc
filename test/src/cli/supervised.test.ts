import { describe, expect, it } from 'vitest';

import { childArguments } from '../../../src/cli/supervised.js';

const ROWS: readonly (readonly [given: string, expected: string])[] = [
  ['node start --data d --supervise', 'node start --data /root --supervised'],
  ['node start --supervise --data=d --json', 'node start --json --data /root --supervised'],
  [
    'node start --data d --supervise --lease-reads --snapshot-bytes-per-second 70000',
    'node start --lease-reads --snapshot-bytes-per-second 70000 --data /root --supervised',
  ],
  // The supervisor has joined; a token does not stand in the command line of another process.
  [
    'node start --data d --supervise --listen h:1 --advertise=h:2 --join h:3#p --token t',
    'node start --data /root --supervised',
  ],
  // It stands in the environment, which a build that does not know the option passes over.
  ['node start --topics-listen h:1 --supervise', 'node start --data /root --supervised'],
];

describe('the arguments of a supervised process', () => {
  it.each(ROWS)('of %s', (given, expected) => {
    expect(childArguments(given.split(' '), '/root').join(' ')).toBe(expected);
  });
});
