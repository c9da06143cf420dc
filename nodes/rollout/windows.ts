/**
 * Maintenance windows: times of the week in which nodes may begin. What has begun ends, also outside, and
 * a way back waits for none. A leader, which has the time of day, says by an entry until when the window is
 * open on the replicated clock (`openUntilMs`); the machine goes by that and reads no clock.
 *
 *   closed (openUntilMs 0, or over) --the leader: it is time--> open --over, or the leader says so--> closed
 *
 * Offsets to UTC are fixed: there is no daylight saving time.
 */
import { RolloutPlanError } from './error.js';
import { MAINTENANCE_WINDOWS_MAX, WINDOW_DRIFT_MS_MAX } from './limits.js';
import type { MaintenanceWindow, Rollout } from './state.js';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
const DAY_MS = DAY_MINUTES * MINUTE_MS;
const OFFSET_MINUTES_MAX = 14 * 60;
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** When the windows that are open at a time of day are over, the last of them; null when none is open. */
export function openUntil(windows: readonly MaintenanceWindow[], timeMs: number): number | null {
  const ends = windows.flatMap((window) => {
    const day = dayOf(window, timeMs);
    return [day - 1, day]
      .filter((one) => isOn(window, one))
      .map((one) => startOf(window, one))
      .filter((startMs) => startMs <= timeMs && timeMs < startMs + window.lengthMinutes * MINUTE_MS)
      .map((startMs) => startMs + window.lengthMinutes * MINUTE_MS);
  });
  return ends.length === 0 ? null : Math.max(...ends);
}

/** When the next of the windows opens after a time of day; null without windows. */
export function nextOpening(windows: readonly MaintenanceWindow[], timeMs: number): number | null {
  const starts = windows.flatMap((window) => {
    const day = dayOf(window, timeMs);
    return Array.from({ length: 8 }, (_, later) => day + later)
      .filter((one) => isOn(window, one))
      .map((one) => startOf(window, one))
      .filter((startMs) => startMs > timeMs);
  });
  return starts.length === 0 ? null : Math.min(...starts);
}

/** Whether nodes may begin: always, for a plan without windows. */
export function mayBegin({ plan, openUntilMs }: Rollout, nowMs: number): boolean {
  return plan.windows.length === 0 || nowMs < openUntilMs;
}

/**
 * Until when a leader has to say that the window is open, on the replicated clock; undefined when the state
 * says that already, give or take what clocks drift apart. 0: it is closed.
 */
export function openingToSay(
  { plan, nodes, openUntilMs }: Rollout,
  nowMs: number,
  timeOfDayMs: number,
): number | undefined {
  if (plan.windows.length === 0 || nodes.every(({ step }) => step !== 'pending')) return undefined;
  const endMs = openUntil(plan.windows, timeOfDayMs);
  if (endMs === null) return openUntilMs === 0 ? undefined : 0;
  const wantedMs = nowMs + endMs - timeOfDayMs;
  return Math.abs(wantedMs - openUntilMs) <= WINDOW_DRIFT_MS_MAX ? undefined : wantedMs;
}

/** What is wrong with the windows of a plan, or null. */
export function windowsFault(windows: readonly MaintenanceWindow[]): string | null {
  if (windows.length > MAINTENANCE_WINDOWS_MAX) {
    return `there are more than ${MAINTENANCE_WINDOWS_MAX} maintenance windows`;
  }
  for (const { days, fromMinute, lengthMinutes, offsetMinutes } of windows) {
    const isWeek =
      days.length > 0 && days.every((day, at) => day > (days[at - 1] ?? 0) && day <= 7);
    if (!isWeek || !days.every(Number.isInteger)) {
      return 'the days of a maintenance window are 1 for Monday to 7, each once, in their order';
    }
    const isTime =
      isWithin(fromMinute, 0, DAY_MINUTES - 1) && isWithin(lengthMinutes, 1, DAY_MINUTES);
    if (!isTime) return 'a maintenance window begins within its day and lasts 1 minute to a day';
    if (!isWithin(offsetMinutes, -OFFSET_MINUTES_MAX, OFFSET_MINUTES_MAX)) {
      return 'the offset of a maintenance window is 14 hours at most';
    }
  }
  return null;
}

/** The values of a window in the order in which they stand in a plan and in an entry. */
export function windowValues(window: MaintenanceWindow): (number | readonly number[])[] {
  return [window.days, window.fromMinute, window.lengthMinutes, window.offsetMinutes];
}

