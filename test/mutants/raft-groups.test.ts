import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { raftGroupsMutants } from './raft-groups.js';

describe('the mutants of the groups', () => {
  it.each(raftGroupsMutants)('can still be made: $bug', ({ file, source, replacement, test }) => {
    expect(readFileSync(file, 'utf8').split(source)).toHaveLength(2);
    expect(replacement).not.toBe(source);
    expect(existsSync(test)).toBe(true);
  });
});
