/** The judge of the oracle itself: a report that is wrong in any way must not pass. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { findInstallations } from '../../oracle/v1-installations.js';
import { judgeMigration, type JudgedReport, mustBeRefused } from '../../oracle/v1-judge.js';
import { scratch } from '../memory/support.js';
import { writeWithLog } from './backup/support.js';
import { treeDifferences } from './backup/tree.js';

const STORE = '.swarm/memory.db';
const known = {
  expected: [
    { name: STORE, isSound: true, rows: { patterns: 10, pattern_links: 4, metrics_log: 0 } },
  ],
  recoverable: undefined,
};

const right: JudgedReport = {
  exitCode: 2,
  outcome: 'migrated',
  stores: [{ name: STORE, state: 'ok' }],
  tables: [
    { store: STORE, table: 'patterns', v1: 10, migrated: 10, quarantined: 0, lost: 0 },
    { store: STORE, table: 'pattern_links', v1: 4, migrated: 3, quarantined: 1, lost: 0 },
    { store: 'memory/memory-store.json', table: 'x', v1: 2, migrated: 2, quarantined: 0, lost: 0 },
  ],
  quarantined: [{ store: STORE, table: 'pattern_links', reason: 'dangling', sentence: 'no p9' }],
  quarantinedCount: 1,
};

function table(i: number, change: Partial<JudgedReport['tables'][number]>): Partial<JudgedReport> {
  return { tables: right.tables.map((each, at) => (at === i ? { ...each, ...change } : each)) };
}

describe('the judge of a migration', () => {
  it('has nothing against a right one', () => {
    expect(judgeMigration(right, known)).toEqual([]);
    expect(judgeMigration(right, { expected: undefined, recoverable: undefined })).toEqual([]);
  });

  const wrong: readonly (readonly [string, Partial<JudgedReport>, RegExp])[] = [
    ['a row short', table(0, { v1: 9, migrated: 9 }), /10 rows expected, 9 migrated/],
    ['a row too many', table(0, { v1: 11, migrated: 11 }), /10 rows expected, 11 migrated/],
    ['a row that went nowhere', table(0, { migrated: 9 }), /10 rows, but 9 migrated/],
    ['a lost row of a sound file', table(0, { v1: 9, migrated: 9, lost: 1 }), /lost in a sound/],
    ['a table left out', { tables: right.tables.slice(1) }, /patterns: 10 rows expected, 0 mig/],
    ['a store under another name', table(0, { store: 'other.db' }), /patterns: 10 rows expected/],
    ['a table of nowhere', table(2, { store: STORE }), /x: 2 rows of nowhere/],
    ['the wrong exit code', { exitCode: 0 }, /exit code is 0 instead of 2/],
    ['another outcome', { outcome: 'already-migrated' }, /outcome is already-migrated/],
    ['a wrong sum of quarantine', { quarantinedCount: 2 }, /2 rows in quarantine, but 1/],
    ['an unlisted quarantine', { quarantined: [] }, /no quarantined row is listed/],
    [
      'a quarantine without a reason',
      { quarantined: right.quarantined.map((entry) => ({ ...entry, sentence: '' })) },
      /without a reason/,
    ],
  ];
  it.each(wrong)('names %s', (_name, change, sentence) => {
    const problems = judgeMigration({ ...right, ...change }, known);
    expect(problems.join('\n')).toMatch(sentence);
  });

  it('takes the lost rows of a damaged file into account, and what others salvage', () => {
    const expected = [{ name: STORE, isSound: false, rows: { patterns: 12 } }];
    const report = { ...right, ...table(0, { lost: 2 }) };
    expect(judgeMigration(report, { expected, recoverable: { patterns: 10 } })).toEqual([]);
    expect(judgeMigration(report, { expected, recoverable: { patterns: 11 } })).toEqual([
      'patterns: 11 rows can be salvaged, 10 were',
    ]);
    expect(judgeMigration(right, { expected, recoverable: undefined })).toEqual([
      `${STORE} patterns: 12 rows expected, 10 migrated, 0 in quarantine, 0 lost`,
    ]);
  });
});

describe('the installations of the oracle', () => {
  it('are found with what is known of them', () => {
    const root = scratch('installations');
    const put = (path: string, text: string): void => {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), text);
    };
    put('whole/_home/.agentic-flow/mcp-config.json', '{}');
    mkdirSync(join(root, 'whole/.swarm'), { recursive: true });
    writeWithLog(join(root, 'whole/.swarm/memory.db'), 3);
    put('damaged/zero/.swarm/memory.db', '');
    put('damaged/text/.swarm/memory.db', 'no database '.repeat(100));
    put('damaged/cut/.swarm/memory.db', `SQLite format 3\0${'x'.repeat(2000)}`);
    put('settings/.mcp.json', '{}');
    put('nothing/readme.md', '');
    put('damaged/_recoverable.json', '{"cut":{"patterns":{"ok":7,"unreadable":1}}}');
    const rows = { patterns: 3, patterns__error: 'x', patterns__readable_before_error: 0 };
    put('expected.json', JSON.stringify({ 'whole/.swarm/memory.db': { integrity: 'ok', rows } }));
    const found = findInstallations(root);
    expect(found.map((each) => [each.name, mustBeRefused(each)])).toEqual([
      ['damaged/cut', false],
      ['damaged/text', true],
      ['damaged/zero', true],
      ['settings', false],
      ['whole', false],
    ]);
    expect(found[0]?.recoverable).toEqual({ patterns: 7 });
    expect(found[4]?.expected).toEqual([{ name: STORE, isSound: true, rows: { patterns: 3 } }]);
    expect(found[3]?.expected).toBeUndefined();
  });
});

describe('the comparison of trees', () => {
  it('names what came, went and changed', () => {
    expect(treeDifferences({ a: '1', b: '2', c: '3' }, { a: '1', b: '4', d: '5' })).toEqual([
      'b was 2 and is 4',
      'c is missing',
      'd was not there',
    ]);
  });
});
