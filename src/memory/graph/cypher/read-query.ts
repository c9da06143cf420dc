/** Reads a query: `MATCH pattern, ... WHERE ... RETURN ... ORDER BY ... SKIP ... LIMIT ...`. */
import { COLUMNS_MAX, HOPS_MAX, NODE_PATTERNS_MAX } from '../limits.js';
import type { Direction } from '../view.js';
import { readExpression } from './read-expression.js';
import type {
  Expression,
  NodePattern,
  PatternPart,
  Query,
  RelationshipPattern,
  ReturnItem,
  SortItem,
} from './syntax.js';
import { TokenReader } from './token-reader.js';

/** Clauses of openCypher that are known here only to be refused by their name. */
const OTHER_CLAUSES =
  'optional create merge delete detach set remove with unwind union call foreach load using match'.split(
    ' ',
  );

/** First character of the variables of nodes that the query gives none. */
const HIDDEN = '\0';

/** Throws `syntax`, `unsupported` and `limit`, each with its place. */
export function readQuery(text: string): Query {
  const reader = new TokenReader(text);
  if (!reader.isWord('match')) refuseOtherClause(reader);
  reader.expectWord('match', 'a query begins with it');
  const parts: PatternPart[] = [];
  do parts.push(readPart(reader, parts));
  while (reader.takesSign(','));
  const where = reader.takesWord('where') ? readExpression(reader) : undefined;
  refuseOtherClause(reader);
  reader.expectWord('return', 'says what the query answers');
  const isDistinct = reader.takesWord('distinct');
  const items = readItems(reader, parts);
  const sort = reader.isWord('order') ? readSort(reader) : [];
  const skip = reader.takesWord('skip') ? readExpression(reader) : undefined;
  const limit = reader.takesWord('limit') ? readExpression(reader) : undefined;
  reader.takesSign(';');
  refuseOtherClause(reader);
  if (reader.next.kind !== 'end') throw reader.unexpected('the end of the query');
  return { parts, where, isDistinct, items, sort, skip, limit };
}

function refuseOtherClause(reader: TokenReader): void {
  const word = OTHER_CLAUSES.find((clause) => reader.isWord(clause));
  if (word === undefined) return;
  const advice = word === 'match' ? '; put all patterns after one MATCH, with commas' : '';
  const article = word === 'match' ? 'a second MATCH' : word.toUpperCase();
  throw reader.unsupported(`${article}; a query is one MATCH, WHERE and RETURN${advice}`);
}

function readPart(reader: TokenReader, before: readonly PatternPart[]): PatternPart {
  if (reader.isVariable && reader.second.text === '=') throw reader.unsupported('named paths');
  for (const name of ['shortestpath', 'allshortestpaths']) {
    if (!reader.isWord(name)) continue;
    throw reader.unsupported(`${reader.next.text}(); ask for a path by the command of its own`);
  }
  let count = before.reduce((sum, { nodes }) => sum + nodes.length, 0);
  const nodes: NodePattern[] = [];
  const relationships: RelationshipPattern[] = [];
  for (;;) {
    count += 1;
    if (count > NODE_PATTERNS_MAX) {
      throw reader.failure('limit', `a query has at most ${NODE_PATTERNS_MAX} node patterns`);
    }
    nodes.push(readNode(reader, count));
    if (!reader.isSign('-') && !reader.isSign('<')) return { nodes, relationships };
    relationships.push(readRelationship(reader));
  }
}

function readNode(reader: TokenReader, count: number): NodePattern {
  const { at } = reader.next;
  reader.expectSign('(', 'begins a node pattern');
  const variable = reader.isVariable ? reader.take().text : `${HIDDEN}${count}`;
  if (reader.isSign(':')) {
    throw reader.unsupported('labels: memories have none; write a property, as in ({kind: "x"})');
  }
  if (reader.next.kind === 'parameter') {
    throw reader.unsupported('a parameter in place of a property map; write {key: $value}');
  }
  const properties: { key: string; value: Expression }[] = [];
  if (reader.takesSign('{') && !reader.takesSign('}')) {
    do {
      const key = reader.takeName('the name of a property');
      reader.expectSign(':', 'stands between property and value');
      properties.push({ key, value: readExpression(reader) });
    } while (reader.takesSign(','));
    reader.expectSign('}', 'closes the properties');
  }
  if (reader.isWord('where')) throw reader.unsupported('WHERE inside of a pattern');
  reader.expectSign(')', 'closes the node pattern');
  return { at, variable, properties };
}

