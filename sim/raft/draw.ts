/** What a seed decides of a run of a Raft scenario, all of it as data (swarm testing: Groce 2012). */
import type { Json, Plan, TimedOperation } from '../explore/plan.js';
import {
  type FaultKind,
  damageFaultKinds,
  faultKinds,
  generateSchedule,
} from '../nemesis/index.js';
import { RandomStream } from '../world/index.js';
import { drawHecticSchedule, hecticSettings } from './hectic.js';
import { raftNodeName } from './messages.js';
import { drawAdminOperation } from './operations.js';
import { byTime, drawRenewal, withFaults } from './renewing.js';
import { drawStandingFault, drawStandingSchedule, standingSettings } from './standing.js';

const SECOND = 1_000_000;

/** Those that overlap as they come; `renewing.ts` draws wipes and upgrades. */
export const raftFaultKinds = faultKinds.filter((kind) => kind !== 'wipe' && kind !== 'upgrade');
/** Faults after which a disk may hold less than it said, with nothing to show it. */
const forgettingKinds: readonly FaultKind[] = ['lost-writes', 'misdirected-writes', 'lying-sync'];

/** Draws an operation of a user's machine. */
export type DrawOperation = (
  random: RandomStream,
  client: number,
) => { readonly do: 'write' | 'read'; readonly operation: Json };

/** How often clients ask, and which share of that an administrator does. */
interface Pace {
  readonly meanMicroseconds: number;
  readonly adminShare: number;
  /** Which share asks a certain node first, whoever leads. */
  readonly stickyShare: number;
}

/** Draws the whole plan of a seed. */
export function drawPlan(scenario: string, seed: number, drawOperation: DrawOperation): Plan {
  const share = new RandomStream(seed, 'raft pace').fraction();
  if (share < 0.35) return drawHecticPlan(scenario, seed, drawOperation);
  if (share < 0.5) return drawStandingPlan(scenario, seed, drawOperation);
  return drawMixedPlan(scenario, seed, drawOperation);
}

/** All kinds of faults, each for a while. */
function drawMixedPlan(scenario: string, seed: number, drawOperation: DrawOperation): Plan {
  const random = new RandomStream(seed, 'raft faults');
  const drawn = inTime(drawSettings(new RandomStream(seed, 'raft settings')));
  const voters = drawn['voters'] as number;
  const spares = drawn['spares'] as number;
  const nodes = voters + spares;
  const durationMicroseconds = random.integer(15, 50) * SECOND;
  const kinds = drawKinds(random);
  const forgets = kinds.some((kind) => forgettingKinds.includes(kind));
  const distrustsDisks = forgets || drawn['distrustsDisk'] === 1;
  const renewal = drawRenewal(seed, { voters, spares, durationMicroseconds, distrustsDisks });
  const damages =
    renewal.wipes ||
    kinds.some((kind) => (damageFaultKinds as readonly FaultKind[]).includes(kind));
  const isHarsh = random.chance(0.3);
  const [pause, extra] = isHarsh ? [0.3, 0.7] : [1, 4];
  const minority = Math.max(1, Math.floor((voters - 1) / 2));
  const schedule = generateSchedule(seed, {
    nodes: Array.from({ length: nodes }, (_, at) => raftNodeName(at + 1)),
    durationMicroseconds,
    kinds,
    meanPauseMicroseconds: Math.round((pause + extra * random.fraction()) * SECOND),
    meanFaultMicroseconds: Math.round((0.3 + 5 * random.fraction()) * SECOND),
    // Nothing is forgotten when all of them are down.
    nodesDownMax: random.chance(0.3) ? nodes : minority,
    nodesDamagedMax: Math.floor((voters - 1) / 2),
    targets: ['@leader', '@follower'],
  });
  // With fewer members the damage would be more than the largest minority.
  const changeable = damages ? 0 : nodes;
  const pace = {
    meanMicroseconds: random.integer(2, 10) * 100_000,
    adminShare: random.pick([0, 0, 0.05, 0.15]),
    stickyShare: 0.1,
  };
  const operations = drawOperations(
    seed,
    durationMicroseconds,
    nodes,
    changeable,
    drawOperation,
    pace,
  );
  const settings = forgets ? { ...drawn, distrustsDisk: 1 } : drawn;
  return {
    scenario,
    seed,
    settings,
    schedule: withFaults(schedule, renewal.faults),
    operations: byTime([...operations, ...renewal.operations]),
  };
}

