/** The shape of a query after it has been read. `at` is a place in the query, for messages. */
import type { Direction } from '../view.js';

export type CompareSign = '=' | '<>' | '<' | '<=' | '>' | '>=';
type TextTest = 'starts' | 'ends' | 'contains';

export type Expression = { readonly at: number } & (
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'property'; readonly of: Expression; readonly keys: readonly string[] }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly items: readonly Expression[];
      readonly isDistinct: boolean;
    }
  | { readonly kind: 'countAll' }
  | { readonly kind: 'not' | 'negative'; readonly operand: Expression }
  | { readonly kind: 'and' | 'or' | 'xor'; readonly operands: readonly Expression[] }
  | {
      readonly kind: 'compare';
      readonly sign: CompareSign;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: TextTest | 'in'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'isNull'; readonly operand: Expression; readonly isNegated: boolean }
  | {
      readonly kind: 'arithmetic';
      readonly first: Expression;
      readonly rest: readonly { readonly sign: '+' | '-' | '*'; readonly operand: Expression }[];
    }
);

export interface NodePattern {
  readonly at: number;
  /** Begins with NUL where the query gives none. */
  readonly variable: string;
  readonly properties: readonly { readonly key: string; readonly value: Expression }[];
}

export interface RelationshipPattern {
  readonly at: number;
  readonly variable: string | undefined;
  readonly types: readonly string[];
  /** From the node before it to the one after it. */
  readonly direction: Direction;
  /** Undefined for exactly one edge. */
  readonly hops: { readonly min: number; readonly max: number } | undefined;
}

/** `nodes` has one more than `relationships`. */
export interface PatternPart {
  readonly nodes: readonly NodePattern[];
  readonly relationships: readonly RelationshipPattern[];
}

export interface ReturnItem {
  readonly expression: Expression;
  /** The alias, or the text of the expression. */
  readonly name: string;
}

export interface SortItem {
  readonly expression: Expression;
  readonly isDescending: boolean;
}

export interface Query {
  readonly parts: readonly PatternPart[];
  readonly where: Expression | undefined;
  readonly isDistinct: boolean;
  readonly items: readonly ReturnItem[];
  readonly sort: readonly SortItem[];
  readonly skip: Expression | undefined;
  readonly limit: Expression | undefined;
}

/** The expressions directly inside of one. */
export function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'literal':
    case 'parameter':
    case 'variable':
    case 'countAll':
      return [];
    case 'property':
      return [expression.of];
    case 'list':
    case 'call':
      return expression.items;
    case 'not':
    case 'negative':
    case 'isNull':
      return [expression.operand];
    case 'and':
    case 'or':
    case 'xor':
      return expression.operands;
    case 'arithmetic':
      return [expression.first, ...expression.rest.map(({ operand }) => operand)];
    case 'compare':
    case 'in':
    case 'starts':
    case 'ends':
    case 'contains':
      return [expression.left, expression.right];
  }
}

/** Names of the variables in an expression. */
export function variablesOf(expression: Expression, into = new Set<string>()): Set<string> {
  if (expression.kind === 'variable') into.add(expression.name);
  for (const part of partsOf(expression)) variablesOf(part, into);
  return into;
}
