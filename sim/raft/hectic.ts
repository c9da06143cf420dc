/**
 * Schedules in which leaders do not last: whoever leads is cut off, paused, stopped or slowed down
 * by its disk for about as long as an election takes, again and again, over slow links. So entries
 * are left in a few logs of a term, the next one begins before the last one is known, and what
 * figure 8 of the Raft paper draws happens by chance within seconds.
 */
import type { Json } from '../explore/plan.js';
import type { FaultAction, Schedule, TimedFault } from '../nemesis/index.js';
import type { RandomStream } from '../world/index.js';

const MILLISECOND = 1_000;

/** What of the settings of a run is otherwise in such a run. */
export function hecticSettings(random: RandomStream): { readonly [name: string]: Json } {
  const electionTicks = random.integer(6, 8);
  const leases = random.chance(0.3);
  return {
    voters: random.pick([2, 3, 3, 3, 4, 4, 5]),
    spares: random.pick([0, 1]),
    tickMicroseconds: 20_000,
    electionTicks,
    heartbeatTicks: 1,
    preVote: random.integer(0, 1),
    checkQuorum: leases ? 1 : random.integer(0, 1),
    // Shorter than the promise of an election timeout.
    leaseMs: leases ? (electionTicks - 1) * 16 : 0,
    keepsLeasePromise: leases ? 1 : random.integer(0, 1),
    quiesceTicks: 0,
    preferredLeader: 0,
    maxMessageBytes: random.pick([1, 1 << 20]),
    maxInflightMessages: random.pick([1, 256]),
    // Fast enough for such timeouts once all is healed; the faults slow it down.
    delayMeanMicroseconds: 1_000,
    delayMaximumMicroseconds: 20_000,
    lossPerMille: 0,
    syncMaximumMicroseconds: random.pick([2_000, 8_000]),
    applyMicroseconds: random.pick([0, 0, 1_000]),
    attemptMicroseconds: random.integer(2, 5) * 100_000,
  };
}

/** Draws such a schedule over the nodes of these names. */
export function drawHecticSchedule(
  seed: number,
  random: RandomStream,
  nodes: readonly string[],
  durationMicroseconds: number,
): Schedule {
  const kinds = random.pick([
    ['cut-off'],
    ['cut-off'],
    ['isolate'],
    ['isolate', 'crash', 'pause'],
    ['cut-off', 'crash'],
    ['cut-off', 'disk-stall'],
    ['cut-off', 'crash', 'pause', 'disk-stall'],
  ] as const);
  const pauseMax = random.pick([200, 400]);
  const faults: TimedFault[] = [];
  const plan = (atMicroseconds: number, action: FaultAction): void => {
    if (atMicroseconds < durationMicroseconds) faults.push({ atMicroseconds, action });
  };
  const meanMicroseconds = random.pick([5, 20, 40]) * MILLISECOND;
  const delay = {
    kind: 'exponential',
    minimumMicroseconds: 100,
    meanMicroseconds,
    maximumMicroseconds: 500 * MILLISECOND,
  } as const;
  plan(0, { kind: 'delay', delay });
  plan(0, { kind: 'loss', probability: random.pick([0, 0, 0.02, 0.1]) });
  const pause = (): number => random.integer(30, pauseMax) * MILLISECOND;
  for (let at = pause(); at < durationMicroseconds; at += pause()) {
    const kind = random.pick(kinds);
    const node = random.chance(0.7) ? '@leader' : random.pick(nodes);
    const lasts = random.integer(30, 500) * MILLISECOND;
    if (kind === 'disk-stall') plan(at, { kind, node, durationMicroseconds: lasts });
    else plan(at, { kind, node });
    if (kind === 'isolate') plan(at + lasts, { kind: 'heal' });
    else if (kind === 'cut-off') plan(at + lasts, { kind: 'rejoin', node });
    else if (kind === 'crash') plan(at + lasts, { kind: 'restart', node });
    else if (kind === 'pause') plan(at + lasts, { kind: 'resume', node });
  }
  // Stable: what was drawn first stays first at equal times.
  faults.sort((a, b) => a.atMicroseconds - b.atMicroseconds);
  const ending = { atMicroseconds: durationMicroseconds, action: { kind: 'heal-all' } } as const;
  return { seed, nodes, durationMicroseconds, faults: [...faults, ending] };
}
