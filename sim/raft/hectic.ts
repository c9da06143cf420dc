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
  // Together: each of them by itself covers what is wrong with the others.
  const isBare = random.chance(0.4);
  const leases = !isBare && random.chance(0.4);
  const guard = (): number => (isBare ? 0 : random.integer(0, 1));
  return {
    voters: random.pick([2, 3, 3, 3, 4, 4, 5]),
    spares: random.pick([0, 1]),
    tickMicroseconds: 20_000,
    electionTicks,
    heartbeatTicks: 1,
    preVote: guard(),
    checkQuorum: leases ? 1 : guard(),
    // Shorter than the promise of an election timeout.
    leaseMs: leases ? (electionTicks - 1) * 16 : 0,
    keepsLeasePromise: leases ? 1 : guard(),
    quiesceTicks: 0,
    preferredLeader: 0,
    maxMessageBytes: isBare ? random.pick([1, 1, 100]) : random.pick([1, 1 << 20]),
    maxInflightMessages: isBare ? random.pick([1, 1, 256]) : random.pick([1, 256]),
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
  const ending = { atMicroseconds: durationMicroseconds, action: { kind: 'heal-all' } } as const;
  const faults = [...drawUnrest(random, nodes, durationMicroseconds), ending];
  return { seed, nodes, durationMicroseconds, faults };
}

/** The faults themselves, without what ends those that are left over. */
export function drawUnrest(
  random: RandomStream,
  nodes: readonly string[],
  durationMicroseconds: number,
): readonly TimedFault[] {
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
  if (random.chance(0.3)) {
    plan(0, { kind: 'reordering', probability: 0.5 });
    plan(0, { kind: 'duplication', probability: 0.3 });
  }
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
  return faults.sort((a, b) => a.atMicroseconds - b.atMicroseconds);
}
