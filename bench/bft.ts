import { Verification, verificationSubject } from './bft/certificates.js';
import { Cluster } from './bft/cluster.js';
import { simulatedDecisionsMs } from './bft/simulated.js';
import { type Bench, type Measurements, quantile } from './harness.js';
import { describeDataFolder } from './raft-processes/data-folder.js';

const PROCESSES = 4;
const SIMULATED = 31;
const DELAY_MS = 50;
const CERTIFICATES = [4, 100] as const;

/** How much work a round is. */
export interface BftSize {
  /** Commands that are decided before anything is measured: they compile the code. */
  readonly warmUp: number;
  /** Commands that are decided one after the other, by each validator in turn. */
  readonly alone: number;
  /** Commands that each validator has in flight, for how many milliseconds. */
  readonly inFlight: number;
  readonly loadMs: number;
  /** Validators of the simulation to which a command is given, each in a world of its own. */
  readonly submitters: number;
  /** Decisions that are verified, each for the first time. */
  readonly verified: number;
}

const usual: BftSize = {
  warmUp: 600,
  alone: 200,
  inFlight: 1_024,
  loadMs: 5_000,
  submitters: SIMULATED,
  verified: 50,
};

/**
 * Byzantine consensus: validators as processes over QUIC with synced files, a decision among many in
 * simulated time, and what it costs to verify a decision.
 */
export function bftBench(size: BftSize = usual): Bench {
  const processes = `${PROCESSES} processes`;
  const simulated = `${SIMULATED} simulated`;
  return {
    description:
      `commands of 1 KB among ${PROCESSES} validators as processes over QUIC, synced; a decision ` +
      `of ${SIMULATED} simulated ones; verification of decisions`,
    roundsDefault: 5,
    metrics: {
      'decided-p50': 'ms',
      'decided-p99': 'ms',
      commands: '1/s',
      'commands-a-height': 'commands',
      'cpu-alone': 'ms',
      'cpu-of-many': 'ms',
      'verified-votes': 'ms',
      'verified-decision': 'ms',
    },
    subjects: [
      processesSubject(processes, size),
      simulatedSubject(simulated, size),
      ...CERTIFICATES.map((validators) =>
        verificationSubject(
          certificateOf(validators),
          () => new Verification(validators, size.verified),
          ({ certificateMs, decisionMs }) => ({
            'verified-votes': certificateMs,
            'verified-decision': decisionMs,
          }),
        ),
      ),
    ],
    ratios: [],
    goals: [
      { metric: 'decided-p50', subject: processes, bound: 'at most', value: 10 },
      { metric: 'commands', subject: processes, bound: 'at least', value: 2_000 },
      // To the proposer, its proposal, prevotes, precommits.
      { metric: 'decided-p50', subject: simulated, bound: 'at most', value: 4 * DELAY_MS + 10 },
      { metric: 'verified-votes', subject: certificateOf(4), bound: 'at most', value: 0.7 },
      { metric: 'verified-votes', subject: certificateOf(100), bound: 'at most', value: 16 },
    ],
    notes: () => [
      describeDataFolder(),
      'decided: from submit to decided, durable and applied at the validator that it was submitted ' +
        'to, which is each in turn; one command at a time',
      `commands: decided while each validator has ${size.inFlight} of its own in flight`,
      'cpu: processor time of all processes for a command, one at a time and many in flight; all ' +
        'share the cores above, so that no decision is sooner than this time divided by them',
      `simulated: time of the simulator, with ${DELAY_MS} ms for each message, two syncs of 0.05 to ` +
        '2 ms before a signature leaves, and no processor time',
      'verified: processor time for 2f+1 votes that were not seen before, and for a whole decision ' +
        'as it comes, read and counted, with the signature of its proposal',
    ],
  };
}

function certificateOf(validators: number): string {
  return `${validators} validators`;
}

function processesSubject(name: string, size: BftSize): Bench['subjects'][number] {
  let cluster: Cluster | undefined;
  return {
    name,
    prepare: async () => {
      cluster = await Cluster.start(PROCESSES);
      await cluster.alone(size.warmUp);
      await cluster.many(size.inFlight, size.loadMs / 2);
    },
    run: async (): Promise<Measurements> => {
      if (cluster === undefined) throw new Error('prepare comes first');
      const alone = await cluster.alone(size.alone);
      const many = await cluster.many(size.inFlight, size.loadMs);
      return {
        'decided-p50': quantile(alone.decidedMs, 0.5),
        'decided-p99': quantile(alone.decidedMs, 0.99),
        commands: many.perSecond,
        'commands-a-height': many.perHeight,
        'cpu-alone': alone.cpuMs,
        'cpu-of-many': many.cpuMs,
      };
    },
    close: () => cluster?.close(),
  };
}

/** Each round has seeds of its own, so that its disks differ. */
function simulatedSubject(name: string, size: BftSize): Bench['subjects'][number] {
  let seed = 0;
  return {
    name,
    run: () => {
      seed += 1;
      const ms = simulatedDecisionsMs(SIMULATED, DELAY_MS, size.submitters, seed);
      return { 'decided-p50': quantile(ms, 0.5), 'decided-p99': quantile(ms, 0.99) };
    },
  };
}
