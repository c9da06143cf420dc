/**
 * Orders the work: begins each part of the pattern at its most selective node, and checks each
 * condition as soon as its variables are bound.
 */
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

export interface PlannedStep {
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
  const conditions = conditionsOf(query);
  const waiting = new Set(conditions);
  const bound = new Set<string>();
  const due = (): Expression[] => {
    const found = [...waiting].filter((each) => [...variablesOf(each)].every((v) => bound.has(v)));
    for (const each of found) waiting.delete(each);
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
    const { part, at } = bestStart([...parts], bound, conditions);
    parts.delete(part);
    const variable = (part.nodes[at] as { variable: string }).variable;
    if (!bound.has(variable)) {
      add({ kind: 'nodes', variable, ids: idsOf(variable, conditions) }, variable);
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
  if (last !== undefined) steps.push({ ...last, conditions: [...last.conditions, ...waiting] });
  return { constants, steps };
}

/** The conditions that must all hold: those joined by AND, and the properties of nodes. */
function conditionsOf({ parts, where }: Query): Expression[] {
  const conditions: Expression[] = [];
  const gather = (expression: Expression): void => {
    if (expression.kind === 'and') for (const each of expression.operands) gather(each);
    else conditions.push(expression);
  };
  for (const { at, variable, properties } of parts.flatMap(({ nodes }) => nodes)) {
    for (const { key, value } of properties) {
      const of = { kind: 'variable', at, name: variable } as const;
      const left = { kind: 'property', at, of, keys: [key] } as const;
      conditions.push({ kind: 'compare', at, sign: '=', left, right: value });
    }
  }
  if (where !== undefined) gather(where);
  return conditions;
}

/** Less is better: a bound node, known ids, some condition, none. */
function costOf(
  variable: string,
  bound: ReadonlySet<string>,
  conditions: readonly Expression[],
): number {
  if (bound.has(variable)) return 0;
  const ids = idsOf(variable, conditions);
  if (ids !== undefined) return ids.kind === 'list' && ids.items.length === 1 ? 1 : 2;
  const isFiltered = conditions.some((each) => {
    const variables = variablesOf(each);
    return variables.size === 1 && variables.has(variable);
  });
  return isFiltered ? 3 : 4;
}

function bestStart(
  parts: readonly PatternPart[],
  bound: ReadonlySet<string>,
  conditions: readonly Expression[],
): { part: PatternPart; at: number } {
  let best = { part: parts[0] as PatternPart, at: 0, cost: Infinity };
  for (const part of parts) {
    for (const [at, { variable }] of part.nodes.entries()) {
      const cost = costOf(variable, bound, conditions);
      if (cost < best.cost) best = { part, at, cost };
    }
  }
  return best;
}

/** The list of ids that a condition allows for a node, if one does. */
function idsOf(variable: string, conditions: readonly Expression[]): Expression | undefined {
  let lists: Expression | undefined;
  for (const each of conditions) {
    if (each.kind === 'compare' && each.sign === '=') {
      for (const [side, other] of [
        [each.left, each.right],
        [each.right, each.left],
      ] as const) {
        if (isIdOf(side, variable) && variablesOf(other).size === 0) {
          return { kind: 'list', at: each.at, items: [other] };
        }
      }
    } else if (each.kind === 'in' && isIdOf(each.left, variable)) {
      if (variablesOf(each.right).size === 0) lists ??= each.right;
    }
  }
  return lists;
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
  if (relationship === undefined || start === undefined || end === undefined) {
    throw new Error('a step goes from one node of a pattern to the next');
  }
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
