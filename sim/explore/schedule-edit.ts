/**
 * Schedules as data that can be cut: which faults belong together, which of them only undo others,
 * and what is left when nodes are taken away.
 */
import type { FaultAction, Schedule, TimedFault } from '../nemesis/index.js';

const SHAPES = ['partition', 'isolate', 'one-way', 'bridge', 'ring', 'star'] as const;

const DISK_FAULTS = [
  'disk-full',
  'sync-failure',
  'torn-writes',
  'lost-writes',
  'misdirected-writes',
  'lying-sync',
] as const;

/** Actions that undo others of another name; besides these, `x-end` undoes `x`. */
const UNDOES: ReadonlyMap<FaultAction['kind'], readonly FaultAction['kind'][]> = new Map<
  FaultAction['kind'],
  readonly FaultAction['kind'][]
>([
  ['heal', SHAPES],
  ['rejoin', ['cut-off']],
  ['unclog', ['clog']],
  ['restart', ['crash', 'wipe', 'sync-failure', 'disk-full']],
  ['resume', ['pause']],
  ['disk-heal', DISK_FAULTS],
  ['clock-drift', ['clock-drift']],
]);

/** Whether `end` undoes what `begin` did. */
export function undoes(end: FaultAction, begin: FaultAction): boolean {
  if (end.kind === 'heal-all') return begin.kind !== 'heal-all';
  if (end.kind === 'clock-drift' && end.partsPerMillion !== 0) return false;
  const undone = UNDOES.get(end.kind);
  const isOfKind =
    undone === undefined ? end.kind === `${begin.kind}-end` : undone.includes(begin.kind);
  return isOfKind && isOfSameNodes(end, begin);
}

function isOfSameNodes(end: FaultAction, begin: FaultAction): boolean {
  const [one, other] = [new Map(Object.entries(end)), new Map(Object.entries(begin))];
  return ['node', 'from', 'to'].every((name) => {
    return !one.has(name) || !other.has(name) || one.get(name) === other.get(name);
  });
}

/**
 * Positions of faults that belong together: a beginning with the first end after it, or with the
 * ends of that moment (a disk is mended and its node starts). Each position stands in exactly one
 * group; groups are in the order of their first fault.
 */
export function pairFaults(faults: readonly TimedFault[]): number[][] {
  const taken = new Set<number>();
  const groups: number[][] = [];
  for (const [position, { action }] of faults.entries()) {
    if (taken.has(position)) continue;
    const group = [position];
    for (let at = position + 1; at < faults.length; at += 1) {
      const other = faults[at]!;
      const first = group[1];
      if (first !== undefined && faults[first]!.atMicroseconds < other.atMicroseconds) break;
      if (!taken.has(at) && undoes(other.action, action)) group.push(at);
    }
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
