/** What v1 or its migration stumbles over, in sentences that a user can act on. */
import { readFileSync } from 'node:fs';
import { parse, type ParseError } from 'jsonc-parser';

import type { Collision, EmbeddingCounts, StoreAnalysis } from './analysis.js';
import { CONFIG_BYTES_MAX } from './limits.js';
import type { V1ConfigFile, V1Store } from './rows.js';

/** Seen without reading rows. */
export function filesProblems(
  stores: readonly V1Store[],
  configs: readonly V1ConfigFile[],
): string[] {
  return [...sessionProblems(stores), ...stores.flatMap(storeProblems), ...configProblems(configs)];
}

function sessionProblems(stores: readonly V1Store[]): string[] {
  const sessions = stores.filter(({ format }) => format === 'session-json');
  const empty = sessions.filter(({ state }) => state === 'empty-file').length;
  if (empty === 0) return [];
  return [`${empty} of ${sessions.length} session files of the hive-mind have 0 bytes`];
}

function storeProblems({ name, format, state, walBytes, findings }: V1Store): string[] {
  const problems: string[] = [];
  if (walBytes > 0) {
    problems.push(
      `${name}: what was written last is in its write-ahead log of ${walBytes} bytes; a copy without ${name}-wal loses it`,
    );
  }
  const isSession = format === 'session-json' && state === 'empty-file';
  const isBroken = state !== 'ok' && state !== 'empty' && !isSession;
  if (isBroken) problems.push(`${name} is ${STATE_WORDS[state]}: ${findings.join('; ')}`);
  return problems;
}

const STATE_WORDS: Readonly<Record<Exclude<V1Store['state'], 'ok' | 'empty'>, string>> = {
  'empty-file': 'empty',
  'not-a-database': 'no database',
  damaged: 'damaged',
  unreadable: 'not readable',
};

function configProblems(configs: readonly V1ConfigFile[]): string[] {
  const problems: string[] = [];
  const enabled = new Map<string, string>();
  const servers = new Set<string>();
  for (const { path, name, kind, bytes } of configs) {
    if (!path.endsWith('.json') || bytes > CONFIG_BYTES_MAX) continue;
    const { value, isStrict, isReadable } = readJson(path);
    if (!isReadable) problems.push(`${name} cannot be read as JSON, not even with comments`);
    else if (!isStrict)
      problems.push(`${name} holds comments or trailing commas, which JSON has not`);
    if (kind === 'mcp-servers') {
      for (const server of membersOf(value, 'mcpServers').keys()) servers.add(server);
    }
    if (kind === 'settings') {
      const list = membersOf(value).get('enabledMcpjsonServers');
      for (const server of Array.isArray(list) ? list : []) enabled.set(String(server), name);
    }
    if (kind === 'home-mcp-config') problems.push(...spelledProblems(name, value));
  }
  if (servers.size === 0) return problems;
  for (const [server, name] of enabled) {
    if (servers.has(server)) continue;
    const alike = [...servers].find((other) => other.startsWith(`${server}@`));
    const hint = alike === undefined ? '' : `; it is called ${alike} there`;
    problems.push(`${name} enables the MCP server ${server}, which .mcp.json does not have${hint}`);
  }
  return problems;
}

/** `mcp add --env KEY=VALUE` of v1 stored one entry for each character. */
function spelledProblems(name: string, value: unknown): string[] {
  return [...membersOf(value, 'servers')].flatMap(([server, settings]) => {
    const variables = [...membersOf(settings, 'env').keys()];
    const isSpelled = variables.length > 1 && variables.every((key) => [...key].length <= 1);
    if (!isSpelled) return [];
    return [`${name}: the environment of ${server} was stored one character an entry`];
  });
}

interface ParsedJson {
  readonly value: unknown;
  readonly isStrict: boolean;
  readonly isReadable: boolean;
}

function readJson(path: string): ParsedJson {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch {
    return { value: undefined, isStrict: false, isReadable: false };
  }
  try {
    return { value: JSON.parse(text), isStrict: true, isReadable: true };
  } catch {
    const errors: ParseError[] = [];
    const value: unknown = parse(text, errors, { allowTrailingComma: true });
    return { value, isStrict: false, isReadable: errors.length === 0 };
  }
}

/** Members of an object, or of its member; none of anything else. */
function membersOf(value: unknown, member?: string): Map<string, unknown> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const members = new Map<string, unknown>(isObject ? Object.entries(value) : []);
  return member === undefined ? members : membersOf(members.get(member));
}

/** Seen in the rows. */
export function dataProblems(
  stores: readonly StoreAnalysis[],
  collisions: readonly Collision[],
  isCut: boolean,
): string[] {
  const cut = 'there are more rows than are compared for equal ids; the rest was not compared';
  return [
    ...stores.flatMap(rowProblems),
    ...collisions.map(collisionProblem),
    ...(isCut ? [cut] : []),
  ];
}

function rowProblems(found: StoreAnalysis): string[] {
  const { store } = found;
  const problems = found.embeddings.flatMap((counts) => embeddingProblems(store, counts));
  for (const [table, count] of found.unparsable) {
    const effect = table === 'patterns' ? '; v1 fails on every search because of one' : '';
    problems.push(`${store}: the JSON of ${count} rows of ${table} cannot be parsed${effect}`);
  }
  const counted: readonly (readonly [number, string])[] = [
    [found.poisonedLinks, "links were drawn by v1's faulty consolidate() and are no knowledge"],
    [found.danglingLinks, 'links lead to or from a memory that is not there'],
    [found.badWeights, 'links have a weight that is no number from 0 to 1'],
    [found.caseOnly, 'memories have an id that differs from another one only in case'],
  ];
  for (const [count, what] of counted) if (count > 0) problems.push(`${store}: ${count} ${what}`);
  return problems;
}

function embeddingProblems(store: string, counts: EmbeddingCounts): string[] {
  const problems: string[] = [];
  const { table, dimensions } = counts;
  const total = [...dimensions.values()].reduce((sum, count) => sum + count, 0);
  if (dimensions.size > 1) {
    const each = [...dimensions].map(([length, count]) => `${count} of ${length}`).join(', ');
    problems.push(
      `${store}: ${table} mixes dimensions (${each}); v1 fails on every search because of it`,
    );
  }
  const hashes = counts.hash384 + counts.hash1024 + counts.agentdbHash;
  if (hashes > 0) {
    problems.push(
      `${store}: ${hashes} of ${total} vectors of ${table} are hashes of the text, no embeddings; v1 had no model when it stored them`,
    );
  }
  if (counts.noVector > 0) {
    problems.push(`${store}: ${counts.noVector} rows of ${table} hold no usable vector`);
  }
  return problems;
}

function collisionProblem({ table, stores: [first, second], same, different }: Collision): string {
  return `${first} and ${second} share ${same + different} keys of ${table}, ${different} of them with other content`;
}