function readRelationship(reader: TokenReader): RelationshipPattern {
  const { at } = reader.next;
  const isLeft = reader.takesSign('<');
  reader.expectSign('-', 'begins a relationship pattern');
  let inner: Pick<RelationshipPattern, 'variable' | 'types' | 'hops'> = {
    variable: undefined,
    types: [],
    hops: undefined,
  };
  if (reader.takesSign('[')) {
    const variable = reader.isVariable ? reader.take().text : undefined;
    const types = reader.takesSign(':') ? readTypes(reader) : [];
    const hops = reader.isSign('*') ? readHops(reader) : undefined;
    if (reader.isSign('{') || reader.next.kind === 'parameter') {
      throw reader.unsupported('properties of a relationship pattern; write WHERE r.weight = ...');
    }
    if (reader.isWord('where')) throw reader.unsupported('WHERE inside of a pattern');
    reader.expectSign(']', 'closes the relationship pattern');
    inner = { variable, types, hops };
  }
  reader.expectSign('-', 'ends a relationship pattern');
  const isRight = reader.takesSign('>');
  return { at, direction: directionOf(isLeft, isRight), ...inner };
}

function directionOf(isLeft: boolean, isRight: boolean): Direction {
  if (isLeft === isRight) return 'both';
  return isRight ? 'out' : 'in';
}

function readTypes(reader: TokenReader): string[] {
  const types: string[] = [];
  do {
    reader.takesSign(':');
    types.push(reader.takeName('the name of a relation'));
  } while (reader.takesSign('|'));
  for (const sign of ['&', '!']) {
    if (reader.isSign(sign)) throw reader.unsupported(`${sign} between relations; there is |`);
  }
  return types;
}

function readHops(reader: TokenReader): { min: number; max: number } {
  const { at } = reader.take();
  const isRange = reader.next.kind === 'number' || reader.isSign('..');
  const min = reader.next.kind === 'number' ? reader.takeWhole('a number of hops') : 1;
  let max = min;
  if (!isRange || reader.takesSign('..')) {
    if (reader.next.kind !== 'number') {
      throw reader.unsupported(
        `a length without an upper bound; write *1..N, N up to ${HOPS_MAX}`,
        at,
      );
    }
    max = reader.takeWhole('a number of hops');
  }
  if (max > HOPS_MAX) {
    throw reader.failure('limit', `a variable length goes up to ${HOPS_MAX}, not ${max}`, at);
  }
  return { min, max };
}

function readItems(reader: TokenReader, parts: readonly PatternPart[]): ReturnItem[] {
  const { at } = reader.next;
  if (reader.takesSign('*')) {
    const names = [...new Set(parts.flatMap(namedVariables))].toSorted();
    if (names.length === 0) throw reader.failure('syntax', 'RETURN * finds no variable', at);
    return names.map((name) => ({ name, expression: { kind: 'variable', at, name } }));
  }
  const items: ReturnItem[] = [];
  do {
    if (items.length >= COLUMNS_MAX) {
      throw reader.failure('limit', `a query returns at most ${COLUMNS_MAX} columns`);
    }
    const start = reader.next.at;
    const expression = readExpression(reader);
    const text = reader.query.slice(start, reader.next.at).trim();
    const name = reader.takesWord('as') ? reader.takeVariable('a name after AS') : text;
    if (items.some((item) => item.name === name)) {
      throw reader.failure('syntax', `two columns are called ${name}; rename one with AS`, start);
    }
    items.push({ expression, name });
  } while (reader.takesSign(','));
  return items;
}

function namedVariables({ nodes, relationships }: PatternPart): string[] {
  return [...nodes, ...relationships].flatMap(({ variable }) =>
    variable === undefined || variable.startsWith(HIDDEN) ? [] : [variable],
  );
}

function readSort(reader: TokenReader): SortItem[] {
  reader.take();
  reader.expectWord('by', 'after ORDER');
  const sort: SortItem[] = [];
  do {
    if (sort.length >= COLUMNS_MAX) {
      throw reader.failure('limit', `a query sorts by at most ${COLUMNS_MAX} expressions`);
    }
    const expression = readExpression(reader);
    const isDescending = reader.takesWord('desc') || reader.takesWord('descending');
    if (!isDescending && !reader.takesWord('asc')) reader.takesWord('ascending');
    sort.push({ expression, isDescending });
  } while (reader.takesSign(','));
  return sort;
}
