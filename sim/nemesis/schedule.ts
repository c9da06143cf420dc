/** One thing that a schedule does to a world. */
export type FaultAction =
  | { readonly kind: 'partition'; readonly groups: readonly (readonly string[])[] }
  | { readonly kind: 'isolate'; readonly node: string }
  | { readonly kind: 'one-way'; readonly from: readonly string[]; readonly to: readonly string[] }
  | {
      readonly kind: 'bridge';
      readonly left: readonly string[];
      readonly middle: string;
      readonly right: readonly string[];
    }
  | { readonly kind: 'heal' }
  | { readonly kind: 'loss'; readonly probability: number }
  | { readonly kind: 'loss-end' }
  | { readonly kind: 'crash'; readonly node: string }
  | { readonly kind: 'restart'; readonly node: string }
  | { readonly kind: 'pause'; readonly node: string }
  | { readonly kind: 'resume'; readonly node: string };

/** An action and when it happens, in microseconds from the start of the schedule. */
export interface TimedFault {
  readonly atMicroseconds: number;
  readonly action: FaultAction;
}

/** Faults as data: generated from a seed, printed, replayed, and made smaller by leaving some out. */
export interface Schedule {
  readonly seed: number;
  readonly nodes: readonly string[];
  /** At this time everything is healed, restarted and resumed. */
  readonly durationMicroseconds: number;
  /** By time; those of equal time happen in this order. */
  readonly faults: readonly TimedFault[];
}

/** One line a fault, with times in milliseconds, to be read beside a failing seed. */
export function describeSchedule(schedule: Schedule): string {
  const { seed, nodes, durationMicroseconds, faults } = schedule;
  const lines = faults.map(
    ({ atMicroseconds, action }) => `${milliseconds(atMicroseconds)}  ${describeAction(action)}`,
  );
  const title =
    `schedule of seed ${seed}: ${faults.length} actions on ${nodes.join(' ')} ` +
    `in ${durationMicroseconds / 1000} ms`;
  return [title, ...lines].join('\n');
}

function milliseconds(microseconds: number): string {
  return `${(microseconds / 1000).toFixed(3)} ms`.padStart(16);
}

/** One action as a person reads it. */
export function describeAction(action: FaultAction): string {
  switch (action.kind) {
    case 'partition':
      return `partition ${action.groups.map((group) => group.join(' ')).join(' | ')}`;
    case 'one-way':
      return `one-way ${action.from.join(' ')} -/-> ${action.to.join(' ')}`;
    case 'bridge':
      return `bridge ${action.left.join(' ')} | ${action.middle} | ${action.right.join(' ')}`;
    case 'loss':
      return `loss ${Math.round(action.probability * 100)} %`;
    case 'heal':
    case 'loss-end':
      return action.kind;
    case 'isolate':
    case 'crash':
    case 'restart':
    case 'pause':
    case 'resume':
      return `${action.kind} ${action.node}`;
  }
}