/**
 * Raft 5.6: messages and syncs must be much faster than an election, or no leader lasts. Faults may
 * be slower; this is what holds once they are healed.
 */
function inTime(settings: { readonly [name: string]: Json }): { readonly [name: string]: Json } {
  const of = (name: string): number => settings[name] as number;
  const election = of('electionTicks') * of('tickMicroseconds');
  const atMost = (name: string, share: number): number =>
    Math.min(of(name), Math.floor(election / share));
  // Without them whoever was removed campaigns for ever (thesis 4.2.3), and no leader lasts as long as a
  // snapshot in many blocks takes.
  const isGuarded = of('preVote') === 1 && of('checkQuorum') === 1;
  return {
    ...settings,
    snapshotBlocks: isGuarded ? of('snapshotBlocks') : 1,
    delayMeanMicroseconds: atMost('delayMeanMicroseconds', 15),
    delayMaximumMicroseconds: atMost('delayMaximumMicroseconds', 2),
    syncMaximumMicroseconds: atMost('syncMaximumMicroseconds', 10),
  };
}

/** Few kinds at a time as a rule, so that each has its turn. */
function drawKinds(random: RandomStream): FaultKind[] {
  const most = random.pick([3, 6, raftFaultKinds.length]);
  return random.shuffle(raftFaultKinds).slice(0, random.integer(1, most));
}

/** Short runs in which no leader lasts; see `hectic.ts`. */
function drawHecticPlan(scenario: string, seed: number, drawOperation: DrawOperation): Plan {
  const usual = drawSettings(new RandomStream(seed, 'raft settings'));
  const random = new RandomStream(seed, 'raft faults');
  const settings = inTime({ ...usual, ...hecticSettings(random) });
  const nodes = (settings['voters'] as number) + (settings['spares'] as number);
  const names = Array.from({ length: nodes }, (_, at) => raftNodeName(at + 1));
  const durationMicroseconds = random.integer(3, 6) * SECOND;
  const schedule = drawHecticSchedule(seed, random, names, durationMicroseconds);
  // With many clients that stay with a node, somebody always asks a leader that is none any more.
  const isBusy = random.chance(0.3);
  const pace = {
    meanMicroseconds: SECOND / (isBusy ? 50 : 10),
    adminShare: isBusy ? 0 : random.pick([0, 0.1, 0.5]),
    stickyShare: isBusy ? 0.5 : 0.1,
  };
  const operations = drawOperations(seed, durationMicroseconds, nodes, nodes, drawOperation, pace);
  return { scenario, seed, settings, schedule, operations };
}

/** A fault that stays, and clients that have to be served all the same; see `standing.ts`. */
function drawStandingPlan(scenario: string, seed: number, drawOperation: DrawOperation): Plan {
  const usual = drawSettings(new RandomStream(seed, 'raft settings'));
  const random = new RandomStream(seed, 'raft faults');
  const standing = drawStandingFault(random);
  const hectic = hecticSettings(random);
  const nodes = hectic['voters'] as number;
  const names = Array.from({ length: nodes }, (_, at) => raftNodeName(at + 1));
  const schedule = drawStandingSchedule(seed, random, names, standing);
  const settings = inTime({ ...usual, ...hectic, ...standingSettings(standing, schedule) });
  const { durationMicroseconds } = schedule;
  const pace = { meanMicroseconds: SECOND / 10, adminShare: 0, stickyShare: 0.1 };
  const drawn = drawOperations(seed, durationMicroseconds, nodes, 0, drawOperation, pace);
  const { isCalm, fromMicroseconds } = standing;
  // Nothing is on its way when the fault comes.
  const isWanted = ({ atMicroseconds: at }: TimedOperation): boolean =>
    !isCalm || at < fromMicroseconds - SECOND || at >= fromMicroseconds;
  return { scenario, seed, settings, schedule, operations: drawn.filter(isWanted) };
}

