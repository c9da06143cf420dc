/**
 * Judges the members that have switched in a rollout by what was measured in one window. Pure: whoever
 * measures (`nodes/health/watch.ts`, the simulator) brings the samples, and proposes what comes out.
 *
 *     samples of a window -> evaluateGuards -> verdicts -> countWindows -> streaks -> haltOf
 *
 * What is missing is never healthy. Errors and latencies count against what those members show that have
 * not switched, so that a swarm that is slow as a whole blames nobody.
 */
import { HALT_REASON_LENGTH_MAX } from './limits.js';
import type { Guards } from './state.js';

/** Failed requests of a window below which nobody is blamed for errors: one or two are chance. */
const FAULTS_MIN = 3;
/** Requests and probes together below which a window says nothing good of a member. */
const SAMPLES_MIN = 8;
/** Bytes that a process may grow whatever the factor says: a small one doubles by warming up. */
export const MEMORY_GROWTH_BYTES_MIN = 128 * 1_024 * 1_024;

/** Requests, as they were counted on one side. */
export interface RequestFigures {
  readonly requests: number;
  readonly faults: number;
  /** A high quantile of their latencies (`tailQuantile`); null when there were too few. */
  readonly tailMs: number | null;
}

/** What a member told of itself. */
export interface MemberFigures {
  readonly serving: boolean;
  /** Engine and release that answer, named as in the plan. */
  readonly runs: readonly string[];
  /** As the member counted them. */
  readonly clients: RequestFigures;
  /** Log entries that are committed and not applied. */
  readonly applyLagEntries: number;
  readonly rssBytes: number;
  /** When it had switched; null when nobody saw it then. */
  readonly rssAtSwitchBytes: number | null;
  /** Null when its file system does not say. */
  readonly diskFreeBytes: number | null;
  /** Since it has switched. */
  readonly restarts: number;
}

/** One member in one window. */
export interface MemberSample {
  readonly nodeId: number;
  /** Its process is being exchanged: it has to come back, and nothing else is asked of it yet. */
  readonly isSwitching: boolean;
  /** Null when it did not tell; `missing` says why. */
  readonly figures: MemberFigures | null;
  readonly missing: string;
  /** As the one who sent them counted them. */
  readonly probes: RequestFigures;
  /** Why the last probe failed; empty when none did. */
  readonly probeError: string;
  /** Answers that differ from those of another member, in sentences. */
  readonly differences: readonly string[];
}

/** Members that have not switched, taken together. */
export interface References {
  readonly clients: RequestFigures;
  readonly probes: RequestFigures;
  readonly applyLagEntries: number;
}

export type AlarmKind =
  | 'missing'
  | 'not-serving'
  | 'reverted'
  | 'errors'
  | 'slow'
  | 'apply-lag'
  | 'memory'
  | 'disk'
  | 'restarts'
  | 'answers';

export interface Alarm {
  readonly kind: AlarmKind;
  /** What is wrong, with the figures. */
  readonly text: string;
}

/** `unknown`: nothing is wrong, and too little was measured to call it healthy. */
export type HealthStatus = 'healthy' | 'unhealthy' | 'unknown';

export interface Verdict {
  readonly nodeId: number;
  readonly status: HealthStatus;
  readonly alarms: readonly Alarm[];
}

/** What is judged: members by their samples, in one window of a rollout to `to`. */
export interface JudgedWindow {
  readonly to: string;
  readonly judged: readonly MemberSample[];
  /** In this window, or the last ones that there were; null when this leader has seen none. */
  readonly references: References | null;
}

/** One verdict for each judged member, in their order. */
export function evaluateGuards(guards: Guards, window: JudgedWindow): Verdict[] {
  return window.judged.map((sample) => {
    const alarms = alarmsOf(guards, window, sample);
    const measured = (sample.figures?.clients.requests ?? 0) + sample.probes.requests;
    const isKnown = measured >= SAMPLES_MIN;
    const status = alarms.length > 0 ? 'unhealthy' : isKnown ? 'healthy' : 'unknown';
    return { nodeId: sample.nodeId, status, alarms };
  });
}

/**
 * The quantile that stands for the 99th percentile of so many latencies: at least eight lie above it, so
 * that a window with few requests is not judged by what one process had to wait for another. Null when
 * there are too few for that.
 */
export function tailQuantile(count: number): number | null {
  if (count < 2 * TAIL_SAMPLES) return null;
  return Math.min(0.99, 1 - TAIL_SAMPLES / count);
}

const TAIL_SAMPLES = 8;

