import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';

import type { AvailableValue } from '../client/index.js';
import type { JsonObject, MetadataFilter } from '../memory/engine.js';
import { print, withClient, withConnection } from './connection.js';
import type { ConnectionFlags } from './connection.js';
import { expiresAtOf } from './expires-in.js';
import { ExitError } from './failure.js';
import { jsonObjectOf } from './json-argument.js';
import { firstLine, reading } from './memory-reading.js';
import type { ReadFlags } from './memory-reading.js';
import { numberOf } from './number.js';
import { addRightsFlags, rightsAfter, rightsText } from './rights.js';
import type { RightsFlags } from './rights.js';

type Flags = ConnectionFlags & { readonly json?: boolean };

interface SearchFlags extends ReadFlags {
  readonly limit: number;
  readonly mode?: 'vector' | 'text' | 'hybrid';
  readonly filter?: JsonObject;
}

const LOCAL = 'only what the node has that --data or --peer names, and no other one';

/** `available put | get | delete | list | search | namespaces | rights`. */
export function addAvailableCommands(program: Command): void {
  const available = program
    .command('available')
    .description('Memories that are written in every partition, and show what is in conflict')
    .addHelpText(
      'after',
      '\nThese namespaces are apart from those of `memory`, which a majority agrees on. A write needs one\n' +
        'member alone and reaches the others when it can. What was written at the same time is all kept:\n' +
        '`get` prints every value, the latest first, and the next `put` takes the place of those it saw.',
    );
  within(available.command('put'))
    .description('Write a memory; exit code 0: it is on the disk of a member')
    .argument('<id>', 'id of the memory')
    .argument('<content>', 'its text, or - to read standard input')
    .option('--metadata <json>', 'a JSON object', jsonObjectOf, {})
    .option('--expires-in <seconds>', 'it is gone after so long', numberOf)
    .action(put);
  within(available.command('get'))
    .description('Print all values of a memory; exit code 1 if there is none')
    .argument('<id>', 'id of the memory')
    .option('--local', LOCAL)
    .action(get);
  within(available.command('delete'))
    .description('Delete the values that the member has; exit code 1 if there is none')
    .argument('<id>', 'id of the memory')
    .action(deleteValues);
  within(available.command('list'))
    .description('Print the memories of a namespace in the order of their ids')
    .option('--after <id>', 'only those behind this one', '')
    .option('--limit <number>', '1 to 1,000', numberOf, 100)
    .option('--local', LOCAL)
    .action(list);
  within(available.command('search'))
    .description('Find the memories nearest to a text')
    .argument('<text>', 'what to look for')
    .option('--limit <number>', '1 to 1,000', numberOf, 10)
    .addOption(
      new Option('--mode <mode>', 'by vectors, by words, or both').choices([
        'vector',
        'text',
        'hybrid',
      ]),
    )
    .option('--filter <json>', 'only memories with such metadata', jsonObjectOf)
    .option('--local', LOCAL)
    .action(search);
  withConnection(available.command('namespaces'))
    .description('Print the names of the namespaces that hold something')
    .option('--json', 'print one JSON object')
    .option('--local', LOCAL)
    .action(namespaces);
  addRightsFlags(withConnection(available.command('rights')))
    .description(
      'Print who may read and write a namespace, or set it (with --data, or the operator token)',
    )
    .argument('<namespace>', 'name of the namespace')
    .option('--local', LOCAL)
    .action(rights);
}

function within(command: Command): Command {
  return withConnection(command)
    .argument('<namespace>', 'name of the namespace')
    .option('--json', 'print one JSON object');
}

