/** `store put | get | ...`: a memory store that this program alone has open. */
import { readFileSync } from 'node:fs';

import { type Command, Option } from 'commander';

import type {
  JsonObject,
  MetadataFilter,
  ResultValue,
  StoreHit,
  StoreRecord,
} from '../memory/index.js';
import { print } from './connection.js';
import { ExitError } from './failure.js';
import { jsonObjectOf } from './json-argument.js';
import { firstLine } from './memory-reading.js';
import {
  named,
  type NamespaceFlag,
  placesOf,
  placeText,
  ranged,
  type RangeFlags,
} from './place-options.js';
import { numberOf } from './number.js';
import { addStoreUpkeepCommands } from './store-upkeep.js';
import { type StoreFlags, withFile, withStore } from './store-open.js';
import { rankingOf, type RankingFlags, withRanking } from './ranking-options.js';

type Named = StoreFlags & NamespaceFlag;

export function addStoreCommands(program: Command): void {
  const store = program
    .command('store')
    .description('Write, read and look after a memory store in a file, without a swarm');
  named(withFile(store.command('put')))
    .description(
      'Put a record, or replace the one with the same id; makes the file if it is missing',
    )
    .argument('<id>', 'id of the record')
    .argument('<content>', 'its text, or - to read standard input')
    .option('--metadata <json>', 'a JSON object', jsonObjectOf, {})
    .option('--ttl <seconds>', 'it is gone after so long', numberOf)
    .option('--no-embed', 'store no vector')
    .action(put);
  named(withFile(store.command('get')))
    .description('Print a record; exit code 1 if there is none')
    .argument('<id>', 'id of the record')
    .action(get);
  named(withFile(store.command('delete')))
    .description('Delete a record with its edges; exit code 1 if there is none')
    .argument('<id>', 'id of the record')
    .action(deleteRecord);
  edge(named(withFile(store.command('link'))))
    .description('Add an edge between two records')
    .option('--weight <number>', '0 to 1', numberOf, 1)
    .action(link);
  edge(named(withFile(store.command('unlink'))))
    .description('Delete an edge; exit code 1 if there is none')
    .action(unlink);
  withRanking(ranged(named(withFile(store.command('search'))), ''))
    .description('Find the records nearest in meaning to a text')
    .argument('<text>', 'what to look for')
    .option('--limit <n>', 'number of hits', numberOf, 10)
    .option('--filter <json>', 'only such metadata, as {"kind":"bug","n":{"from":2}}', jsonObjectOf)
    .option('--no-embed', 'by words alone')
    .action(search);
  withFile(store.command('query'))
    .description('Answer a pattern query in the subset of openCypher of docs/graph.md')
    .argument('<text>', 'the query')
    .option('--parameters <json>', 'a JSON object with the values of $names', jsonObjectOf, {})
    .action(query);
  ranged(named(withFile(store.command('list'))), '')
    .description('Print records page by page')
    .addOption(
      new Option('--order <order>', 'of the records')
        .choices(['id', 'oldest', 'newest'])
        .default('id'),
    )
    .option('--limit <n>', 'records of a page', numberOf, 100)
    .option('--cursor <text>', 'go on where the page before ended')
    .action(list);
  addStoreUpkeepCommands(store);
}

function edge(command: Command): Command {
  return command
    .argument('<from>', 'id of the record that it leaves')
    .argument('<to>', 'id of the record that it leads to')
    .option('--type <name>', 'kind of the edge', 'related');
}

type PutFlags = Named & {
  readonly metadata: JsonObject;
  readonly ttl?: number;
  readonly embed: boolean;
};

async function put(file: string, id: string, content: string, flags: PutFlags): Promise<void> {
  const { namespace, metadata, ttl } = flags;
  const text = content === '-' ? readFileSync(0, 'utf8') : content;
  const expiresAt = ttl === undefined ? null : Date.now() + Math.round(ttl * 1000);
  await withStore(file, { ...flags, create: true }, async (store) => {
    await store.put({ id, namespace, content: text, metadata, expiresAt });
    print(flags.json, { id, namespace, expiresAt }, `put ${id}`);
  });
}