function alarmsOf(guards: Guards, { to, references }: JudgedWindow, sample: MemberSample): Alarm[] {
  const { figures, probes, differences } = sample;
  const alarms: Alarm[] = [];
  const alarm = (kind: AlarmKind, text: string): void => void alarms.push({ kind, text });
  if (figures === null) alarm('missing', `no metrics: ${sample.missing}`);
  if (sample.isSwitching) return alarms;
  if (figures !== null) alarms.push(...ownAlarms(guards, to, figures, references));
  const sides = [
    ['requests of clients', figures?.clients, references?.clients, ''],
    ['probes', probes, references?.probes, sample.probeError],
  ] as const;
  for (const [what, found, reference, error] of sides) {
    if (found === undefined) continue;
    if (isFaulty(guards, found, reference)) {
      const why = error === '' ? '' : `, the last one with: ${error}`;
      alarm('errors', `${found.faults} of ${found.requests} ${what} failed${why}`);
    }
    const slow = slowness(guards, found, reference);
    if (slow !== null) alarm('slow', `${what} take ${slow}`);
  }
  const [first] = differences;
  if (first !== undefined) {
    const more = differences.length > 1 ? ` (and ${differences.length - 1} more)` : '';
    alarm('answers', `answers differ: ${first}${more}`);
  }
  return alarms;
}

function ownAlarms(
  guards: Guards,
  to: string,
  figures: MemberFigures,
  references: References | null,
): Alarm[] {
  const alarms: Alarm[] = [];
  const alarm = (kind: AlarmKind, text: string): void => void alarms.push({ kind, text });
  const { applyLagEntries, rssBytes, rssAtSwitchBytes, diskFreeBytes, restarts } = figures;
  if (!figures.serving) alarm('not-serving', 'the node does not take requests');
  if (!figures.runs.includes(to)) {
    alarm('reverted', `the node runs ${figures.runs.join(', ')}, not ${to}`);
  }
  if (applyLagEntries > guards.applyLagMax + (references?.applyLagEntries ?? 0)) {
    alarm('apply-lag', `${applyLagEntries} committed entries are not applied`);
  }
  const grownBytes = rssBytes - (rssAtSwitchBytes ?? rssBytes);
  if (
    grownBytes > MEMORY_GROWTH_BYTES_MIN &&
    rssBytes > guards.memoryFactor * (rssBytes - grownBytes)
  ) {
    const before = mebibytes(rssBytes - grownBytes);
    alarm('memory', `the process has ${mebibytes(rssBytes)}, at the switch it had ${before}`);
  }
  if (guards.memoryBytesMax > 0 && rssBytes > guards.memoryBytesMax) {
    const most = mebibytes(guards.memoryBytesMax);
    alarm('memory', `the process has ${mebibytes(rssBytes)}, it may have ${most}`);
  }
  if (guards.diskFreeBytesMin > 0 && (diskFreeBytes ?? 0) < guards.diskFreeBytesMin) {
    const free =
      diskFreeBytes === null ? 'does not say what is free' : `has ${mebibytes(diskFreeBytes)}`;
    alarm('disk', `the disk ${free}, at least ${mebibytes(guards.diskFreeBytesMin)} must be free`);
  }
  if (restarts > guards.restartsMax) alarm('restarts', `${restarts} restarts since the switch`);
  return alarms;
}

function isFaulty(
  guards: Guards,
  { requests, faults }: RequestFigures,
  reference: RequestFigures | undefined,
): boolean {
  const others = reference === undefined ? 0 : reference.faults / Math.max(1, reference.requests);
  return faults >= FAULTS_MIN && faults / requests > guards.errorRateMax + others;
}

/** Null when it is not too slow, or when there is nothing to compare it with. */
function slowness(
  { p99Factor, p99FloorMs }: Guards,
  { tailMs }: RequestFigures,
  reference: RequestFigures | undefined,
): string | null {
  const others = reference?.tailMs ?? null;
  if (tailMs === null || others === null) return null;
  if (tailMs <= p99FloorMs || tailMs <= p99Factor * others) return null;
  return `${tailMs.toFixed(0)} ms, those of members that have not switched ${others.toFixed(0)} ms`;
}

/** Windows in a row in which a member was unhealthy, by node id. */
export type Streaks = ReadonlyMap<number, number>;

/** A healthy window ends a streak; one that says nothing leaves it as it is. */
export function countWindows(streaks: Streaks, verdicts: readonly Verdict[]): Streaks {
  const counted = new Map<number, number>();
  for (const { nodeId, status } of verdicts) {
    const before = streaks.get(nodeId) ?? 0;
    if (status === 'unhealthy') counted.set(nodeId, before + 1);
    else if (status === 'unknown' && before > 0) counted.set(nodeId, before);
  }
  return counted;
}

/** The member because of which the rollout is to be halted now, and the reason to tell. */
export function haltOf(
  guards: Guards,
  streaks: Streaks,
  verdicts: readonly Verdict[],
): { readonly nodeId: number; readonly reason: string } | undefined {
  for (const { nodeId, status, alarms } of verdicts) {
    const windows = streaks.get(nodeId) ?? 0;
    if (status !== 'unhealthy' || windows < guards.windows) continue;
    const texts = alarms.map(({ kind, text }) => `${kind}: ${text}`).join('; ');
    const reason = `node ${nodeId} is unhealthy since ${windows} windows: ${texts}`;
    return { nodeId, reason: reason.slice(0, HALT_REASON_LENGTH_MAX) };
  }
  return undefined;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`;
}
