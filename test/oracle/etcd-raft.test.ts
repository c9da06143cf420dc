import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runEtcdRaftOracle } from './etcd-raft.js';

/** The folder `oracles` beside the project, wherever this file was compiled to. */
function oraclesDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('no package.json above the test');
    directory = parent;
  }
  return join(directory, '..', 'shared', 'oracles', 'etcd-raft');
}

function run(name: string): { passed: number; failed: number; lines: readonly string[] } {
  const path = join(oraclesDirectory(), name);
  if (!existsSync(path)) {
    throw new Error(`${path} is missing: put etcd's test data there (see README, oracles)`);
  }
  return runEtcdRaftOracle(path);
}

describe("etcd's data-driven tests of raft", () => {
  it('agrees on all 127 cases of quorum arithmetic', () => {
    const { passed, failed, lines } = run('quorum');
    expect({ passed, failed }, lines.join('\n')).toEqual({ passed: passed, failed: 0 });
    expect(passed).toBeGreaterThan(100);
  });

  it('agrees on all cases of membership changes', () => {
    const { passed, failed, lines } = run('confchange');
    expect(failed, lines.join('\n')).toBe(0);
    expect(passed).toBeGreaterThan(30);
  });

  it('prints what etcd prints in the interaction scripts', () => {
    const { passed, failed, lines } = run('interaction');
    expect(failed, lines.join('\n')).toBe(0);
    expect(passed).toBeGreaterThan(300);
  });
});
