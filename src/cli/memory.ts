import { readFileSync } from 'node:fs';

import { type Command, Option } from 'commander';

import type { JsonObject, MetadataFilter } from '../memory/engine.js';
import { print, withClient, withConnection } from './connection.js';
import type { ConnectionFlags } from './connection.js';
import { expiresAtOf } from './expires-in.js';
import { ExitError } from './failure.js';
import { addGraphCommands } from './memory-graph.js';
import { firstLine, reading } from './memory-reading.js';
import type { ReadFlags } from './memory-reading.js';
import { numberOf } from './number.js';
import {
  named,
  type NamespaceFlag,
  placesOf,
  placeText,
  ranged,
  type RangeFlags,
} from './place-options.js';
import { rankingOf, type RankingFlags, withRanking } from './ranking-options.js';

type Flags = ConnectionFlags & NamespaceFlag & { readonly json?: boolean };
type NamedReadFlags = ReadFlags & NamespaceFlag;

/** `memory insert | link | delete | unlink | get | search | list`, and the questions to the graph. */
export function addMemoryCommands(program: Command): void {
  const memory = program.command('memory').description('Write and read the memories of a swarm');
  named(withConnection(memory.command('insert')))
    .description('Insert a memory, or replace the one with the same id')
    .argument('<id>', 'id of the memory')
    .argument('<content>', 'its text, or - to read standard input')
    .option('--metadata <json>', 'a JSON object', '{}')
    .option('--expires-in <seconds>', 'it is gone after so long', numberOf)
    .option('--json', 'print one JSON object')
    .action(insert);
  named(withConnection(memory.command('link')))
    .description('Add an edge between two memories')
    .argument('<from>', 'id of a memory')
    .argument('<to>', 'id of a memory')
    .option('--relation <name>', 'kind of the edge', 'related')
    .option('--to-namespace <name>', 'namespace of <to>, if it is another one')
    .option('--weight <number>', '0 to 1', numberOf, 1)
    .option('--json', 'print one JSON object')
    .action(link);
  named(withConnection(memory.command('delete')))
    .description('Delete a memory with all its edges; exit code 1 if there is none')
    .argument('<id>', 'id of the memory')
    .option('--json', 'print one JSON object')
    .action(deleteMemory);
  named(withConnection(memory.command('unlink')))
    .description('Delete an edge between two memories; exit code 1 if there is none')
    .argument('<from>', 'id of the memory that it leaves')
    .argument('<to>', 'id of the memory that it leads to')
    .option('--relation <name>', 'kind of the edge', 'related')
    .option('--to-namespace <name>', 'namespace of <to>, if it is another one')
    .option('--json', 'print one JSON object')
    .action(unlink);
  named(withConnection(memory.command('get')))
    .description('Print a memory; exit code 1 if there is none')
    .argument('<id>', 'id of the memory')
    .option('--local', 'what the named node has, without asking the others')
    .option('--json', 'print one JSON object')
    .action(get);
  withRanking(ranged(named(withConnection(memory.command('search')))))
    .description('Find the memories nearest in meaning to a text')
    .argument('<text>', 'what to look for')
    .option('--limit <n>', 'number of hits', numberOf, 10)
    .option('--filter <json>', 'only memories with such metadata, as {"kind":"bug","n":{"from":2}}')
    .addOption(
      new Option('--rerank <by>', 'score again: by what hits share, or by edges').choices([
        'attention',
        'gnn',
      ]),
    )
    .option('--local', 'what the named node has, without asking the others')
    .option('--json', 'print one JSON object')
    .action(search);
  ranged(named(withConnection(memory.command('list'))))
    .description('Print memories page by page, in the order of their ids')
    .option('--limit <n>', 'memories of a page', numberOf, 100)
    .option('--cursor <text>', 'go on where the page before ended')
    .option('--local', 'what the named node has, without asking the others')
    .option('--json', 'print one JSON object')
    .action(list);
  addGraphCommands(memory);
}

