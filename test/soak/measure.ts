/** What a round shows of gaps and latencies. Pure: operations and spans of time come in, figures go out. */
import type { Operation } from '../../examples/rolling-migration/history.js';
import { percentileMs } from '../../examples/rolling-migration/history.js';

/** On the monotonic clock of the machine. */
export interface Span {
  readonly fromMicroseconds: number;
  readonly toMicroseconds: number;
}

/** What a stretch without an answer is laid to. */
export type GapClass = 'steady' | 'calm' | 'kill' | 'partition';

export interface Spans {
  /** The load before the first rollout of the round. */
  readonly steady: Span;
  /** From the first rollout to the end of the load. */
  readonly rolling: Span;
  readonly kills: readonly Span[];
  readonly partitions: readonly Span[];
  /** What happens so long after a fault is laid to it. */
  readonly echoMicroseconds: number;
}

/** The longest stretch of each class in which no client got an answer, in milliseconds. */
export type Gaps = Readonly<Record<GapClass, number>>;

export function longestGaps(operations: readonly Operation[], spans: Spans): Gaps {
  const longest = spansOfLongestGaps(operations, spans);
  const ms = (kind: GapClass): number => lengthOf(longest[kind]) / 1_000;
  return {
    steady: ms('steady'),
    calm: ms('calm'),
    kill: ms('kill'),
    partition: ms('partition'),
  };
}

/** When they were; of a class without any, a span without length. */
export function spansOfLongestGaps(
  operations: readonly Operation[],
  spans: Spans,
): Readonly<Record<GapClass, Span>> {
  const { steady, rolling } = spans;
  const answers = operations
    .filter(({ error }) => error === null)
    .map(({ returnMicroseconds }) => returnMicroseconds)
    .filter((at) => at >= steady.fromMicroseconds && at <= rolling.toMicroseconds)
    .sort((a, b) => a - b);
  const none: Span = { fromMicroseconds: 0, toMicroseconds: 0 };
  const longest = { steady: none, calm: none, kill: none, partition: none };
  let previous = steady.fromMicroseconds;
  for (const at of [...answers, rolling.toMicroseconds]) {
    const gap = { fromMicroseconds: previous, toMicroseconds: at };
    const kind = classOf(gap, spans);
    if (lengthOf(gap) > lengthOf(longest[kind])) longest[kind] = gap;
    previous = at;
  }
  return longest;
}

function lengthOf({ fromMicroseconds, toMicroseconds }: Span): number {
  return toMicroseconds - fromMicroseconds;
}

function classOf(gap: Span, { rolling, kills, partitions, echoMicroseconds }: Spans): GapClass {
  const isTouched = (fault: Span): boolean =>
    gap.fromMicroseconds <= fault.toMicroseconds + echoMicroseconds &&
    gap.toMicroseconds >= fault.fromMicroseconds;
  if (kills.some(isTouched)) return 'kill';
  if (partitions.some(isTouched)) return 'partition';
  return gap.toMicroseconds <= rolling.fromMicroseconds ? 'steady' : 'calm';
}

/** Tails of the latency, second by second. In milliseconds. */
export interface Tails {
  readonly steadyP99Ms: number;
  /** The p99 of the worst single second before the rollout: what chance alone makes of it. */
  readonly steadyWorstSecondMs: number;
  /** The p99 of the worst second in which a rollout moved and no fault was on. */
  readonly rollingWorstSecondMs: number;
  /** The same of seconds that a fault touched. */
  readonly faultWorstSecondMs: number;
  /** Seconds in which a rollout moved, no fault was on, and the p99 was beyond the goal. */
  readonly secondsBeyond: number;
  readonly seconds: number;
}

/** `moving`: when rollouts moved. `factor`: how much worse than steady a second may be. */
export function tails(
  operations: readonly Operation[],
  spans: Spans,
  moving: readonly Span[],
  factor: number,
): Tails {
  const { steady, kills, partitions, echoMicroseconds } = spans;
  const inSpan = ({ callMicroseconds, returnMicroseconds }: Operation, span: Span): boolean =>
    callMicroseconds >= span.fromMicroseconds && returnMicroseconds <= span.toMicroseconds;
  const before = operations.filter((each) => inSpan(each, steady));
  const during = operations.filter(({ returnMicroseconds: at }) =>
    moving.some((span) => at >= span.fromMicroseconds && at <= span.toMicroseconds),
  );
  const steadyP99Ms = percentileMs(before, 99);
  const faults = [...kills, ...partitions];
  const seconds = bySecond(during).map(([second, inIt]) => {
    const from = second * 1e6;
    const isFaulty = faults.some(
      (fault) =>
        from <= fault.toMicroseconds + echoMicroseconds && from + 1e6 >= fault.fromMicroseconds,
    );
    return { isFaulty, p99Ms: percentileMs(inIt, 99) };
  });
  const calm = seconds.filter(({ isFaulty }) => !isFaulty);
  const worst = (list: readonly { readonly p99Ms: number }[]): number =>
    Math.max(0, ...list.map(({ p99Ms }) => p99Ms));
  return {
    steadyP99Ms,
    steadyWorstSecondMs: Math.max(0, ...bySecond(before).map(([, list]) => percentileMs(list, 99))),
    rollingWorstSecondMs: worst(calm),
    faultWorstSecondMs: worst(seconds.filter(({ isFaulty }) => isFaulty)),
    secondsBeyond: calm.filter(({ p99Ms }) => p99Ms > factor * steadyP99Ms).length,
    seconds: calm.length,
  };
}

function bySecond(operations: readonly Operation[]): [number, Operation[]][] {
  const seconds = new Map<number, Operation[]>();
  for (const operation of operations) {
    const second = Math.floor(operation.returnMicroseconds / 1e6);
    const list = seconds.get(second);
    if (list === undefined) seconds.set(second, [operation]);
    else list.push(operation);
  }
  return [...seconds].sort(([a], [b]) => a - b);
}
