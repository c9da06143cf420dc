/** Finds the rows of a pattern, depth first, each edge at most once a row. */
import { sortInSteps } from '../sort-in-steps.js';
import { type GraphView, type RelationMask, Steps } from '../view.js';
import type { Work } from '../work.js';
import { compile, type Row, type Scope, truth } from './compile.js';
import type { Context } from './context.js';
import type { Plan, PlanStep } from './plan.js';
import { EdgeValue, isList, NodeValue, type Value } from './values.js';

interface ReadyStep {
  readonly step: PlanStep;
  readonly conditions: readonly ((row: Row) => boolean | null)[];
  readonly mask: RelationMask;
  readonly ids: Value | undefined;
  /** Slots of the step: the node it comes from, the node it binds, its edge or list of edges. */
  readonly from: number;
  readonly to: number;
  readonly relationship: number;
  /** Edges of the node where it stands, one a depth. */
  readonly buffers: Steps[];
}

type ExpandStep = ReadyStep & { readonly step: Extract<PlanStep, { kind: 'expand' }> };

/** Calls `onRow` for each row, with an array that is used again; it returns true to stop. */
export class Match {
  readonly #context: Context;
  readonly #work: Work;
  readonly #steps: readonly ReadyStep[];
  readonly #constants: readonly ((row: Row) => boolean | null)[];
  readonly #onRow: (row: Row) => boolean;
  readonly #row: Row;
  readonly #used = new Set<number>();
  readonly #walked: number[] = [];
  #isDone = false;

