/** Makes a scenario out of a user's state machine: its replication by Raft, under faults. */
import type { SequentialModel } from '../checkers/model.js';
import type { Json, Plan } from '../explore/plan.js';
import { failureFrom } from '../explore/failure.js';
import type { Failure, RunOptions, RunResult, Scenario } from '../explore/scenario.js';
import { type DrawOperation, drawPlan } from './draw.js';
import { invalid, type RaftSettings } from './settings.js';
import { raftProbes } from './probes.js';
import { RaftRun } from './run.js';
import { simplifyRaftPlan } from './simplify.js';
import type { StateMachine } from './state-machine.js';

/** What the answers to clients are judged by. */
export interface JudgedBy {
  // The state of a model is nobody's business but its own.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly model: SequentialModel<any, Json, Json>;
  /** Which object an operation is about; operations on different ones are judged apart. */
  readonly keyOf: (operation: Json) => string;
}

/** Something that has to hold of the machines of all running nodes, at any time. */
export interface Invariant {
  readonly name: string;
  /** What is wrong, or undefined. Machines may be at different indexes. */
  readonly check: (machines: ReadonlyMap<number, StateMachine>) => string | undefined;
}

export interface RaftScenarioOptions {
  /** Lower case with dashes. */
  readonly name: string;
  readonly summary: string;
  readonly machine: () => StateMachine;
  readonly drawOperation: DrawOperation;
  /** Without it the answers are not judged; everything else is. */
  readonly judgedBy?: JudgedBy;
  readonly invariants?: readonly Invariant[];
  /**
   * Settings that every plan has, whatever its seed would draw. `{ usesSessions: 1 }` is for machines
   * whose commands must not be carried out twice: without sessions a network may double them.
   */
  readonly settings?: Partial<RaftSettings>;
}

/**
 * A scenario that replicates `machine` by Raft over a network and disks that fail:
 *
 *     const scenario = raftScenario({
 *       name: 'counter',
 *       summary: 'A counter that clients add to.',
 *       machine: () => new Counter(),
 *       drawOperation: (random) => ({ do: 'write', operation: { add: random.integer(1, 9) } }),
 *     });
 *
 * A run has a safety phase with the faults of its plan, and then a liveness phase in which all is
 * healed: the group must elect, serve every client and agree.
 */
export function raftScenario(options: RaftScenarioOptions): Scenario {
  const { name, summary, settings = {} } = options;
  return {
    name,
    summary,
    probes: raftProbes,
    draw: (seed) => {
      const drawn = drawPlan(name, seed, options.drawOperation);
      return { ...drawn, settings: { ...drawn.settings, ...settings } };
    },
    run: (plan, runOptions) => runPlan(options, plan, runOptions),
    simplify: (plan) => simplifyRaftPlan(plan, Object.keys(settings)),
  };
}

function runPlan(options: RaftScenarioOptions, plan: Plan, runOptions?: RunOptions): RunResult {
  if (plan.scenario !== options.name) {
    throw invalid(`the plan is of the scenario ${plan.scenario}, not of ${options.name}`);
  }
  const run = new RaftRun(options, plan, runOptions);
  let failure: Failure | undefined;
  try {
    run.toEnd();
  } catch (error) {
    failure = failureFrom(error, run.nowMicroseconds);
  }
  return { ...run.result(), ...(failure && { failure }) };
}
