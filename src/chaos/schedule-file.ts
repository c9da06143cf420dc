/** Schedules of faults as files, so that a run can be repeated and shared. */
import { readFileSync } from 'node:fs';
import { parseSchedule, type Schedule } from '../../sim/nemesis/index.js';
import { ChaosError } from './errors.js';
import { limits } from './limits.js';
import { nodeNames } from './places.js';
import { treatments } from './treatments.js';

const targets: ReadonlySet<string> = new Set(['@leader', '@random']);

/** Reads a file that `chaos` wrote, or a person. Throws `bad-input` with what is wrong with it. */
export function readScheduleFile(path: string): Schedule {
  const refuse = (why: string): never => {
    throw new ChaosError('bad-input', `${path} cannot be used as a schedule: ${why}`);
  };
  try {
    const schedule = parseSchedule(JSON.parse(readFileSync(path, 'utf8')));
    const why = obstacleIn(schedule);
    return why === undefined ? schedule : refuse(why);
  } catch (error) {
    if (error instanceof ChaosError) throw error;
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

/** Why real processes cannot be given these faults, or undefined. */
function obstacleIn({ nodes, durationMicroseconds, faults }: Schedule): string | undefined {
  if (nodes.length > limits.nodesMax) return `it has more than ${limits.nodesMax} nodes`;
  const names = nodeNames(nodes.length);
  if (nodes.join() !== names.join()) return `its nodes must be ${names.join(' ')}`;
  const seconds = durationMicroseconds / 1e6;
  if (seconds < 1 || seconds > limits.secondsMax) {
    return `it lasts ${seconds} seconds; use 1 to ${limits.secondsMax}`;
  }
  for (const { atMicroseconds, action } of faults) {
    if (treatments[action.kind] === undefined) {
      return `${action.kind} is done to simulated nodes only`;
    }
    if (atMicroseconds > durationMicroseconds) return 'a fault lies behind its end';
    const unknown = Object.values(action).find((value) => {
      return typeof value === 'string' && value.startsWith('@') && !targets.has(value);
    });
    if (unknown !== undefined) return `${String(unknown)} is none of ${[...targets].join(', ')}`;
  }
  return undefined;
}

/** The text of a schedule file. */
export function scheduleText(schedule: Schedule): string {
  return `${JSON.stringify(schedule, null, 2)}\n`;
}
