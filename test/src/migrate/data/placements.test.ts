/** The page of the documentation that says where everything goes is true. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { AGENTDB } from '../../../../src/migrate/data/placements/agentdb.js';
import { CLAUDE_FLOW } from '../../../../src/migrate/data/placements/claude-flow.js';
import { HIVE } from '../../../../src/migrate/data/placements/hive.js';
import { HUB } from '../../../../src/migrate/data/placements/hub.js';
import type { Placement } from '../../../../src/migrate/data/placements/placement.js';
import { REASONINGBANK } from '../../../../src/migrate/data/placements/reasoningbank.js';
import { parsed, timeOf, unpacked } from '../../../../src/migrate/data/placements/values.js';

const PAGE = new URL('../../../../../docs/migration-data.md', import.meta.url);

const FAMILIES = {
  reasoningbank: REASONINGBANK,
  agentdb: AGENTDB,
  hive: HIVE,
  hub: HUB,
  'claude-flow': CLAUDE_FLOW,
};

/** A line of the table of the page, without what only aligns it. */
function lineOf(family: string, table: string, placement: Placement): string {
  const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ');
  if (placement.kind === 'vector')
    return `| \`${table}\` | vector of ${code(placement.of.tables)} | | |`;
  if (placement.kind === 'edge') {
    const { from, to, relation, weight } = placement;
    const type = 'name' in relation ? relation.name : relation.column;
    const ends = `from \`${from.column}\` to \`${to.column}\``;
    return `| \`${table}\` | edge ${ends}, type \`${type}\`, weight \`${weight.column}\` | | |`;
  }
  const { namespace = `${family}/${table}`, id, content, isEmbedded } = placement;
  const place =
    typeof namespace === 'string' ? namespace : `${namespace.prefix ?? ''}<${namespace.column}>`;
  const named = id === undefined || id === 'id' ? '' : `, id \`${id}\``;
  const vector = isEmbedded === true ? 'yes' : 'no';
  return `| \`${table}\` | record in \`${place}\`${named} | ${code(content)} | ${vector} |`;
}

test('the page has a line for every table, and no other', () => {
  const page = readFileSync(fileURLToPath(PAGE), 'utf8').replaceAll(/ +/g, ' ');
  const section = page.slice(page.indexOf('## Every table'), page.indexOf('### Files of JSON'));
  const lines = section.split('\n').filter((line) => line.startsWith('| `'));
  const expected = Object.entries(FAMILIES).flatMap(([family, tables]) =>
    Object.entries(tables).flatMap(([table, placements]) =>
      placements.map((placement) => lineOf(family, table, placement)),
    ),
  );
  expect(lines).toEqual(expected);
});

test('values: JSON, times and packed texts', () => {
  expect(parsed('{"a":[1]}')).toEqual({ a: [1] });
  expect(parsed('{"a"')).toBe('{"a"');
  const deep = `${'['.repeat(400)}${']'.repeat(400)}`;
  expect(parsed(deep)).toBe(deep);
  expect(parsed(`["${'['.repeat(400)}"]`)).toEqual(['['.repeat(400)]);
  expect(timeOf('2026-11-22 15:20:58')).toBe(Date.UTC(2026, 10, 22, 15, 20, 58));
  expect(timeOf(1_795_360_858)).toBe(1_795_360_858_000);
  expect(timeOf(1_795_360_858_123n)).toBe(1_795_360_858_123);
  for (const none of [null, '', 'yesterday', '1960-01-01', Uint8Array.of(1), Infinity]) {
    expect(timeOf(none)).toBeUndefined();
  }
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  expect(unpacked(`__compressed__${base64('{"a":1}')}`)).toBe('{"a":1}');
  expect(unpacked('__compressed__no base64!')).toBe('__compressed__no base64!');
  expect(unpacked('plain')).toBe('plain');
});