async function get(file: string, id: string, flags: Named): Promise<void> {
  await withStore(file, flags, async (store) => {
    const record = await store.get(id, flags);
    if (record === null) {
      if (flags.json === true) print(true, { record }, '');
      throw new ExitError(1, `error: there is no record with the id ${id} in ${flags.namespace}`);
    }
    print(flags.json, { record }, `${record.content}\n\n${JSON.stringify(record.metadata)}`);
  });
}

async function deleteRecord(file: string, id: string, flags: Named): Promise<void> {
  await withStore(file, flags, async (store) => {
    const isDeleted = await store.delete(id, flags);
    if (flags.json === true) print(true, { id, isDeleted }, '');
    if (!isDeleted) {
      throw new ExitError(1, `error: there is no record with the id ${id} in ${flags.namespace}`);
    }
    if (flags.json !== true) print(false, null, `deleted ${id}`);
  });
}

type EdgeFlags = Named & { readonly type: string };

async function link(
  file: string,
  from: string,
  to: string,
  flags: EdgeFlags & { readonly weight: number },
): Promise<void> {
  const { namespace, type, weight } = flags;
  await withStore(file, flags, async (store) => {
    await store.link({ from, to, type, weight, namespace });
    print(flags.json, { from, to, type, weight, namespace }, `linked ${from} to ${to}`);
  });
}

async function unlink(file: string, from: string, to: string, flags: EdgeFlags): Promise<void> {
  const { namespace, type } = flags;
  await withStore(file, flags, async (store) => {
    const isDeleted = await store.unlink({ from, to, type, namespace });
    if (flags.json === true) print(true, { from, to, type, namespace, isDeleted }, '');
    if (!isDeleted) throw new ExitError(1, `error: no such edge leads from ${from} to ${to}`);
    if (flags.json !== true) print(false, null, `unlinked ${from} from ${to}`);
  });
}

interface SearchFlags extends Named, RangeFlags, RankingFlags {
  readonly limit: number;
  readonly filter?: JsonObject;
  readonly embed: boolean;
}

async function search(file: string, text: string, flags: SearchFlags): Promise<void> {
  const { limit } = flags;
  // What a condition may be is for the store to say.
  const filter = flags.filter as MetadataFilter | undefined;
  await withStore(file, flags, async (store) => {
    const hits = await store.search({
      text,
      limit,
      filter,
      ...rankingOf(flags),
      ...placesOf(flags),
    });
    const lines = hits.map((hit) => `${hit.score.toFixed(3)}  ${lineOf(hit)}`);
    print(flags.json, { hits }, lines.join('\n') || 'nothing found');
  });
}

async function query(
  file: string,
  text: string,
  flags: StoreFlags & { readonly parameters: JsonObject },
): Promise<void> {
  await withStore(file, flags, async (store) => {
    const answer = await store.query(text, flags.parameters);
    const lines = [answer.columns, ...answer.rows.map((row) => row.map(cellOf))];
    print(flags.json, answer, lines.map((line) => line.join('\t')).join('\n'));
  });
}

function cellOf(value: ResultValue): string {
  return typeof value === 'string' ? firstLine(value) : JSON.stringify(value);
}

type ListFlags = Named &
  RangeFlags & {
    readonly order: 'id' | 'oldest' | 'newest';
    readonly limit: number;
    readonly cursor?: string;
  };

async function list(file: string, flags: ListFlags): Promise<void> {
  const { order, limit, cursor = null } = flags;
  await withStore(file, flags, async (store) => {
    const page = await store.list({ ...placesOf(flags), order, limit, cursor });
    const lines = page.records.map(lineOf);
    if (page.cursor !== null) lines.push(`... and more: --cursor ${page.cursor}`);
    print(flags.json, page, lines.join('\n') || 'no records');
  });
}

function lineOf(record: StoreRecord | StoreHit): string {
  const { timestamp, content } = record;
  return `${new Date(timestamp).toISOString()}  ${placeText(record)}  ${firstLine(content)}`;
}