/**
 * A window of `Mon-Fri 01:00-05:00 UTC`, `Sat,Sun 22:00-04:00 UTC+02:00`, `daily 00:00-24:00 UTC`. The days are
 * those on which it begins.
 * @throws RolloutPlanError `out-of-range` with how it is written.
 */
export function parseWindow(text: string): MaintenanceWindow {
  const [, named = '', from = '', to = '', offset] =
    /^(\S+) (\d\d:\d\d)-(\d\d:\d\d) UTC([+-]\d{1,2}(?::\d\d)?)?$/.exec(text.trim()) ?? [];
  const days = daysOf(named);
  const [fromMinute, toMinute] = [minuteOf(from), minuteOf(to)];
  const offsetMinutes = offset === undefined ? 0 : offsetOf(offset);
  const lengthMinutes = toMinute - fromMinute + (toMinute < fromMinute ? DAY_MINUTES : 0);
  const window = { days, fromMinute, lengthMinutes, offsetMinutes };
  if (named !== '' && windowsFault([window]) === null) return window;
  throw new RolloutPlanError(
    'out-of-range',
    `'${text}' is no maintenance window; write it as 'Mon-Fri 01:00-05:00 UTC', ` +
      `'Sat,Sun 22:00-04:00 UTC+02:00' or 'daily 00:00-24:00 UTC'`,
  );
}

/** As `parseWindow` reads it. */
export function windowText(window: MaintenanceWindow): string {
  const { fromMinute, lengthMinutes, offsetMinutes } = window;
  const end = fromMinute + lengthMinutes;
  const toMinute = end > DAY_MINUTES ? end - DAY_MINUTES : end;
  const [sign, minutes] = [offsetMinutes < 0 ? '-' : '+', Math.abs(offsetMinutes)];
  const zone = minutes === 0 ? 'UTC' : `UTC${sign}${clockText(minutes)}`;
  return `${daysText(window.days)} ${clockText(fromMinute)}-${clockText(toMinute)} ${zone}`;
}

function daysOf(text: string): number[] {
  if (text === 'daily') return DAYS.map((_, at) => at + 1);
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const [first = '', last = first, ...more] = part.split('-');
    const [from, to] = [DAYS.indexOf(first), DAYS.indexOf(last)];
    if (from < 0 || to < 0 || more.length > 0) return [];
    for (let day = from; ; day = (day + 1) % DAYS.length) {
      found.add(day + 1);
      if (day === to) break;
    }
  }
  return [...found].sort((a, b) => a - b);
}

function daysText(days: readonly number[]): string {
  if (days.length === DAYS.length) return 'daily';
  const runs: number[][] = [];
  for (const day of days) {
    const run = runs.at(-1);
    if (run !== undefined && run.at(-1) === day - 1) run.push(day);
    else runs.push([day]);
  }
  const nameOf = (day: number | undefined): string => DAYS[(day ?? 1) - 1] ?? '';
  return runs
    .map((run) =>
      run.length < 3 ? run.map(nameOf).join(',') : `${nameOf(run[0])}-${nameOf(run.at(-1))}`,
    )
    .join(',');
}

/** Of the day, up to 24:00; no number for what is no time. */
function minuteOf(text: string): number {
  const [hours, minutes] = text.split(':').map(Number);
  const minute = (hours ?? Number.NaN) * 60 + (minutes ?? Number.NaN);
  return (minutes ?? 60) < 60 && minute <= DAY_MINUTES ? minute : Number.NaN;
}

function offsetOf(text: string): number {
  const [hours = '', minutes = '0'] = text.slice(1).split(':');
  const offset = Number(minutes) < 60 ? Number(hours) * 60 + Number(minutes) : Number.NaN;
  return text.startsWith('-') ? -offset : offset;
}

function clockText(minutes: number): string {
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return `${String(hours).padStart(2, '0')}:${String(rest).padStart(2, '0')}`;
}

/** Days since 1970 where the window is. */
function dayOf({ offsetMinutes }: MaintenanceWindow, timeMs: number): number {
  return Math.floor((timeMs + offsetMinutes * MINUTE_MS) / DAY_MS);
}

/** 1970 began with a Thursday. */
function isOn({ days }: MaintenanceWindow, day: number): boolean {
  return days.includes(((((day + 3) % 7) + 7) % 7) + 1);
}

function startOf({ fromMinute, offsetMinutes }: MaintenanceWindow, day: number): number {
  return day * DAY_MS + (fromMinute - offsetMinutes) * MINUTE_MS;
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
