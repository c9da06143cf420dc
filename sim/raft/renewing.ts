/**
 * What befalls whole nodes: one loses its disk for good, and some go on with another release.
 *
 * A member that comes back under its name with an empty disk has forgotten its votes and what it
 * acknowledged, so the store of production refuses to start (`start.ts`), and to the end the wipe
 * counts as damage in the fault atlas. The node is not healed but replaced: an administrator takes
 * it out of the group, and a spare node in, as a new member. Where there is no spare, the group goes
 * on without it.
 */
import type { TimedOperation } from '../explore/plan.js';
import type { Schedule, TimedFault } from '../nemesis/index.js';
import { RandomStream } from '../world/index.js';
import { raftNodeName } from './messages.js';
import { RELEASES } from './releases.js';

const SECOND = 1_000_000;
const WIPES = 0.12;
const UPGRADES = 0.15;
/** Whoever replaces nodes; the other clients have lower numbers. */
const REPLACING_CLIENT = 100;
/** An administrator gives up soon, and comes back. */
const ATTEMPTS = 3;

/** The faults of a plan that are about whole nodes, and what is asked of the group because of them. */
export interface Renewal {
  readonly faults: readonly TimedFault[];
  readonly operations: readonly TimedOperation[];
  readonly wipes: boolean;
}

/** What a renewal is drawn for: founders 1 to `voters`, and spare nodes after them. */
export interface RenewalOptions {
  readonly voters: number;
  readonly spares: number;
  readonly durationMicroseconds: number;
  /** Whether a member that restarts does not vote before it has asked the others. */
  readonly distrustsDisks: boolean;
}

/** Draws it from a stream of its own. */
export function drawRenewal(seed: number, options: RenewalOptions): Renewal {
  const { voters, spares, durationMicroseconds, distrustsDisks } = options;
  const random = new RandomStream(seed, 'raft renewal');
  const faults: TimedFault[] = [];
  const operations: TimedOperation[] = [];
  const time = (): number => random.integer(SECOND, durationMicroseconds - SECOND);
  const node = (): string => raftNodeName(random.integer(1, voters + spares));
  // Of fewer than three no member may be lost. Of three, the one that restarts must ask both others.
  const wipes = random.chance(WIPES) && voters >= (distrustsDisks ? 5 : 3);
  if (wipes) {
    const lost = random.integer(1, voters);
    const at = time();
    const name = raftNodeName(lost);
    faults.push({ atMicroseconds: at, action: { kind: 'wipe', node: name } });
    const back = at + random.integer(100_000, 3 * SECOND);
    faults.push({ atMicroseconds: back, action: { kind: 'restart', node: name } });
    const changes = [
      { type: 'addVoter', node: voters + 1 },
      { type: 'remove', node: lost },
    ];
    const operation = { do: 'change', transition: 'auto', changes };
    const attempts = spares > 0 ? ATTEMPTS : 0;
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const atMicroseconds = at + random.integer(0, attempt * 4 * SECOND);
      operations.push({ atMicroseconds, client: REPLACING_CLIENT, operation });
    }
  }
  for (
    let left = random.chance(UPGRADES) ? random.integer(1, 2 * voters) : 0;
    left > 0;
    left -= 1
  ) {
    const action = { kind: 'upgrade', node: node(), release: random.pick(RELEASES) } as const;
    faults.push({ atMicroseconds: time(), action });
  }
  return { faults, operations, wipes };
}

/** The schedule with more faults, in the order of their times; its end stays the last. */
export function withFaults(schedule: Schedule, more: readonly TimedFault[]): Schedule {
  const { durationMicroseconds } = schedule;
  const inside = more.filter(({ atMicroseconds }) => atMicroseconds < durationMicroseconds);
  return { ...schedule, faults: byTime([...inside, ...schedule.faults]) };
}

/** Faults or operations in the order of their times; those of equal time stay in theirs. */
export function byTime<Timed extends { readonly atMicroseconds: number }>(
  timed: readonly Timed[],
): Timed[] {
  return timed.toSorted((a, b) => a.atMicroseconds - b.atMicroseconds);
}
