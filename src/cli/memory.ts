import { readFileSync } from 'node:fs';

import { type Command, Option } from 'commander';

import type { JsonObject, MetadataFilter } from '../memory/engine.js';
import { print, withClient, withConnection } from './connection.js';
import type { ConnectionFlags } from './connection.js';
import { ExitError } from './failure.js';
import { addGraphCommands } from './memory-graph.js';
import { firstLine, reading } from './memory-reading.js';
import type { ReadFlags } from './memory-reading.js';
import { numberOf } from './number.js';
import { withRanking } from './ranking-options.js';

type Flags = ConnectionFlags & { readonly json?: boolean };

/** `memory insert | link | delete | unlink | get | search`, and the questions to the graph. */
export function addMemoryCommands(program: Command): void {
  const memory = program.command('memory').description('Write and read the memories of a swarm');
  withConnection(memory.command('insert'))
    .description('Insert a memory, or replace the one with the same id')
    .argument('<id>', 'id of the memory')
    .argument('<content>', 'its text, or - to read standard input')
    .option('--metadata <json>', 'a JSON object', '{}')
    .option('--json', 'print one JSON object')
    .action(insert);
  withConnection(memory.command('link'))
    .description('Add an edge between two memories')
    .argument('<from>', 'id of a memory')
    .argument('<to>', 'id of a memory')
    .option('--relation <name>', 'kind of the edge', 'related')
    .option('--weight <number>', '0 to 1', numberOf, 1)
    .option('--json', 'print one JSON object')
    .action(link);
  withConnection(memory.command('delete'))
    .description('Delete a memory with all its edges; exit code 1 if there is none')
    .argument('<id>', 'id of the memory')
    .option('--json', 'print one JSON object')
    .action(deleteMemory);
  withConnection(memory.command('unlink'))
    .description('Delete an edge between two memories; exit code 1 if there is none')
    .argument('<from>', 'id of the memory that it leaves')
    .argument('<to>', 'id of the memory that it leads to')
    .option('--relation <name>', 'kind of the edge', 'related')
    .option('--json', 'print one JSON object')
    .action(unlink);
  withConnection(memory.command('get'))
    .description('Print a memory; exit code 1 if there is none')
    .argument('<id>', 'id of the memory')
    .option('--local', 'what the named node has, without asking the others')
    .option('--json', 'print one JSON object')
    .action(get);
  withRanking(withConnection(memory.command('search')))
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
  addGraphCommands(memory);
}

async function insert(
  id: string,
  content: string,
  flags: Flags & { readonly metadata: string },
): Promise<void> {
  const text = content === '-' ? readFileSync(0, 'utf8') : content;
  const metadata = parseObject('--metadata', flags.metadata);
  await withClient(flags, async (client) => {
    const { index } = await client.insert({ id, content: text, metadata });
    print(flags.json, { id, index }, `inserted ${id} at log index ${index}`);
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

async function link(
  from: string,
  to: string,
  flags: Flags & { readonly relation: string; readonly weight: number },
): Promise<void> {
  const { relation, weight } = flags;
  await withClient(flags, async (client) => {
    const { index } = await client.addEdge({ from, to, relation, weight });
    print(flags.json, { from, to, relation, weight, index }, `linked at log index ${index}`);
  });
}

async function deleteMemory(id: string, flags: Flags): Promise<void> {
  await withClient(flags, async (client) => {
    const { index } = await client.delete(id);
    print(flags.json, { id, index }, `deleted ${id} at log index ${index}`);
  });
}

async function unlink(
  from: string,
  to: string,
  flags: Flags & { readonly relation: string },
): Promise<void> {
  const { relation } = flags;
  await withClient(flags, async (client) => {
    const { index } = await client.deleteEdge({ from, to, relation });
    print(flags.json, { from, to, relation, index }, `unlinked at log index ${index}`);
  });
}

async function get(id: string, flags: ReadFlags): Promise<void> {
  await reading(flags, async (client, options) => {
    const { memory, appliedIndex, servedBy } = await client.get(id, options);
    if (memory === null) {
      if (flags.json === true) print(true, { memory: null, appliedIndex, servedBy }, '');
      throw new ExitError(1, `error: there is no memory with the id ${id}`);
    }
    const text = `${memory.content}\n\n${JSON.stringify(memory.metadata)}`;
    print(flags.json, { memory, appliedIndex, servedBy }, text);
  });
}

interface SearchFlags extends ReadFlags {
  readonly limit: number;
  readonly filter?: string;
  readonly mode?: 'vector' | 'text' | 'hybrid';
  readonly diversity?: number;
  readonly rerank?: 'attention' | 'gnn';
}

async function search(text: string, flags: SearchFlags): Promise<void> {
  const { limit, mode, rerank, diversity: lambda } = flags;
  const filter = flags.filter === undefined ? undefined : parseObject('--filter', flags.filter);
  const diversity = lambda === undefined ? undefined : { lambda };
  await reading(flags, async (client, options) => {
    // What a condition may be is for the node to say.
    const wanted = { limit, mode, diversity, rerank };
    const query = { text, ...wanted, filter: filter as MetadataFilter | undefined };
    const { hits, appliedIndex, servedBy } = await client.search(query, options);
    const lines = hits.map(
      ({ id, score, content }) => `${score.toFixed(3)}  ${id}  ${firstLine(content)}`,
    );
    print(flags.json, { hits, appliedIndex, servedBy }, lines.join('\n') || 'nothing found');
  });
}