async function put(
  namespace: string,
  id: string,
  content: string,
  flags: Flags & { readonly metadata: JsonObject; readonly expiresIn?: number },
): Promise<void> {
  const text = content === '-' ? readFileSync(0, 'utf8') : content;
  const expiresAt = expiresAtOf(flags.expiresIn);
  await withClient(flags, async (client) => {
    const memory = { id, content: text, metadata: flags.metadata, expiresAt };
    const { servedBy } = await client.available.put(namespace, memory);
    print(flags.json, { namespace, id, servedBy }, `saved: ${id} is on the disk of ${servedBy}`);
  });
}

async function get(namespace: string, id: string, flags: ReadFlags): Promise<void> {
  await reading(flags, async (client, options) => {
    const { values, servedBy } = await client.available.get(namespace, id, options);
    if (values.length === 0) throw nothing(namespace, id, servedBy);
    print(flags.json, { namespace, id, values, servedBy }, valuesText(values));
  });
}

async function deleteValues(namespace: string, id: string, flags: Flags): Promise<void> {
  await withClient(flags, async (client) => {
    const { existed, servedBy } = await client.available.delete(namespace, id);
    if (!existed) throw nothing(namespace, id, servedBy);
    print(flags.json, { namespace, id, servedBy }, `deleted: ${id}`);
  });
}

async function list(
  namespace: string,
  flags: ReadFlags & { readonly after: string; readonly limit: number },
): Promise<void> {
  await reading(flags, async (client, options) => {
    const { after, limit } = flags;
    const answer = await client.available.list(namespace, { after, limit }, options);
    const lines = answer.memories.map(({ id, values }) => {
      return `${id}  ${firstLine(values[0]?.content ?? '')}${conflictText(values.length - 1)}`;
    });
    const more = answer.next === null ? [] : [`more: --after '${answer.next}'`];
    const text = lines.length === 0 ? 'no memories' : [...lines, ...more].join('\n');
    print(flags.json, { namespace, memories: answer.memories, next: answer.next }, text);
  });
}

async function search(namespace: string, text: string, flags: SearchFlags): Promise<void> {
  await reading(flags, async (client, options) => {
    const { limit, mode, filter } = flags;
    const query = { text, limit, mode, filter: filter as MetadataFilter | undefined };
    const { hits } = await client.available.search(namespace, query, options);
    const lines = hits.map(({ score, id, content, conflicts }) => {
      return `${score.toFixed(3)}  ${id}  ${firstLine(content)}${conflictText(conflicts)}`;
    });
    print(flags.json, { namespace, hits }, lines.length === 0 ? 'no hits' : lines.join('\n'));
  });
}

async function namespaces(flags: ReadFlags): Promise<void> {
  await reading(flags, async (client, options) => {
    const answer = await client.available.namespaces(options);
    const lines = answer.namespaces.map(({ name, memories }) => `${name}  ${memories} memories`);
    const text = lines.length === 0 ? 'no namespaces' : lines.join('\n');
    print(flags.json, { namespaces: answer.namespaces }, text);
  });
}

async function rights(namespace: string, flags: ReadFlags & RightsFlags): Promise<void> {
  await reading(flags, async (client, options) => {
    const before = await client.available.rights(namespace, options);
    const wanted = rightsAfter(before, flags);
    const now =
      wanted === undefined ? before : await client.available.setRights(namespace, wanted, options);
    const { readers, writers } = now;
    print(flags.json, { namespace, readers, writers }, rightsText(now));
  });
}

function nothing(namespace: string, id: string, servedBy: string): ExitError {
  return new ExitError(
    1,
    `error: ${servedBy} has no memory '${id}' in the namespace '${namespace}'`,
  );
}

function valuesText(values: readonly AvailableValue[]): string {
  const [latest] = values;
  if (values.length === 1) return latest?.content ?? '';
  const each = values.map(({ content, by, atMs }) => {
    return `${new Date(atMs).toISOString()} by ${by}\n${content}`;
  });
  return [`${values.length} values are in conflict, the latest first`, ...each].join('\n\n');
}

function conflictText(others: number): string {
  return others <= 0 ? '' : `  (and ${others} in conflict)`;
}
