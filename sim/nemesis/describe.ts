import type { Delay } from '../world/delay.js';
import { fieldsOf, type FieldKind } from './fields.js';
import type { FaultAction, Schedule } from './schedule.js';

/** One line a fault, with times in milliseconds, to be read beside a failing seed. */
export function describeSchedule(schedule: Schedule): string {
  const { seed, nodes, durationMicroseconds, faults } = schedule;
  const lines = faults.map(
    ({ atMicroseconds, action }) =>
      `${milliseconds(atMicroseconds).padStart(16)}  ${describeAction(action)}`,
  );
  const title =
    `schedule of seed ${seed}: ${faults.length} actions on ${nodes.join(' ')} ` +
    `in ${durationMicroseconds / 1000} ms`;
  return [title, ...lines].join('\n');
}

/** An action in a few words: its kind and its fields with their units. */
export function describeAction(action: FaultAction): string {
  switch (action.kind) {
    case 'one-way':
      return `one-way ${action.from.join(' ')} -/-> ${action.to.join(' ')}`;
    case 'bridge':
      return `bridge ${action.left.join(' ')} | ${action.middle} | ${action.right.join(' ')}`;
    case 'star':
      return `star ${action.center} | ${action.leaves.join(' ')}`;
    default: {
      const values = new Map(Object.entries(action) as [string, unknown][]);
      const fields = Object.entries<FieldKind>(fieldsOf[action.kind]);
      const words = fields.map(([name, kind]) => describeField(kind, values.get(name)));
      return [action.kind, ...words].filter((word) => word !== '').join(' ');
    }
  }
}

function describeField(kind: FieldKind, value: unknown): string {
  switch (kind) {
    case 'groups':
      return (value as string[][]).map((group) => group.join(' ')).join(' | ');
    case 'nodes':
      return (value as string[]).join(' ');
    case 'probability':
      return `${Math.round((value as number) * 100)} %`;
    case 'duration':
    case 'signed-duration':
      return milliseconds(value as number);
    case 'parts-per-million':
      return `${value as number} ppm`;
    case 'bytes':
      return `${value as number} B`;
    case 'bytes-per-second':
      return `${value as number} B/s`;
    case 'delay': {
      const { kind, minimumMicroseconds, maximumMicroseconds } = value as Delay;
      return `${kind} ${milliseconds(minimumMicroseconds)} to ${milliseconds(maximumMicroseconds)}`;
    }
    case 'target':
    case 'count':
    case 'text':
      return String(value);
  }
}

function milliseconds(microseconds: number): string {
  return `${(microseconds / 1000).toFixed(3)} ms`;
}
