/**
 * Schedules as data that can be cut: which faults belong together, which of them only undo others,
 * and what is left when nodes are taken away. Works on the shape of actions, not on a list of kinds,
 * so that a new fault needs no line here as long as its end is named after its beginning.
 */
import type { FaultAction, Schedule, TimedFault } from '../nemesis/index.js';

/** Actions that undo others of another name; besides these, `x-end` undoes `x`. */
const UNDOES: ReadonlyMap<string, readonly string[]> = new Map([
  ['restart', ['crash', 'wipe']],
  ['resume', ['pause']],
]);

/** Undone by `heal`, with all others that are undone by no action of their own. */
const LINKS: readonly string[] = ['partition', 'isolate', 'one-way', 'bridge', 'star', 'ring'];

/** Whether `end` undoes what `begin` did. */
export function undoes(end: FaultAction, begin: FaultAction): boolean {
  const sameNode =
    !('node' in end) || !('node' in begin) || end.node === undefined || end.node === begin.node;
  if (!sameNode) return false;
  if (end.kind === 'heal') return LINKS.includes(begin.kind);
  const undone = UNDOES.get(end.kind);
  return undone === undefined ? end.kind === `${begin.kind}-end` : undone.includes(begin.kind);
}

/**
 * Positions of faults that belong together: a beginning with the first end after it. Each position
 * stands in exactly one group; groups are in the order of their first fault.
 */
export function pairFaults(faults: readonly TimedFault[]): number[][] {
  const taken = new Set<number>();
  const groups: number[][] = [];
  for (const [position, { action }] of faults.entries()) {
    if (taken.has(position)) continue;
    const end = faults.findIndex(
      (other, at) => at > position && !taken.has(at) && undoes(other.action, action),
    );
    const group = end === -1 ? [position] : [position, end];
    for (const member of group) taken.add(member);
    groups.push(group);
  }
  return groups;
}

/** The faults of the safety phase, and the actions that heal everything when it ends. */
export function splitEnding(schedule: Schedule): {
  readonly faults: readonly TimedFault[];
  readonly ending: readonly TimedFault[];
} {
  const isEnding = ({ atMicroseconds }: TimedFault): boolean =>
    atMicroseconds >= schedule.durationMicroseconds;
  return {
    faults: schedule.faults.filter((fault) => !isEnding(fault)),
    ending: schedule.faults.filter(isEnding),
  };
}

/** The schedule without those actions of its ending that undo nothing. */
export function dropIdleEnding(schedule: Schedule): Schedule {
  const { faults, ending } = splitEnding(schedule);
  const needed = ending.filter((end) => faults.some(({ action }) => undoes(end.action, action)));
  return { ...schedule, faults: [...faults, ...needed] };
}

/** The schedule in a world that has only these nodes. */
export function restrictSchedule(schedule: Schedule, nodes: readonly string[]): Schedule {
  const gone = new Set(schedule.nodes.filter((name) => !nodes.includes(name)));
  const faults = schedule.faults.flatMap((fault) => {
    const action = restrictValue(fault.action, gone);
    return action === undefined ? [] : [{ ...fault, action: action as FaultAction }];
  });
  return { ...schedule, nodes, faults };
}

/** The value without these names: undefined if it cannot be without them, as an object with one. */
function restrictValue(value: unknown, gone: ReadonlySet<string>): unknown {
  if (typeof value === 'string') return gone.has(value) ? undefined : value;
  if (Array.isArray(value)) {
    return value
      .map((item: unknown) => restrictValue(item, gone))
      .filter((item) => item !== undefined);
  }
  if (typeof value !== 'object' || value === null) return value;
  const members: [string, unknown][] = [];
  for (const [name, member] of Object.entries(value)) {
    const restricted = restrictValue(member, gone);
    if (restricted === undefined) return undefined;
    members.push([name, restricted]);
  }
  return Object.fromEntries(members);
}
