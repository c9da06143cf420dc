/**
 * Faults that stay. A group that keeps a majority which can talk has to serve for as long as the
 * fault lasts, so it is looked at before anything is healed: a group that serves only after the
 * healing passes every other run. (In the liveness runs of TigerBeetle's simulator, too, what is
 * outside of a core of nodes stays broken.)
 *
 * Either the fault comes while nothing is on its way, so that all logs are equal and whoever can
 * reach a majority can lead: then partial partitions and stalled disks are drawn as well. Or it
 * comes right after unrest, when the logs differ: then it takes a minority away as a whole.
 */
import type { Json } from '../explore/plan.js';
import type { FaultAction, Schedule, TimedFault } from '../nemesis/index.js';
import type { RandomStream } from '../world/index.js';
import { drawUnrest } from './hectic.js';

const SECOND = 1_000_000;
/** How long anybody may wait once the fault is there: some fifty times as long as an election. */
const ANSWER_MICROSECONDS_MAX = 9 * SECOND;
/** How long the fault stays: longer than that. */
const LASTS_MICROSECONDS = 14 * SECOND;
/** Short, for by chance a client may ask those that are gone many times in a row. */
const ATTEMPT_MICROSECONDS = 50_000;

/** Whether all is calm before the fault, and when it comes. */
export interface StandingFault {
  readonly isCalm: boolean;
  readonly fromMicroseconds: number;
}

export function drawStandingFault(random: RandomStream): StandingFault {
  return { isCalm: random.chance(0.5), fromMicroseconds: random.integer(3, 5) * SECOND };
}

/** What is otherwise than in a hectic run. */
export function standingSettings(
  { isCalm, fromMicroseconds }: StandingFault,
  { faults, nodes }: Schedule,
): { readonly [name: string]: Json } {
  const always = {
    spares: 0,
    distrustsDisk: 0,
    // Outside of a session a write that is not answered is over.
    usesSessions: 1,
    attemptMicroseconds: ATTEMPT_MICROSECONDS,
    // Who asked before the fault may have waited since.
    answerMicrosecondsMax: ANSWER_MICROSECONDS_MAX + (isCalm ? 0 : fromMicroseconds),
  };
  // By pre-votes and quorum checks a group survives partial partitions, and stays in its term.
  const guards = { preVote: 1, checkQuorum: 1, diskStallTicks: 10 };
  // Where everybody still reaches a majority, whoever leads goes on.
  const isOdd = nodes.length % 2 === 1;
  const doesTermStay = faults.some(
    ({ action: { kind } }) => kind === 'ring' || (kind === 'bridge' && isOdd),
  );
  const terms = doesTermStay ? { termStaysFromMicroseconds: fromMicroseconds } : { termMax: 20 };
  return isCalm ? { ...always, ...guards, ...terms } : always;
}

/** Draws the schedule over the nodes of these names, three or more if it is to do anything. */
export function drawStandingSchedule(
  seed: number,
  random: RandomStream,
  nodes: readonly string[],
  { isCalm, fromMicroseconds }: StandingFault,
): Schedule {
  const durationMicroseconds = fromMicroseconds + LASTS_MICROSECONDS;
  const at = (action: FaultAction): TimedFault => ({ atMicroseconds: fromMicroseconds, action });
  const before = isCalm ? [] : [...drawUnrest(random, nodes, fromMicroseconds)];
  const standing = isCalm ? drawPartial(random, nodes) : drawLoss(random, nodes);
  const healed: readonly FaultAction[] = isCalm ? [] : [{ kind: 'heal-all' }];
  const faults = [
    ...before,
    ...[...healed, ...standing].map(at),
    { atMicroseconds: durationMicroseconds, action: { kind: 'heal-all' } } as const,
  ];
  return { seed, nodes, durationMicroseconds, faults };
}

/** A minority is gone. */
function drawLoss(random: RandomStream, nodes: readonly string[]): FaultAction[] {
  const kind = random.pick(['crash', 'crash', 'cut-off', 'pause'] as const);
  const minority = Math.floor((nodes.length - 1) / 2);
  const gone = random.shuffle(nodes).slice(0, minority);
  return gone.map((node) => ({ kind, node }));
}

/** Something after which some node still talks with a majority. */
function drawPartial(random: RandomStream, nodes: readonly string[]): FaultAction[] {
  if (nodes.length < 3) return [];
  const [one, ...others] = random.shuffle(nodes) as [string, ...string[]];
  const half = Math.ceil(others.length / 2);
  const [left, right] = [others.slice(0, half), others.slice(half)];
  const durationMicroseconds = LASTS_MICROSECONDS;
  return random.pick<() => FaultAction[]>([
    () => [{ kind: 'bridge', left, middle: one, right }],
    () => [{ kind: 'star', center: one, leaves: others }],
    () => [{ kind: 'ring', order: [one, ...others] }],
    () => [{ kind: 'one-way', from: [one], to: others }],
    () => [{ kind: 'one-way', from: others, to: [one] }],
    () => [{ kind: 'disk-stall', node: '@leader', durationMicroseconds }],
    () => drawLoss(random, nodes),
  ])();
}
