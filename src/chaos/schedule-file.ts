/** Schedules of faults as files, so that a run can be repeated and shared. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Schedule } from '../../sim/nemesis/index.js';
import { ChaosError } from './errors.js';
import { limits } from './limits.js';
import { nodeNames } from './places.js';

const node = z.string();
const group = z.array(node);
const microseconds = z.number().int().min(0);

const actionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('partition'), groups: z.array(group) }),
  z.strictObject({ kind: z.literal('isolate'), node }),
  z.strictObject({ kind: z.literal('one-way'), from: group, to: group }),
  z.strictObject({ kind: z.literal('bridge'), left: group, middle: node, right: group }),
  z.strictObject({ kind: z.literal('heal') }),
  z.strictObject({ kind: z.literal('loss'), probability: z.number().min(0).max(1) }),
  z.strictObject({ kind: z.literal('loss-end') }),
  z.strictObject({ kind: z.literal('crash'), node }),
  z.strictObject({ kind: z.literal('restart'), node }),
  z.strictObject({ kind: z.literal('pause'), node }),
  z.strictObject({ kind: z.literal('resume'), node }),
]);

const scheduleSchema = z.strictObject({
  seed: z.number().int(),
  nodes: z.array(node).min(limits.nodesMin).max(limits.nodesMax),
  durationMicroseconds: microseconds.min(1).max(limits.secondsMax * 1e6),
  faults: z.array(z.strictObject({ atMicroseconds: microseconds, action: actionSchema })),
});

/** Reads a file that `chaos` wrote, or a person. Throws `bad-input` with what is wrong with it. */
export function readScheduleFile(path: string): Schedule {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ChaosError('bad-input', `the schedule cannot be read: ${(error as Error).message}`);
  }
  return parseSchedule(text, path);
}

/** `name` is what messages call the text. */
export function parseSchedule(text: string, name: string): Schedule {
  const refuse = (why: string): never => {
    throw new ChaosError('bad-input', `${name} is no schedule: ${why}`);
  };
  if (text.length > limits.scheduleCharactersMax) refuse('it is too long');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse(`it is not JSON (${(error as Error).message})`);
  }
  const parsed = scheduleSchema.safeParse(value);
  if (!parsed.success) return refuse(z.prettifyError(parsed.error));
  const schedule: Schedule = parsed.data;
  const names = nodeNames(schedule.nodes.length);
  if (schedule.nodes.join() !== names.join()) refuse(`its nodes must be ${names.join(' ')}`);
  let before = 0;
  for (const { atMicroseconds, action } of parsed.data.faults) {
    if (atMicroseconds < before) refuse('its faults are not in the order of their times');
    if (atMicroseconds > schedule.durationMicroseconds) refuse('a fault lies behind its end');
    before = atMicroseconds;
    const unknown = namesIn(action).find((each) => !names.includes(each));
    if (unknown !== undefined) refuse(`${action.kind} names ${unknown}, which is no node of it`);
  }
  return schedule;
}

function namesIn(action: z.infer<typeof actionSchema>): string[] {
  const { kind: _kind, ...fields } = action;
  return Object.values(fields)
    .flat(2)
    .filter((each) => typeof each === 'string');
}

/** The text of a schedule file. */
export function scheduleText(schedule: Schedule): string {
  return `${JSON.stringify(schedule, null, 2)}\n`;
}
