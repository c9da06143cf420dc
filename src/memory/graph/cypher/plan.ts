/**
 * Orders the work: begins each part of the pattern at its most selective node, and checks each
 * condition as soon as its variables are bound.
 */
import { assert } from '../../errors.js';
import type { Direction } from '../view.js';
import { type Expression, type PatternPart, type Query, variablesOf } from './syntax.js';

export type PlanStep =
  /** Binds a node: to the memories with these ids, or to each in turn. */
  | { readonly kind: 'nodes'; readonly variable: string; readonly ids: Expression | undefined }
  /** Goes over one edge, or over `hops` of them. */
  | {
      readonly kind: 'expand';
      readonly from: string;
      readonly to: string;
      readonly isBound: boolean;
      readonly direction: Direction;
      readonly types: readonly string[];
      readonly relationship: string | undefined;
      readonly hops: { readonly min: number; readonly max: number } | undefined;
      /** Against the order of the pattern, so that a list of edges is turned round. */
      readonly isReversed: boolean;
    };

interface PlannedStep {
  readonly step: PlanStep;
  /** Conditions that can be checked after it. */
  readonly conditions: readonly Expression[];
}

export interface Plan {
  /** Conditions without variables. */
  readonly constants: readonly Expression[];
  readonly steps: readonly PlannedStep[];
}

export function planOf(query: Query): Plan {
  const known = new Conditions(query);
  const waiting = new Map(known.variables);
  const bound = new Set<string>();
  const due = (): Expression[] => {
    const found: Expression[] = [];
    for (const [condition, variables] of waiting) {
      if (variables.some((variable) => !bound.has(variable))) continue;
      found.push(condition);
      waiting.delete(condition);
    }
    return found;
  };
  const constants = due();
  const steps: PlannedStep[] = [];
  const add = (step: PlanStep, ...variables: (string | undefined)[]): void => {
    for (const variable of variables) if (variable !== undefined) bound.add(variable);
    steps.push({ step, conditions: due() });
  };
  const parts = new Set(query.parts);
  while (parts.size > 0) {
    const { part, at } = bestStart(parts, bound, known);
    parts.delete(part);
    const variable = (part.nodes[at] as { variable: string }).variable;
    if (!bound.has(variable)) {
      add({ kind: 'nodes', variable, ids: known.ids.get(variable) }, variable);
    }
    for (let right = at; right < part.relationships.length; right += 1) {
      const step = stepOver(part, right, right + 1, bound);
      add(step, step.to, step.relationship);
    }
    for (let left = at; left > 0; left -= 1) {
      const step = stepOver(part, left, left - 1, bound);
      add(step, step.to, step.relationship);
    }
  }
  // What names a variable that the pattern does not bind is refused when it is compiled.
  const last = steps.pop();
  if (last !== undefined)
    steps.push({ ...last, conditions: [...last.conditions, ...waiting.keys()] });
  return { constants, steps };
}

/** The conditions that must all hold, and what they say of single variables. */
class Conditions {
  readonly variables = new Map<Expression, readonly string[]>();
  /** Lists of the ids that a variable can have. */
  readonly ids = new Map<string, Expression>();
  /** Variables with a condition of their own. */
  readonly filtered = new Set<string>();

  constructor({ parts, where }: Query) {
    for (const { at, variable, properties } of parts.flatMap(({ nodes }) => nodes)) {
      for (const { key, value } of properties) {
        const of = { kind: 'variable', at, name: variable } as const;
        const left = { kind: 'property', at, of, keys: [key] } as const;
        this.#add({ kind: 'compare', at, sign: '=', left, right: value });
      }
    }
    if (where !== undefined) this.#add(where);
  }

  #add(condition: Expression): void {
    if (condition.kind === 'and') {
      for (const operand of condition.operands) this.#add(operand);
      return;
    }
    const variables = [...variablesOf(condition)];
    this.variables.set(condition, variables);
    const [variable] = variables;
    if (variable === undefined || variables.length > 1) return;
    this.filtered.add(variable);
    const list = idsOf(condition, variable);
    if (list === undefined) return;
    // One id is better than a list of them.
    if (!this.ids.has(variable) || isOne(list)) this.ids.set(variable, list);
  }
}

function isOne(list: Expression): boolean {
  return list.kind === 'list' && list.items.length === 1;
}

/** Less is better: a bound node, a known id, one of some ids, some condition, none. */
function costOf(variable: string, bound: ReadonlySet<string>, known: Conditions): number {
  if (bound.has(variable)) return 0;
  const ids = known.ids.get(variable);
  if (ids !== undefined) return isOne(ids) ? 1 : 2;
  return known.filtered.has(variable) ? 3 : 4;
}

function bestStart(
  parts: ReadonlySet<PatternPart>,
  bound: ReadonlySet<string>,
  known: Conditions,
): { part: PatternPart; at: number } {
  let best: { part: PatternPart; at: number; cost: number } | undefined;
  for (const part of parts) {
    for (const [at, { variable }] of part.nodes.entries()) {
      const cost = costOf(variable, bound, known);
      if (best === undefined || cost < best.cost) best = { part, at, cost };
    }
  }
  assert(best !== undefined, 'there is a part left, and it has nodes');
  return best;
}

/** The list of ids that a condition allows for its only variable, if it is one on the id. */
function idsOf(condition: Expression, variable: string): Expression | undefined {
  if (condition.kind === 'compare' && condition.sign === '=') {
    const { at, left, right } = condition;
    if (isIdOf(left, variable) && variablesOf(right).size === 0) {
      return { kind: 'list', at, items: [right] };
    }
    if (isIdOf(right, variable) && variablesOf(left).size === 0) {
      return { kind: 'list', at, items: [left] };
    }
  }
  const isIn = condition.kind === 'in' && isIdOf(condition.left, variable);
  return isIn && variablesOf(condition.right).size === 0 ? condition.right : undefined;
}

function isIdOf(expression: Expression, variable: string): boolean {
  const of =
    expression.kind === 'property' && expression.keys.length === 1 && expression.keys[0] === 'id'
      ? expression.of
      : expression.kind === 'call' && expression.name === 'id'
        ? expression.items[0]
        : undefined;
  return of?.kind === 'variable' && of.name === variable;
}

function stepOver(
  { nodes, relationships }: PatternPart,
  from: number,
  to: number,
  bound: ReadonlySet<string>,
): Extract<PlanStep, { kind: 'expand' }> {
  const isReversed = to < from;
  const relationship = relationships[Math.min(from, to)];
  const [start, end] = [nodes[from], nodes[to]];
  assert(
    relationship !== undefined && start !== undefined && end !== undefined,
    'a step goes from one node of a pattern to the next',
  );
  const { direction, types, hops, variable } = relationship;
  const turned = direction === 'out' ? 'in' : direction === 'in' ? 'out' : 'both';
  return {
    kind: 'expand',
    from: start.variable,
    to: end.variable,
    isBound: bound.has(end.variable),
    direction: isReversed ? turned : direction,
    types,
    relationship: variable,
    hops,
    isReversed,
  };
}