function drawSettings(random: RandomStream): { readonly [name: string]: Json } {
  const voters = random.fraction() < 0.01 ? 50 : random.pick([1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 7]);
  const isLarge = voters > 7;
  const tickMicroseconds = random.pick([50_000, 100_000, 100_000, 200_000]);
  const electionTicks = random.pick([4, 6, 8, 10, 10, 15, 20]);
  const checkQuorum = Number(random.chance(0.85));
  const preVote = Number(random.chance(0.85));
  const quiesces = random.chance(0.15) && checkQuorum === 1 && preVote === 1;
  const leases = random.chance(0.25) && checkQuorum === 1;
  // Shorter than the promise of an election timeout, on a clock that is fast by a tenth.
  const leaseMs = Math.floor(((electionTicks - 1) * tickMicroseconds * 0.8) / 1_000);
  const isSmall = random.chance(0.4);
  const compactionEntries = random.pick([8, 20, 60, 1_000]);
  const meanMicroseconds = random.pick([500, 2_000, 8_000, 30_000]);
  return {
    voters,
    spares: isLarge ? 0 : random.pick([0, 0, 1, 2]),
    tickMicroseconds,
    electionTicks,
    heartbeatTicks: random.pick([1, 1, 1, 2, 3]),
    preVote,
    checkQuorum,
    leaseMs: leases ? leaseMs : 0,
    keepsLeasePromise: Number(leases || random.chance(0.3)),
    quiesceTicks: quiesces ? random.integer(5, 30) : 0,
    diskStallTicks: random.pick([0, 3, 10]),
    preferredLeader: random.chance(0.15) ? random.integer(1, voters) : 0,
    maxMessageBytes: isSmall ? random.pick([1, 100, 300]) : 1 << 20,
    maxInflightMessages: isSmall ? random.integer(1, 4) : 256,
    maxApplyBytes: isSmall ? random.pick([1, 100]) : 4 << 20,
    maxUncommittedBytes: random.chance(0.1) ? 200 : 64 << 20,
    compactionEntries,
    trailingEntries: random.pick([0, 3, Math.floor(compactionEntries / 4)]),
    applyMicroseconds: random.chance(0.3) ? random.pick([1_000, 20_000, 150_000]) : 0,
    usesCodec: Number(random.chance(0.1)),
    distrustsDisk: Number(random.chance(0.1)),
    usesSessions: Number(random.chance(0.6)),
    attemptMicroseconds: random.integer(3, 20) * 100_000,
    delayMinimumMicroseconds: 100,
    delayMeanMicroseconds: meanMicroseconds,
    delayMaximumMicroseconds: random.pick([100_000, 500_000]),
    lossPerMille: random.pick([0, 0, 0, 10, 50]),
    duplicationPerMille: random.pick([0, 0, 20]),
    reorderingPerMille: random.pick([0, 0, 300]),
    syncMinimumMicroseconds: 200,
    syncMaximumMicroseconds: random.pick([2_000, 8_000, 60_000]),
    crashKeepsSome: Number(random.chance(0.7)),
    settleMicroseconds: (isLarge ? 240 : 60) * SECOND,
    keepsMachine: Number(random.chance(0.3)),
    reusesSnapshots: Number(random.chance(0.5)),
    snapshotBlocks: random.pick([1, 1, 5, 20]),
    electionStepTicks: random.pick([0, 0, 1, 2]),
  };
}

/**
 * A few a second over the whole run; the administrator has `changeable` nodes, or none. Those after
 * its faults show that the group serves again.
 */
function drawOperations(
  seed: number,
  durationMicroseconds: number,
  nodes: number,
  changeable: number,
  drawOperation: DrawOperation,
  { meanMicroseconds, adminShare: wantedShare, stickyShare }: Pace,
): TimedOperation[] {
  const random = new RandomStream(seed, 'raft operations');
  const clients = random.integer(1, 8);
  // Several at once now and then, so that requests overtake each other.
  const burstShare = random.pick([0, 0, 0.4, 0.7]);
  const adminShare = changeable === 0 ? 0 : wantedShare;
  const operations: TimedOperation[] = [];
  const until = durationMicroseconds + 3 * SECOND;
  const pause = (): number => {
    const mean = random.chance(burstShare) ? 2_000 : meanMicroseconds;
    return Math.ceil(-Math.log(1 - random.fraction()) * mean);
  };
  for (let at = pause(); at < until; at += pause()) {
    const isAdmin = random.chance(adminShare);
    const client = isAdmin ? clients + 1 : random.integer(1, clients);
    const { do: what, operation } = drawOperation(random, client);
    const admin = drawAdminOperation(random, Math.max(1, changeable));
    const node = random.chance(stickyShare) ? { node: random.integer(1, nodes) } : {};
    const drawn = isAdmin ? admin : { do: what, operation, ...node };
    operations.push({ atMicroseconds: at, client, operation: drawn });
  }
  return operations;
}