async function insert(
  id: string,
  content: string,
  flags: Flags & { readonly metadata: string; readonly expiresIn?: number },
): Promise<void> {
  const text = content === '-' ? readFileSync(0, 'utf8') : content;
  const metadata = parseObject('--metadata', flags.metadata);
  const { namespace, expiresIn } = flags;
  const expiresAt = expiresAtOf(expiresIn);
  await withClient(flags, async (client) => {
    const { index } = await client.insert({ id, namespace, content: text, metadata, expiresAt });
    print(flags.json, { id, namespace, expiresAt, index }, `inserted ${id} at log index ${index}`);
  });
}

function parseObject(option: string, text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ExitError(1, `error: ${option} is not JSON: ${text}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw new ExitError(1, `error: ${option} must be a JSON object`);
}

type EdgeFlags = Flags & { readonly relation: string; readonly toNamespace?: string };

async function link(
  from: string,
  to: string,
  flags: EdgeFlags & { readonly weight: number },
): Promise<void> {
  const { relation, weight, namespace, toNamespace = namespace } = flags;
  const edge = { from, to, relation, weight, namespace, toNamespace };
  await withClient(flags, async (client) => {
    const { index } = await client.addEdge(edge);
    print(flags.json, { ...edge, index }, `linked at log index ${index}`);
  });
}

async function deleteMemory(id: string, flags: Flags): Promise<void> {
  const { namespace } = flags;
  await withClient(flags, async (client) => {
    const { index } = await client.delete(id, { namespace });
    print(flags.json, { id, namespace, index }, `deleted ${id} at log index ${index}`);
  });
}

async function unlink(from: string, to: string, flags: EdgeFlags): Promise<void> {
  const { relation, namespace, toNamespace = namespace } = flags;
  const edge = { from, to, relation, namespace, toNamespace };
  await withClient(flags, async (client) => {
    const { index } = await client.deleteEdge(edge);
    print(flags.json, { ...edge, index }, `unlinked at log index ${index}`);
  });
}

async function get(id: string, flags: NamedReadFlags): Promise<void> {
  const { namespace } = flags;
  await reading(flags, async (client, options) => {
    const answer = await client.get(id, { ...options, namespace });
    const { memory } = answer;
    if (memory === null) {
      if (flags.json === true) print(true, answer, '');
      const place = namespace === 'default' ? '' : ` in ${namespace}`;
      throw new ExitError(1, `error: there is no memory with the id ${id}${place}`);
    }
    print(flags.json, answer, `${memory.content}\n\n${JSON.stringify(memory.metadata)}`);
  });
}

interface SearchFlags extends NamedReadFlags, RangeFlags, RankingFlags {
  readonly limit: number;
  readonly filter?: string;
  readonly rerank?: 'attention' | 'gnn';
}

async function search(text: string, flags: SearchFlags): Promise<void> {
  const { limit, rerank } = flags;
  const filter = flags.filter === undefined ? undefined : parseObject('--filter', flags.filter);
  await reading(flags, async (client, options) => {
    // What a condition may be is for the node to say.
    const wanted = { limit, rerank, ...rankingOf(flags), ...placesOf(flags) };
    const query = { text, ...wanted, filter: filter as MetadataFilter | undefined };
    const { hits, appliedIndex, servedBy } = await client.search(query, options);
    const lines = hits.map((hit) => {
      return `${hit.score.toFixed(3)}  ${placeText(hit)}  ${firstLine(hit.content)}`;
    });
    print(flags.json, { hits, appliedIndex, servedBy }, lines.join('\n') || 'nothing found');
  });
}

interface ListFlags extends NamedReadFlags, RangeFlags {
  readonly limit: number;
  readonly cursor?: string;
}

async function list(flags: ListFlags): Promise<void> {
  const { limit, cursor } = flags;
  await reading(flags, async (client, options) => {
    const page = await client.list({ ...placesOf(flags), limit, cursor }, options);
    const lines = page.memories.map((memory) => {
      const created = new Date(memory.createdAtMs).toISOString();
      return `${created}  ${placeText(memory)}  ${firstLine(memory.content)}`;
    });
    if (page.cursor !== null) lines.push(`... and more: --cursor ${page.cursor}`);
    print(flags.json, page, lines.join('\n') || 'no memories');
  });
}
