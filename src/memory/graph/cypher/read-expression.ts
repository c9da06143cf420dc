/**
 * Reads expressions: OR, XOR, AND, NOT, comparison, IN and text tests, sums, products, sign, property.
 * Chains of one operator are one list, so that their length costs no depth.
 */
import type { CompareSign, Expression } from './syntax.js';
import type { TokenReader } from './token-reader.js';

const COMPARE_SIGNS: readonly string[] = ['=', '<>', '<', '<=', '>', '>='];

export function readExpression(reader: TokenReader): Expression {
  return reader.nested(() => readLogical(reader, 0));
}

const LOGICAL = ['or', 'xor', 'and'] as const;

function readLogical(reader: TokenReader, level: number): Expression {
  const kind = LOGICAL[level];
  if (kind === undefined) return readNot(reader);
  const { at } = reader.next;
  const first = readLogical(reader, level + 1);
  if (!reader.isWord(kind)) return first;
  const operands = [first];
  while (reader.takesWord(kind)) operands.push(readLogical(reader, level + 1));
  return { kind, at, operands };
}

function readNot(reader: TokenReader): Expression {
  const { at } = reader.next;
  if (!reader.takesWord('not')) return readComparison(reader);
  return { kind: 'not', at, operand: reader.nested(() => readNot(reader)) };
}

function readComparison(reader: TokenReader): Expression {
  const left = readTests(reader);
  const { kind, text: sign, at } = reader.next;
  if (kind !== 'sign') return left;
  if (sign === '=~') throw reader.unsupported('regular expressions (=~); use CONTAINS');
  if (!isCompareSign(sign)) return left;
  reader.take();
  const right = readTests(reader);
  if (reader.next.kind === 'sign' && COMPARE_SIGNS.includes(reader.next.text)) {
    throw reader.unsupported('chains of comparisons; write a < b AND b < c');
  }
  return { kind: 'compare', at, sign, left, right };
}

function isCompareSign(sign: string): sign is CompareSign {
  return COMPARE_SIGNS.includes(sign);
}

/** IN, STARTS WITH, ENDS WITH, CONTAINS, IS NULL: at most one an operand. */
function readTests(reader: TokenReader): Expression {
  const left = readSum(reader);
  const { at } = reader.next;
  if (reader.takesWord('in')) return { kind: 'in', at, left, right: readSum(reader) };
  for (const kind of ['starts', 'ends'] as const) {
    if (!reader.takesWord(kind)) continue;
    reader.expectWord('with', `after ${kind.toUpperCase()}`);
    return { kind, at, left, right: readSum(reader) };
  }
  if (reader.takesWord('contains')) return { kind: 'contains', at, left, right: readSum(reader) };
  if (reader.takesWord('is')) {
    const isNegated = reader.takesWord('not');
    reader.expectWord('null', 'after IS or IS NOT');
    return { kind: 'isNull', at, operand: left, isNegated };
  }
  return left;
}

type Sign = '+' | '-' | '*';

function readSum(reader: TokenReader): Expression {
  return readChain(reader, ['+', '-'], () => readProduct(reader));
}

function readProduct(reader: TokenReader): Expression {
  const product = readChain(reader, ['*'], () => readSigned(reader));
  for (const sign of ['/', '%', '^']) {
    if (!reader.isSign(sign)) continue;
    throw reader.unsupported(`the operator ${sign}; there are +, - and *`);
  }
  return product;
}

function readChain(
  reader: TokenReader,
  signs: readonly Sign[],
  readOperand: () => Expression,
): Expression {
  const { at } = reader.next;
  const first = readOperand();
  const rest: { sign: Sign; operand: Expression }[] = [];
  for (;;) {
    const sign = signs.find((each) => reader.isSign(each));
    if (sign === undefined) break;
    reader.take();
    rest.push({ sign, operand: readOperand() });
  }
  return rest.length === 0 ? first : { kind: 'arithmetic', at, first, rest };
}

function readSigned(reader: TokenReader): Expression {
  const { at } = reader.next;
  if (!reader.takesSign('-')) return readProperty(reader);
  if (reader.next.kind === 'number') {
    return { kind: 'literal', at, value: -reader.take().value };
  }
  return { kind: 'negative', at, operand: reader.nested(() => readSigned(reader)) };
}

function readProperty(reader: TokenReader): Expression {
  const { at } = reader.next;
  const of = readAtom(reader);
  const keys: string[] = [];
  while (reader.takesSign('.')) keys.push(reader.takeName('the name of a property'));
  if (reader.isSign('[')) throw reader.unsupported('access by index or key in brackets');
  if (reader.isSign(':')) {
    throw reader.unsupported('labels: memories have none; compare a property instead');
  }
  if (reader.isSign('{')) throw reader.unsupported('map projections');
  return keys.length === 0 ? of : { kind: 'property', at, of, keys };
}

function readAtom(reader: TokenReader): Expression {
  const { kind, text, value, at } = reader.next;
  if (kind === 'number' || kind === 'text') {
    reader.take();
    return { kind: 'literal', at, value: kind === 'number' ? value : text };
  }
  if (kind === 'parameter') {
    reader.take();
    return { kind: 'parameter', at, name: text };
  }
  if (reader.takesWord('true')) return { kind: 'literal', at, value: true };
  if (reader.takesWord('false')) return { kind: 'literal', at, value: false };
  if (reader.takesWord('null')) return { kind: 'literal', at, value: null };
  if (reader.takesSign('(')) {
    const inner = readExpression(reader);
    reader.expectSign(')', 'closes the parenthesis');
    const isPattern = reader.isSign('-') && ['[', '-', '>'].includes(reader.second.text);
    if (isPattern && reader.second.kind === 'sign') {
      throw reader.unsupported('patterns as conditions; put them after MATCH', at);
    }
    return inner;
  }
  if (reader.isSign('[')) return readList(reader);
  if (reader.isSign('{')) throw reader.unsupported('maps outside of a node pattern');
  for (const word of ['case', 'exists', 'all', 'any', 'none', 'single']) {
    if (reader.isWord(word)) throw reader.unsupported(`${word.toUpperCase()} expressions`);
  }
  const name = reader.takeVariable('an expression');
  if (!reader.isSign('(')) return { kind: 'variable', at, name };
  return readCall(reader, name.toLowerCase(), at);
}

function readList(reader: TokenReader): Expression {
  const { at } = reader.next;
  reader.expectSign('[', 'begins a list');
  const items = readItems(reader, ']');
  return { kind: 'list', at, items };
}

function readCall(reader: TokenReader, name: string, at: number): Expression {
  reader.expectSign('(', 'begins the arguments');
  if (name === 'count' && reader.takesSign('*')) {
    reader.expectSign(')', 'closes count(*)');
    return { kind: 'countAll', at };
  }
  const isDistinct = reader.takesWord('distinct');
  const items = readItems(reader, ')');
  return { kind: 'call', at, name, items, isDistinct };
}

function readItems(reader: TokenReader, closing: string): Expression[] {
  const items: Expression[] = [];
  if (reader.takesSign(closing)) return items;
  do items.push(readExpression(reader));
  while (reader.takesSign(','));
  if (reader.isSign('|')) throw reader.unsupported('list comprehensions');
  reader.expectSign(closing, 'closes the list');
  return items;
}
