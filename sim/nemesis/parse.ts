import { checkDelay, type Delay } from '../world/delay.js';
import { SimulationError } from '../world/errors.js';
import { limits as worldLimits } from '../world/limits.js';
import { fieldsOf, type FieldKind } from './fields.js';
import { limits } from './limits.js';
import type { FaultAction, Schedule, TimedFault } from './schedule.js';

/**
 * Reads a schedule from a value of unknown origin, for example of `JSON.parse`. Throws
 * `SimulationError` 'invalid-schedule', which says where and what, unless all of it is sound: names
 * of nodes that the schedule has, numbers in their range, times in order, no field too many.
 */
export function parseSchedule(value: unknown): Schedule {
  const fields = objectOf(value, 'the schedule', [
    'seed',
    'nodes',
    'durationMicroseconds',
    'faults',
  ]);
  const nodes = namesOf(fields.get('nodes'), 'nodes');
  check(nodes.length > 0, 'nodes', 'names nobody');
  const durationMicroseconds = wholeOf(fields.get('durationMicroseconds'), 'durationMicroseconds');
  const known = new Set(nodes);
  check(known.size === nodes.length, 'nodes', 'names one twice');
  let latest = 0;
  const list = arrayOf(fields.get('faults'), 'faults', limits.scheduleFaultsMax);
  const faults = list.map((item, index): TimedFault => {
    const where = `faults[${index}]`;
    const fault = objectOf(item, where, ['atMicroseconds', 'action']);
    const atMicroseconds = wholeOf(fault.get('atMicroseconds'), `${where}.atMicroseconds`);
    check(atMicroseconds >= latest, `${where}.atMicroseconds`, 'is before the one above');
    latest = atMicroseconds;
    return { atMicroseconds, action: actionOf(fault.get('action'), `${where}.action`, known) };
  });
  const seed = fields.get('seed');
  check(Number.isSafeInteger(seed), 'seed', 'is not a whole number');
  return { seed: seed as number, nodes, durationMicroseconds, faults };
}

function actionOf(value: unknown, where: string, known: ReadonlySet<string>): FaultAction {
  check(isObject(value), where, 'is not an object');
  const kind = Object.hasOwn(value, 'kind') ? (value as { kind: unknown }).kind : undefined;
  const isKnown = typeof kind === 'string' && Object.hasOwn(fieldsOf, kind);
  check(isKnown, `${where}.kind`, 'is no action of a schedule');
  const expected = Object.entries<FieldKind>(fieldsOf[kind as FaultAction['kind']]);
  const found = objectOf(value, where, ['kind', ...expected.map(([name]) => name)]);
  const read = expected.map(([name, fieldKind]) => {
    const field = fieldOf(found.get(name), `${where}.${name}`, fieldKind, known);
    return [name, field] as const;
  });
  return { kind, ...Object.fromEntries(read) } as FaultAction;
}

function fieldOf(
  value: unknown,
  where: string,
  kind: FieldKind,
  known: ReadonlySet<string>,
): unknown {
  switch (kind) {
    case 'target': {
      const name = textOf(value, where);
      check(name.startsWith('@') || known.has(name), where, 'is no node of the schedule');
      return name;
    }
    case 'nodes':
      return knownNames(value, where, known);
    case 'groups':
      return arrayOf(value, where, limits.nodesMax).map((group, index) =>
        knownNames(group, `${where}[${index}]`, known),
      );
    case 'probability':
      return rangeOf(value, where, 0, 1);
    case 'duration':
      return wholeOf(value, where);
    case 'signed-duration':
      return wholeOf(value, where, Number.MIN_SAFE_INTEGER);
    case 'parts-per-million': {
      const { driftPartsPerMillionMin: least, driftPartsPerMillionMax: most } = worldLimits;
      return wholeOf(value, where, least, most);
    }
    case 'bytes':
    case 'bytes-per-second':
      return wholeOf(value, where, 1, worldLimits.bytesPerSecondMax);
    case 'count':
      return wholeOf(value, where, 1, limits.rottenKeysMax);
    case 'delay':
      return delayOf(value, where);
    case 'text':
      return textOf(value, where);
  }
}

const delayFields: Readonly<Record<Delay['kind'], readonly string[]>> = {
  uniform: [],
  exponential: ['meanMicroseconds'],
  lognormal: ['medianMicroseconds', 'sigma'],
  spiky: ['usualMaximumMicroseconds', 'spikeProbability', 'spikeMinimumMicroseconds'],
};

function delayOf(value: unknown, where: string): Delay {
  check(isObject(value), where, 'is not an object');
  const kind = Object.hasOwn(value, 'kind') ? (value as { kind: unknown }).kind : undefined;
  const isKnown = typeof kind === 'string' && Object.hasOwn(delayFields, kind);
  check(isKnown, `${where}.kind`, 'is no kind of delay');
  const names = [
    'minimumMicroseconds',
    'maximumMicroseconds',
    ...delayFields[kind as Delay['kind']],
  ];
  const found = objectOf(value, where, ['kind', ...names]);
  const most = limits.delayMicrosecondsMax;
  const numbers = names.map((name) => {
    return [name, rangeOf(found.get(name), `${where}.${name}`, 0, most)] as const;
  });
  const delay = { kind, ...Object.fromEntries(numbers) } as unknown as Delay;
  try {
    checkDelay(delay);
  } catch {
    check(false, where, 'is a delay that cannot be');
  }
  return delay;
}

function knownNames(value: unknown, where: string, known: ReadonlySet<string>): string[] {
  const names = namesOf(value, where);
  for (const [index, name] of names.entries()) {
    check(known.has(name), `${where}[${index}]`, 'is no node of the schedule');
  }
  return names;
}

function namesOf(value: unknown, where: string): string[] {
  return arrayOf(value, where, limits.nodesMax).map((name, index) => {
    const text = textOf(name, `${where}[${index}]`);
    check(text !== '' && !text.startsWith('@'), `${where}[${index}]`, 'is no name of a node');
    return text;
  });
}

function textOf(value: unknown, where: string): string {
  check(typeof value === 'string', where, 'is not text');
  check(value.length <= limits.textMax, where, `is longer than ${limits.textMax} characters`);
  return value;
}

function wholeOf(
  value: unknown,
  where: string,
  least = 0,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  check(Number.isSafeInteger(value), where, 'is not a whole number');
  return rangeOf(value, where, least, most);
}

function rangeOf(value: unknown, where: string, least: number, most: number): number {
  const isWithin = typeof value === 'number' && value >= least && value <= most;
  check(isWithin, where, `is not from ${least} to ${most}`);
  return value;
}

function arrayOf(value: unknown, where: string, lengthMax: number): readonly unknown[] {
  check(Array.isArray(value), where, 'is not a list');
  check(value.length <= lengthMax, where, `has more than ${lengthMax} items`);
  return value;
}

/** The own fields of an object that has these and no others. */
function objectOf(
  value: unknown,
  where: string,
  names: readonly string[],
): ReadonlyMap<string, unknown> {
  check(isObject(value), where, 'is not an object');
  const fields = new Map(Object.entries(value));
  for (const name of names) check(fields.has(name), where, `has no ${name}`);
  for (const name of fields.keys()) {
    check(names.includes(name), where, `has a field ${JSON.stringify(name.slice(0, 40))}`);
  }
  return fields;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function check(holds: boolean, where: string, what: string): asserts holds {
  if (!holds) throw new SimulationError('invalid-schedule', `${where} ${what}`);
}