  constructor(plan: Plan, scope: Scope, context: Context, onRow: (row: Row) => boolean) {
    const slotOf = (name: string | undefined): number =>
      name === undefined ? -1 : (scope.slots.get(name) ?? -1);
    const condition = (expression: Parameters<typeof truth>[0]) =>
      truth(expression, (part) => compile(part, scope, context), 'a condition', context);
    this.#context = context;
    this.#work = context.work;
    this.#onRow = onRow;
    this.#row = Array.from({ length: scope.slots.size }, () => null);
    this.#constants = plan.constants.map(condition);
    this.#steps = plan.steps.map(({ step, conditions }) => {
      const isNodes = step.kind === 'nodes';
      const ids = isNodes && step.ids !== undefined ? compile(step.ids, scope, context)([]) : null;
      return {
        step,
        conditions: conditions.map(condition),
        mask: isNodes ? undefined : context.view.maskOf(step.types),
        ids: isNodes && step.ids !== undefined ? ids : undefined,
        from: isNodes ? -1 : slotOf(step.from),
        to: slotOf(isNodes ? step.variable : step.to),
        relationship: isNodes ? -1 : slotOf(step.relationship),
        buffers: [],
      };
    });
  }

  *run(): Generator<undefined, void> {
    if (this.#constants.every((condition) => condition(this.#row) === true)) yield* this.#at(0);
  }

  *#at(index: number): Generator<undefined, void> {
    const ready = this.#steps[index];
    if (ready === undefined) this.#isDone = this.#onRow(this.#row);
    else if (ready.step.kind === 'nodes') yield* this.#nodes(ready, index);
    else if (ready.step.hops === undefined) yield* this.#edge(ready as ExpandStep, index);
    else yield* this.#walk(ready as ExpandStep, ready.step.hops, index, 0);
  }

  *#nodes(ready: ReadyStep, index: number): Generator<undefined, void> {
    const candidates =
      ready.ids === undefined ? yield* this.#allNodes() : yield* this.#named(ready.ids);
    for (const node of candidates) {
      if (this.#work.expand()) yield;
      this.#row[ready.to] = new NodeValue(node);
      if (this.#holds(ready)) yield* this.#at(index + 1);
      if (this.#isDone) return;
    }
  }

  *#edge(ready: ExpandStep, index: number): Generator<undefined, void> {
    const steps = this.#expand(ready, (this.#row[ready.from] as NodeValue).number, 0);
    const wanted = ready.step.isBound ? (this.#row[ready.to] as NodeValue).number : -1;
    const isLast = index + 1 === this.#steps.length;
    for (let at = 0; at < steps.length; at += 1) {
      if (this.#work.expand()) yield;
      const [other, edge] = [steps.others[at] as number, steps.edges[at] as number];
      if ((wanted >= 0 && other !== wanted) || this.#used.has(edge)) continue;
      if (wanted < 0) this.#row[ready.to] = new NodeValue(other);
      if (ready.relationship >= 0) this.#row[ready.relationship] = new EdgeValue(edge);
      if (!this.#holds(ready)) continue;
      if (isLast) {
        this.#isDone = this.#onRow(this.#row);
      } else {
        this.#used.add(edge);
        yield* this.#at(index + 1);
        this.#used.delete(edge);
      }
      if (this.#isDone) return;
    }
  }

  /** Stands `depth` edges away from where the variable length began. */
  *#walk(
    ready: ExpandStep,
    hops: { readonly min: number; readonly max: number },
    index: number,
    depth: number,
    node = (this.#row[ready.from] as NodeValue).number,
  ): Generator<undefined, void> {
    if (depth >= hops.min && this.#arrive(ready, node, depth)) {
      yield* this.#at(index + 1);
      if (this.#isDone) return;
    }
    if (depth === hops.max) return;
    const steps = this.#expand(ready, node, depth);
    for (let at = 0; at < steps.length; at += 1) {
      if (this.#work.expand()) yield;
      const edge = steps.edges[at] as number;
      if (this.#used.has(edge)) continue;
      this.#used.add(edge);
      this.#walked.push(edge);
      // What comes after the walk binds again what this step had bound before.
      yield* this.#walk(ready, hops, index, depth + 1, steps.others[at] as number);
      this.#walked.pop();
      this.#used.delete(edge);
      if (this.#isDone) return;
    }
  }

  #arrive(ready: ExpandStep, node: number, depth: number): boolean {
    const { step, to, relationship } = ready;
    if (!step.isBound) this.#row[to] = new NodeValue(node);
    else if ((this.#row[to] as NodeValue).number !== node) return false;
    if (relationship >= 0) {
      const edges = this.#walked.slice(this.#walked.length - depth).map((e) => new EdgeValue(e));
      this.#row[relationship] = step.isReversed ? edges.reverse() : edges;
    }
    return this.#holds(ready);
  }

  #holds({ conditions }: ReadyStep): boolean {
    for (const condition of conditions) if (condition(this.#row) !== true) return false;
    return true;
  }

  #expand({ step, mask, buffers }: ExpandStep, node: number, depth: number): Steps {
    const steps = (buffers[depth] ??= new Steps());
    this.#context.view.expand(node, step.direction, mask, steps);
    return steps;
  }

  /** All nodes by id: the ordered ones, with those that came later in between. */
  *#allNodes(): Generator<undefined, Iterable<number>> {
    const { view } = this.#context;
    const { nodeCount } = view;
    const ordered = Math.min(view.unorderedFrom, nodeCount);
    const later = Array.from({ length: nodeCount - ordered }, (_, at) => ordered + at);
    const all = merged(yield* this.#byId(later), ordered, (a, b) => view.compareNodes(a, b));
    return nodesOf(all, view);
  }

  *#named(ids: Value): Generator<undefined, Iterable<number>> {
    if (!isList(ids)) return [];
    const numbers = new Set<number>();
    for (const id of ids) {
      const number = typeof id === 'string' ? this.#context.view.numberOf(id) : undefined;
      if (number !== undefined) numbers.add(number);
      if (this.#work.expand()) yield;
    }
    return yield* this.#byId([...numbers]);
  }

  *#byId(nodes: number[]): Generator<undefined, number[]> {
    return yield* sortInSteps(nodes, (a, b) => this.#context.view.compareNodes(a, b), this.#work);
  }
}

/** Numbers of deleted nodes are passed over. */
function* nodesOf(numbers: Iterable<number>, view: GraphView): Iterable<number> {
  for (const node of numbers) if (view.isNode(node)) yield node;
}

function* merged(
  later: readonly number[],
  ordered: number,
  compareNodes: (a: number, b: number) => number,
): Iterable<number> {
  let at = 0;
  for (let node = 0; node < ordered; node += 1) {
    while (at < later.length && compareNodes(later[at] as number, node) < 0) {
      yield later[at++] as number;
    }
    yield node;
  }
  for (; at < later.length; at += 1) yield later[at] as number;
}
