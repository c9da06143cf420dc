/** The steps by which a node comes from one release of the program to another, or back. */
import type { JsonObject } from '../../src/memory/engine.js';
import { NodeError } from '../errors.js';
import type { CarriedBuilds } from '../release/builds.js';
import type { ReleaseName, Rollout, RolloutNode, RolloutPlan } from '../rollout/state.js';

/** What a node knows of the builds of its program. */
export interface Releases {
  /** What this process runs. */
  readonly running: ReleaseName;
  /** The release of that name, or of a name that begins so; undefined when this node knows none. */
  find(name: string): Promise<ReleaseName | undefined>;
  /** Builds that come from other machines, and go to them. */
  readonly builds?: CarriedBuilds;
  /** Missing where no supervisor can exchange the process. */
  readonly steps?: ReleaseSteps;
  /** No rollout can go back any more: the release before is not needed. */
  readonly settle?: () => void;
}

/** What can exchange the process of a node; a supervisor offers it. */
export interface ReleaseSteps {
  /** Has the files of the release that the plan goes to ready to be started. */
  stage(plan: RolloutPlan, signal: AbortSignal): Promise<JsonObject>;
  /** Makes sure that it starts here and reads what this node has. */
  validate(plan: RolloutPlan, signal: AbortSignal): Promise<JsonObject>;
  /**
   * Hands over to a process of that release. Resolves or rejects only if this process goes on: the new one
   * sees itself running the release and finishes the step.
   */
  switchTo(release: string, rolloutId: number, epoch: number): Promise<void>;
  /** @throws NodeError `refused` when the files of that release are not here, with what to do. */
  requireStartable(release: ReleaseName): Promise<void>;
}

type NodeStep = Pick<RolloutNode, 'step' | 'epoch' | 'direction'> & { readonly rollout: Rollout };

/** Does one step; `running` is the release of this process. */
export async function carryOutReleaseStep(
  { rollout, step, epoch, direction }: NodeStep,
  running: string,
  steps: ReleaseSteps | undefined,
  signal: AbortSignal,
): Promise<JsonObject> {
  const { plan } = rollout;
  const wanted = direction === 'forward' ? plan.to : plan.from;
  // Also after the hand-over, by the new process, and where an operator has exchanged it by hand.
  if (step === 'switch' && running === wanted) return { release: running };
  if (steps === undefined) {
    throw new NodeError(
      'refused',
      `nothing supervises this node, so that its release ${running} cannot be exchanged for ${wanted}; ` +
        'start it with --supervise',
    );
  }
  switch (step) {
    case 'stage':
      return steps.stage(plan, signal);
    case 'validate':
      return steps.validate(plan, signal);
    case 'switch':
      await (direction === 'forward'
        ? steps.switchTo(wanted, rollout.id, epoch)
        : switchBack(wanted, rollout.id, epoch, steps));
      throw new NodeError('stopped', `the hand-over to ${wanted} did not take place`);
    default:
      throw new NodeError('refused', `a release has nothing to do in step ${step}`);
  }
}

/** A way back has no other end than this release: whoever looks has to hear what it waits for. */
async function switchBack(
  wanted: string,
  rolloutId: number,
  epoch: number,
  steps: ReleaseSteps,
): Promise<void> {
  try {
    await steps.switchTo(wanted, rolloutId, epoch);
  } catch (error) {
    if (!(error instanceof NodeError) || error.code !== 'refused') throw error;
    throw new NodeError(
      'refused',
      `${error.message}. The rollout goes back until ${wanted} starts here: on this node, put the build in ` +
        "its folder again, or give another one with 'agentic-flow release add PATH'",
      error,
    );
  }
}
