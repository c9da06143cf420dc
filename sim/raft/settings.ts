/** What a plan of a Raft scenario sets besides faults and operations. */
import type { Json } from '../explore/plan.js';
import { SimulationError } from '../world/errors.js';
import { limits } from './limits.js';

/** Each setting is a whole number; switches are 0 or 1. Times are in the unit of their name. */
export interface RaftSettings {
  /** Founding voters. */
  readonly voters: number;
  /** Nodes that begin outside of the group. */
  readonly spares: number;
  readonly tickMicroseconds: number;
  readonly electionTicks: number;
  readonly electionStepTicks: number;
  readonly heartbeatTicks: number;
  readonly preVote: number;
  readonly checkQuorum: number;
  /** Reads by lease of so long; 0 for off. */
  readonly leaseMs: number;
  /** Whether leases end by the wall clock as it is, which jumps, and not by that of production. */
  readonly leasesByWallClock: number;
  readonly keepsLeasePromise: number;
  readonly quiesceTicks: number;
  readonly diskStallTicks: number;
  /** The node that should lead; 0 for none. */
  readonly preferredLeader: number;
  readonly maxMessageBytes: number;
  readonly maxInflightMessages: number;
  readonly maxApplyBytes: number;
  readonly maxUncommittedBytes: number;
  readonly compactionEntries: number;
  readonly trailingEntries: number;
  readonly applyMicroseconds: number;
  readonly keepsMachine: number;
  readonly reusesSnapshots: number;
  /** In how many blocks a snapshot travels. */
  readonly snapshotBlocks: number;
  readonly usesCodec: number;
  readonly distrustsDisk: number;
  /** Whether writes carry numbers of a session, and are sent until they are answered. */
  readonly usesSessions: number;
  readonly attemptMicroseconds: number;
  readonly delayMinimumMicroseconds: number;
  readonly delayMeanMicroseconds: number;
  readonly delayMaximumMicroseconds: number;
  readonly lossPerMille: number;
  readonly duplicationPerMille: number;
  readonly reorderingPerMille: number;
  readonly syncMinimumMicroseconds: number;
  readonly syncMaximumMicroseconds: number;
  /** Whether a crash may keep some of what was not synced. */
  readonly crashKeepsSome: number;
  /** How long everything may take to settle once it is healed. */
  readonly settleMicroseconds: number;
  /** How long a read or a write may wait for its answer, faults or not; 0 for any time. */
  readonly answerMicrosecondsMax: number;
  /** The highest term that the faults may lead to; 0 for any. */
  readonly termMax: number;
  /** From when on the term may not change any more; 0 for never. */
  readonly termStaysFromMicroseconds: number;
}

const SECOND = 1_000_000;

/** By setting: the value where a plan leaves it out, the least and the most. */
const table: {
  readonly [Name in keyof RaftSettings]: readonly [usual: number, least: number, most: number];
} = {
  voters: [3, 1, limits.nodesMax],
  spares: [0, 0, limits.nodesMax],
  tickMicroseconds: [100_000, 1_000, 10 * SECOND],
  electionTicks: [10, 2, 1_000],
  electionStepTicks: [0, 0, 1_000],
  heartbeatTicks: [1, 1, 100],
  preVote: [1, 0, 1],
  checkQuorum: [1, 0, 1],
  leaseMs: [0, 0, 1_000_000],
  leasesByWallClock: [0, 0, 1],
  keepsLeasePromise: [0, 0, 1],
  quiesceTicks: [0, 0, 1_000],
  diskStallTicks: [10, 0, 1_000],
  preferredLeader: [0, 0, limits.nodesMax],
  maxMessageBytes: [1 << 20, 1, 16 << 20],
  maxInflightMessages: [256, 1, 10_000],
  maxApplyBytes: [4 << 20, 1, 1 << 30],
  maxUncommittedBytes: [64 << 20, 1, 1 << 30],
  compactionEntries: [1_000, 1, 1_000_000],
  trailingEntries: [250, 0, 1_000_000],
  applyMicroseconds: [0, 0, 10 * SECOND],
  keepsMachine: [0, 0, 1],
  reusesSnapshots: [0, 0, 1],
  snapshotBlocks: [1, 1, 1_000],
  usesCodec: [0, 0, 1],
  distrustsDisk: [0, 0, 1],
  usesSessions: [1, 0, 1],
  attemptMicroseconds: [SECOND, 1_000, 60 * SECOND],
  delayMinimumMicroseconds: [100, 0, 10 * SECOND],
  delayMeanMicroseconds: [1_000, 0, 10 * SECOND],
  delayMaximumMicroseconds: [200_000, 0, 60 * SECOND],
  lossPerMille: [0, 0, 500],
  duplicationPerMille: [0, 0, 500],
  reorderingPerMille: [0, 0, 1_000],
  syncMinimumMicroseconds: [200, 0, 10 * SECOND],
  syncMaximumMicroseconds: [8_000, 0, 60 * SECOND],
  crashKeepsSome: [1, 0, 1],
  settleMicroseconds: [60 * SECOND, SECOND, 3_600 * SECOND],
  answerMicrosecondsMax: [0, 0, 3_600 * SECOND],
  termMax: [0, 0, 1_000_000],
  termStaysFromMicroseconds: [0, 0, 3_600 * SECOND],
};

/** What a setting is where a plan leaves it out. */
export const usualSettings: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(table).map(([name, [usual]]) => [name, usual]),
);

/** Takes the settings of a plan; those left out have their usual value. */
export function readSettings(given: { readonly [name: string]: Json }): RaftSettings {
  for (const name of Object.keys(given)) {
    if (!(name in table)) throw invalid(`a Raft scenario has no setting named ${name}`);
  }
  const names = Object.keys(table) as (keyof RaftSettings)[];
  const settings = Object.fromEntries(
    names.map((name) => {
      const [usual, least, most] = table[name];
      const value = given[name] ?? usual;
      if (typeof value === 'number' && Number.isSafeInteger(value)) {
        if (value >= least && value <= most) return [name, value];
      }
      throw invalid(`${name} is ${JSON.stringify(value)}; use a whole number, ${least} to ${most}`);
    }),
  ) as unknown as RaftSettings;
  if (settings.voters + settings.spares > limits.nodesMax) {
    throw invalid(`voters and spares are more than ${limits.nodesMax} nodes`);
  }
  return settings;
}

export function invalid(message: string): SimulationError {
  return new SimulationError('invalid-option', message);
}
