/** `memory neighbours | hops | path | traverse | query`: questions to the graph of the memories. */
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import type { Walk } from '../client/index.js';
import type { Direction, Parameters, ResultValue } from '../memory/index.js';
import { print, withConnection } from './connection.js';
import { ExitError } from './failure.js';
import { jsonObjectOf } from './json-argument.js';
import { firstLine, reading } from './memory-reading.js';
import type { ReadFlags } from './memory-reading.js';
import { numberOf } from './number.js';
import { named, type NamespaceFlag, placeText } from './place-options.js';

type WalkFlags = ReadFlags &
  NamespaceFlag & {
    readonly direction: Direction;
    readonly relation?: readonly string[];
  };
type LimitedFlags = WalkFlags & { readonly limit: number };

const SUBSET = `
A query is one MATCH with patterns of memories and edges, WHERE, RETURN, ORDER BY, SKIP and LIMIT:
  MATCH (a {id: "start"})-[r:refines*1..3]->(b) WHERE b.kind = $kind RETURN b.id, b.content LIMIT 10
Properties of a memory: id, content, createdAtMs, metadata, and each field of its metadata; of an edge:
weight, and type(r). docs/graph.md has the whole subset of openCypher.`;

export function addGraphCommands(memory: Command): void {
  withWalk(memory.command('neighbours'))
    .description('Print the edges of a memory; exit code 1 if there is no such memory')
    .argument('<id>', 'id of the memory')
    .option('--limit <n>', 'number of edges', numberOf, 100)
    .action(neighbours);
  withWalk(memory.command('hops'))
    .description('Print the memories within so many edges of one, nearest first')
    .argument('<id>', 'id of the memory')
    .option('--hops <n>', 'most edges on the way', numberOf, 2)
    .option('--limit <n>', 'number of memories', numberOf, 100)
    .action(hops);
  withWalk(memory.command('path'))
    .description('Print a shortest path between two memories; exit code 1 if there is none')
    .argument('<from>', 'id of a memory')
    .argument('<to>', 'id of a memory')
    .option('--weighted', 'the path of the greatest product of weights, not of the fewest edges')
    .option('--hops <n>', 'most edges on the way (not with --weighted)', numberOf, 64)
    .option('--to-namespace <name>', 'namespace of <to>, if it is another one')
    .action(path);
  withWalk(memory.command('traverse'))
    .description('Print the memories best connected to one: the product of weights and decay')
    .argument('<id>', 'id of the memory')
    .option('--decay <number>', 'factor an edge, above 0 to 1', numberOf, 0.8)
    .option('--min <score>', 'least score, 0 to 1', numberOf, 0.01)
    .option('--limit <n>', 'number of memories', numberOf, 100)
    .action(traverse);
  withRead(memory.command('query'))
    .description('Answer a pattern query in a subset of openCypher')
    .argument('<text>', 'the query')
    .option('--parameters <json>', 'a JSON object with the values of $names', jsonObjectOf, {})
    .addHelpText('after', SUBSET)
    .action(query);
}

function withRead(command: Command): Command {
  return withConnection(command)
    .option('--local', 'what the named node has, without asking the others')
    .option('--json', 'print one JSON object');
}

function withWalk(command: Command): Command {
  return named(withRead(command))
    .option('--direction <way>', 'out, in or both', directionOf, 'out')
    .option('--relation <name...>', 'only edges of these relations');
}

function directionOf(text: string): Direction {
  if (text === 'out' || text === 'in' || text === 'both') return text;
  throw new InvalidArgumentError(`'${text}' is not out, in or both.`);
}

function walkOf({ direction, relation = [], namespace }: WalkFlags): Walk {
  return { direction, relations: relation, namespace };
}

async function neighbours(id: string, flags: LimitedFlags): Promise<void> {
  await reading(flags, async (client, options) => {
    const walk = { ...walkOf(flags), limit: flags.limit };
    const answer = await client.graph.neighbours(id, walk, options);
    const lines = answer.neighbours.map((each) => {
      const arrow = each.direction === 'out' ? '->' : '<-';
      return `${arrow}  ${each.weight.toFixed(3)}  ${each.relation}  ${placeText(each)}`;
    });
    print(flags.json, answer, listed(lines, answer.isCut, 'no edges'));
  });
}

async function hops(id: string, flags: LimitedFlags & { readonly hops: number }): Promise<void> {
  await reading(flags, async (client, options) => {
    const walk = { ...walkOf(flags), limit: flags.limit, hops: flags.hops };
    const answer = await client.graph.hops(id, walk, options);
    const lines = answer.nodes.map((each) => `${each.hops}  ${placeText(each)}`);
    print(flags.json, answer, listed(lines, answer.isCut, 'nothing within reach'));
  });
}

async function path(
  from: string,
  to: string,
  flags: WalkFlags & {
    readonly hops: number;
    readonly weighted?: boolean;
    readonly toNamespace?: string;
  },
): Promise<void> {
  await reading(flags, async (client, options) => {
    const { hops: most, weighted = false, toNamespace } = flags;
    const walk = { ...walkOf(flags), hops: most, weighted, toNamespace };
    const answer = await client.graph.path(from, to, walk, options);
    if (answer.path === null) {
      if (flags.json === true) print(true, answer, '');
      throw new ExitError(1, `error: no such path leads from ${from} to ${to}`);
    }
    const { memories, edges } = answer.path;
    const lines = memories.map((memory, at) => {
      const edge = edges[at - 1];
      const by = edge === undefined ? '' : `${edge.relation} (${edge.weight.toFixed(3)})  `;
      return by + placeText(memory);
    });
    print(flags.json, answer, lines.join('\n'));
  });
}

async function traverse(
  id: string,
  flags: LimitedFlags & { readonly decay: number; readonly min: number },
): Promise<void> {
  await reading(flags, async (client, options) => {
    const { limit, decay, min: scoreMin } = flags;
    const walk = { ...walkOf(flags), limit, decay, scoreMin };
    const answer = await client.graph.traverse(id, walk, options);
    const lines = answer.nodes.map((each) => `${each.score.toFixed(3)}  ${placeText(each)}`);
    print(flags.json, answer, listed(lines, answer.isCut, 'nothing within reach'));
  });
}

async function query(
  text: string,
  flags: ReadFlags & { readonly parameters: Parameters },
): Promise<void> {
  await reading(flags, async (client, options) => {
    const answer = await client.graph.query(text, flags.parameters, options);
    const lines = [answer.columns, ...answer.rows.map((row) => row.map(cellOf))];
    print(flags.json, answer, lines.map((line) => line.join('\t')).join('\n'));
  });
}

function listed(lines: readonly string[], isCut: boolean, none: string): string {
  if (lines.length === 0) return none;
  return isCut ? [...lines, '... and more; raise --limit'].join('\n') : lines.join('\n');
}

/** One line a row: a text as it is, up to its first line end, anything else as JSON. */
function cellOf(value: ResultValue): string {
  return typeof value === 'string' ? firstLine(value) : JSON.stringify(value);
}
