/**
 * Plans as files: a failing seed made small, to be replayed and to be kept as a regression test. The
 * reader trusts nothing: every length is bounded, and an error says what is wrong and where.
 *
 *     {
 *       "format": "agentic-flow sim plan",
 *       "version": 1,
 *       "title": "...", "about": "...",                      these two may be left out
 *       "expect": "pass"  or  { "checker": "linearizability" },
 *       "mustReach": ["leader-changed"],
 *       "scenario": "rolling-migration",
 *       "seed": 7,
 *       "settings": { ... },
 *       "schedule": { "seed": 7, "nodes": [...], "durationMicroseconds": 6000000, "faults": [...] },
 *       "operations": [...]
 *     }
 */
import { parseSchedule } from '../nemesis/index.js';
import type { Schedule } from '../nemesis/index.js';
import { SimulationError } from '../world/index.js';
import { isBadPlan } from './failure.js';
import { limits } from './limits.js';
import type { Json, Plan, TimedOperation } from './plan.js';
import { isRecord, parseBounded } from './plan-json.js';
import type { RunResult } from './scenario.js';

/** How a run must end: with everything held, or with a failure of this checker. */
export type Expectation = 'pass' | { readonly checker: string };

/** A plan with what must come of it. */
export interface PlanFile {
  /** For a kept plan: what happens in it, in a few words. */
  readonly title?: string;
  /** For a kept plan: what would go wrong, how, and who met it. */
  readonly about?: string;
  readonly plan: Plan;
  readonly expect: Expectation;
  /** Probes that the run must reach, so that a kept plan does not pass by missing its point. */
  readonly mustReach: readonly string[];
}

const FORMAT = 'agentic-flow sim plan';
const VERSION = 1;

/** The text of a plan file: JSON with a line for each fault and operation, and a line end. */
export function writePlanFile(file: PlanFile): string {
  const { plan, expect, mustReach } = file;
  const { scenario, seed, settings, schedule, operations } = plan;
  const { faults, ...about } = schedule;
  const aboutLines = Object.entries(about).map(
    ([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  const prose = (['title', 'about'] as const)
    .filter((name) => file[name] !== undefined)
    .map((name) => `\n  "${name}": ${JSON.stringify(file[name])},`);
  return `{
  "format": ${JSON.stringify(FORMAT)},
  "version": ${VERSION},${prose.join('')}
  "expect": ${JSON.stringify(expect)},
  "mustReach": ${JSON.stringify(mustReach)},
  "scenario": ${JSON.stringify(scenario)},
  "seed": ${seed},
  "settings": ${JSON.stringify(settings)},
  "schedule": {
${aboutLines.join(',\n')},
    "faults": ${list(faults, '    ')}
  },
  "operations": ${list(operations, '  ')}
}
`;
}

/** A line for each item. */
function list(items: readonly unknown[], indent: string): string {
  if (items.length === 0) return '[]';
  const lines = items.map((item) => `${indent}  ${JSON.stringify(item)}`);
  return `[\n${lines.join(',\n')}\n${indent}]`;
}

/** Reads a plan file. Throws `SimulationError` with code `invalid-plan`, saying what and where. */
export function parsePlanFile(text: string): PlanFile {
  const root = parseBounded(text);
  const file = new Place(root, '$').object();
  const format = file.member('format').text();
  if (format !== FORMAT) throw refused('$.format', `is ${quoted(format)}, not ${quoted(FORMAT)}`);
  const version = file.member('version').integer(1, Number.MAX_SAFE_INTEGER);
  if (version !== VERSION) {
    const hint = version > VERSION ? 'it was written by a later release' : 'there is no such';
    throw refused('$.version', `is ${version}, but this release reads ${VERSION}: ${hint}`);
  }
  const plan = {
    scenario: file.member('scenario').text(),
    seed: file.member('seed').integer(0, limits.seedMax),
    settings: file.member('settings').object().value as Plan['settings'],
    schedule: readSchedule(file.member('schedule')),
    operations: readOperations(file.member('operations')),
  };
  const expect = readExpectation(file.member('expect'));
  const mustReach = file
    .member('mustReach')
    .items(1_000)
    .map((item) => item.text());
  const names = ['format', 'version', 'title', 'about', 'expect', 'mustReach'];
  file.hasOnly([...names, ...Object.keys(plan)]);
  return { ...readProse(file), plan, expect, mustReach };
}

function readProse(file: ObjectPlace): Pick<PlanFile, 'title' | 'about'> {
  const most = limits.planProseCharactersMax;
  const given = (['title', 'about'] as const).filter((name) => Object.hasOwn(file.value, name));
  return Object.fromEntries(given.map((name) => [name, file.member(name).text(most)]));
}

/** What is not as the file says, in sentences; none when the run ended as it must. */
export function compareWithExpectation(file: PlanFile, result: RunResult): string[] {
  const { expect, mustReach } = file;
  const { failure, probes } = result;
  const found: string[] = [];
  if (expect === 'pass') {
    if (failure !== undefined) {
      found.push(`it must pass, but ${failure.checker} failed: ${failure.message}`);
    }
  } else if (failure === undefined) {
    found.push(`${expect.checker} must fail, but everything held`);
  } else if (failure.checker !== expect.checker) {
    found.push(`${expect.checker} must fail, but ${failure.checker} failed: ${failure.message}`);
  }
  for (const probe of mustReach) {
    if (!probes.has(probe)) found.push(`it must reach ${probe}, but did not`);
  }
  return found;
}

function readExpectation(place: Place): Expectation {
  if (place.value === 'pass') return 'pass';
  if (!isRecord(place.value)) throw refused(place.path, 'must be "pass" or {"checker": name}');
  const expect = place.object();
  expect.hasOnly(['checker']);
  return { checker: expect.member('checker').text() };
}

function readSchedule(place: Place): Schedule {
  try {
    return parseSchedule(place.value);
  } catch (error) {
    if (!isBadPlan(error)) throw error;
    throw refused(`${place.path}:`, error.message);
  }
}

/** A thousand hours of simulated time, in microseconds. */
const TIME_MAX = 3_600_000_000_000;

function readOperations(place: Place): TimedOperation[] {
  const operations = place.items(limits.planOperationsMax).map((item) => {
    const operation = item.object();
    operation.hasOnly(['atMicroseconds', 'client', 'operation']);
    return {
      atMicroseconds: operation.member('atMicroseconds').integer(0, TIME_MAX),
      client: operation.member('client').integer(0, limits.planMembersMax),
      operation: operation.member('operation').value as Json,
    };
  });
  requireOrder(operations, place.path);
  return operations;
}

function requireOrder(timed: readonly { readonly atMicroseconds: number }[], path: string): void {
  for (const [position, { atMicroseconds }] of timed.entries()) {
    const before = timed[position - 1];
    if (before !== undefined && before.atMicroseconds > atMicroseconds) {
      throw refused(`${path}[${position}].atMicroseconds`, 'is before the one above it');
    }
  }
}

/** A value in a file, with the path that leads to it. */
class Place {
  constructor(
    readonly value: unknown,
    readonly path: string,
  ) {}

  object(): ObjectPlace {
    if (!isRecord(this.value)) throw this.#refuse('an object');
    return new ObjectPlace(this.value, this.path);
  }

  items(most: number): Place[] {
    if (!Array.isArray(this.value)) throw this.#refuse('an array');
    if (this.value.length > most) {
      throw refused(this.path, `has ${this.value.length} items; at most ${most} are allowed`);
    }
    return this.value.map((item: unknown, at) => new Place(item, `${this.path}[${at}]`));
  }

  text(most: number = limits.planNameCharactersMax): string {
    const { value } = this;
    if (typeof value === 'string' && value.length > 0 && value.length <= most) return value;
    throw this.#refuse(`a text of 1 to ${most} characters`);
  }

  integer(least: number, most: number): number {
    const { value } = this;
    if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) {
      return value as number;
    }
    throw this.#refuse(`a whole number from ${least} to ${most}`);
  }

  #refuse(expected: string): SimulationError {
    const found = this.value === undefined ? 'is missing' : `is ${quoted(this.value)}`;
    return refused(this.path, `${found}; it must be ${expected}`);
  }
}

class ObjectPlace extends Place {
  override readonly value: Readonly<Record<string, unknown>>;

  constructor(value: Readonly<Record<string, unknown>>, path: string) {
    super(value, path);
    this.value = value;
  }

  member(name: string): Place {
    const value = Object.hasOwn(this.value, name) ? this.value[name] : undefined;
    return new Place(value, `${this.path}.${name}`);
  }

  /** What a file says and nobody reads is a mistake of whoever wrote it. */
  hasOnly(names: readonly string[]): void {
    const other = Object.keys(this.value).find((name) => !names.includes(name));
    if (other !== undefined) throw refused(`${this.path}.${other.slice(0, 60)}`, 'is unknown');
  }
}

function refused(path: string, what: string): SimulationError {
  return new SimulationError('invalid-plan', `${path} ${what}`);
}

function quoted(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
