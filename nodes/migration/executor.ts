/**
 * Carries out what a rollout wants of this node. The replicated state says what, and in which epoch; the
 * executor does it and proposes the entry that says so. It keeps nothing that matters: a restarted node
 * looks at the state and begins the same again. Several nodes may be at it at the same time.
 *
 *   state                                      what this node does               entry
 *   one of its steps, but for `soak`           the step                          finishStep
 *   `finalizing`, and it is not yet fenced     makes sure that it can go on      ackFence
 */
import type { JsonObject } from '../../src/memory/engine.js';
import type { Command, CommandResult } from '../control-plane/command.js';
import { COMMAND_VERSION } from '../control-plane/state.js';
import type { Driver } from '../driver.js';
import { NodeError, messageOf } from '../errors.js';
import {
  DRAIN_TIMEOUT_MS,
  STEP_ATTEMPTS_MAX,
  STEP_RETRY_MAX_MS,
  STEP_RETRY_MS,
} from '../limits.js';
import { unfencedNodes } from '../rollout/finalizing.js';
import { nodesWithSteps } from '../rollout/machine.js';
import type { Rollout, RolloutNode } from '../rollout/state.js';
import { carryOutEngineStep, requireBothStores } from './engine-steps.js';
import type { EngineStepsPorts } from './engine-steps.js';
import type { ReleaseSteps } from './release-steps.js';
import { carryOutReleaseStep } from './release-steps.js';

export interface ExecutorPorts extends EngineStepsPorts {
  readonly nodeId: number;
  /** The name of the release that this process runs; empty when it is not known. */
  readonly release: string;
  readonly driver: Driver;
  /** What this node knows of approvals by itself; without, every rollout is taken part in. */
  readonly approvals?: {
    requireApproved(rollout: Rollout): Promise<void>;
    hasRefused(rollout: Rollout): boolean;
  };
  /** Without them, since nothing supervises this node, a release rollout fails at its first step of them. */
  readonly releaseSteps?: ReleaseSteps;
  /** Proposes through whichever node leads, and waits until it is applied there. */
  submit(command: Command): Promise<CommandResult>;
  log(message: string): void;
}

/** What the state wants of this node now. */
interface Duty {
  /** Equal as long as it is the same duty. */
  readonly key: string;
  readonly name: string;
  carryOut(signal: AbortSignal): Promise<JsonObject>;
  done(detail: JsonObject): Command;
  /** What ends the rollout when the duty cannot be done; undefined: it is tried until it can. */
  readonly givenUp: ((reason: string) => Command) | undefined;
}

interface Task {
  readonly key: string;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

export class RolloutExecutor {
  readonly #ports: ExecutorPorts;
  #task: Task | undefined;
  #stopped = false;
  /** What the running step tells of itself, for `rollout status`. */
  progress = '';

  constructor(ports: ExecutorPorts) {
    this.#ports = ports;
  }

  /** Looks at the state; begins, goes on with, or gives up a duty. Cheap; called on every change. */
  poke(): void {
    if (this.#stopped) return;
    const duty = this.#duty();
    const task = this.#task;
    if (task !== undefined) {
      if (task.key !== duty?.key) {
        task.abort.abort(new NodeError('stopped', 'the rollout moved on'));
      }
      return;
    }
    if (duty === undefined) return;
    const abort = new AbortController();
    const ended = this.#run(duty, abort.signal).finally(() => {
      this.#task = undefined;
      this.progress = '';
      // The state may have moved on while this duty was still ending.
      setImmediate(() => this.poke());
    });
    this.#task = { key: duty.key, abort, ended };
  }

  /** Gives up what is running and waits until it has let go of its files. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#task?.abort.abort(new NodeError('stopped', 'the node stops'));
    await this.#task?.ended;
  }

  #duty(): Duty | undefined {
    const { replica, nodeId } = this.#ports;
    const { rollout } = replica.control;
    if (rollout === null) return undefined;
    const isMine = (node: RolloutNode): boolean => node.nodeId === nodeId;
    if (rollout.status === 'finalizing') {
      return unfencedNodes(rollout).some(isMine) ? this.#fence(rollout) : undefined;
    }
    const node = nodesWithSteps(rollout).find(isMine);
    return node === undefined ? undefined : this.#step(rollout, node);
  }

  #step(rollout: Rollout, { step, epoch, direction }: RolloutNode): Duty {
    const { nodeId } = this.#ports;
    const rolloutId = rollout.id;
    const givenUp = (failure: string): Command => {
      const said = `node ${nodeId} failed at ${step}: ${failure}`.slice(0, REASON_CHARACTERS_MAX);
      // A rollout of a release before knows no other word than that of an operator.
      if (rollout.plan.form === 1) return { type: 'abortRollout', rolloutId, reason: said };
      return { type: 'giveUpRollout', rolloutId, nodeId, nodeEpoch: epoch, reason: said };
    };
    return {
      key: `${rolloutId} ${step} ${epoch}`,
      name: `${direction === 'back' ? 'back, ' : ''}${step} (epoch ${epoch})`,
      carryOut: (signal) => this.#carryOut(rollout, { step, epoch, direction }, signal),
      done: (detail) => ({ type: 'finishStep', rolloutId, nodeId, step, epoch, detail }),
      // A way back that fails has nowhere else to go: it is tried until it can be done.
      givenUp: direction === 'back' ? undefined : givenUp,
    };
  }

  #fence(rollout: Rollout): Duty {
    const { nodeId, release, engines, replica } = this.#ports;
    const { id: rolloutId, epoch } = rollout;
    return {
      key: `${rolloutId} fence ${epoch}`,
      name: `fence (epoch ${epoch})`,
      carryOut: async () => {
        await this.#ports.approvals?.requireApproved(rollout);
        if (rollout.plan.kind === 'engine') requireBothStores(engines);
        return {};
      },
      done: () => ({
        type: 'ackFence',
        rolloutId,
        nodeId,
        epoch,
        engine: replica.control.members.get(nodeId)?.engine ?? 'v1',
        release,
        commandVersion: COMMAND_VERSION,
      }),
      givenUp: undefined,
    };
  }

  async #run(duty: Duty, signal: AbortSignal): Promise<void> {
    const { log, replica } = this.#ports;
    const head = `rollout ${replica.control.rollout?.id ?? 0}: ${duty.name}`;
    // Nothing may be compacted away that the staged store has still to read.
    const unpin = this.#ports.driver.pinLog();
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          // It may have waited for this try, and the rollout has moved on.
          signal.throwIfAborted();
          log(head);
          const detail = await duty.carryOut(signal);
          signal.throwIfAborted();
          await this.#report(duty.done(detail), signal);
          return;
        } catch (error) {
          if (signal.aborted) return;
          log(`${head} failed (attempt ${attempt}): ${messageOf(error)}`);
          this.progress = `attempt ${attempt} failed: ${messageOf(error)}`;
          if (duty.givenUp === undefined || (attempt < STEP_ATTEMPTS_MAX && !isFinal(error))) {
            await pause(isFinal(error) ? finalRetryMs(attempt) : STEP_RETRY_MS, signal);
            continue;
          }
          await this.#report(duty.givenUp(messageOf(error)), signal);
          return;
        }
      }
    } catch (error) {
      if (!signal.aborted) log(`${head}: ${messageOf(error)}`);
    } finally {
      unpin();
    }
  }

  /** Proposes until the state shows that it was taken, or that somebody else moved the rollout. */
  async #report(command: Command, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const result = await this.#ports.submit(command);
        // Refused means that an earlier try was applied, or that the rollout was moved on.
        if (!result.ok) {
          this.#ports.log(`rollout: ${command.type} had no effect: ${result.refusal}`);
          await pause(STEP_RETRY_MS, signal);
        }
        await this.#untilApplied(result.index, signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#ports.log(`rollout: ${command.type} is tried again: ${messageOf(error)}`);
        await pause(STEP_RETRY_MS, signal);
      }
    }
  }

  async #untilApplied(index: number, signal: AbortSignal): Promise<void> {
    const { replica, driver } = this.#ports;
    while (replica.appliedIndex < index && !signal.aborted && !this.#stopped) {
      // Without a quorum nothing is applied, and the signal must still end this.
      await Promise.race([driver.nextProgress(), pause(STEP_RETRY_MS, signal)]);
    }
  }

  async #carryOut(
    rollout: Rollout,
    node: Pick<RolloutNode, 'step' | 'epoch' | 'direction'>,
    signal: AbortSignal,
  ): Promise<JsonObject> {
    const { replica, releaseSteps, release, approvals } = this.#ports;
    const { step, direction } = node;
    if (direction === 'forward') await approvals?.requireApproved(rollout);
    // A way back that nobody went forward here would be a way to a release that nobody approved.
    else if (step === 'switch' && approvals?.hasRefused(rollout) === true) return { release };
    switch (step) {
      case 'cordon':
      case 'rejoin':
        return { appliedIndex: replica.appliedIndex };
      case 'drain':
        return this.#drain(signal);
      case 'pending':
      case 'soak':
      case 'removed':
      case 'done':
        throw new NodeError('refused', `there is nothing to do in step ${step}`);
      default:
        if (rollout.plan.kind === 'engine') {
          return carryOutEngineStep(step, this.#ports, signal, (progress) => {
            this.progress = progress;
          });
        }
        return carryOutReleaseStep({ rollout, ...node }, release, releaseSteps, signal);
    }
  }

  /** Leadership moves away first, so that nobody waits for an election. */
  async #drain(signal: AbortSignal): Promise<JsonObject> {
    const { replica, driver } = this.#ports;
    let moved = false;
    while (replica.status().role === 'leader' && driver.handOver() && !signal.aborted) {
      moved = true;
      await pause(20, signal);
    }
    // Writes that this node took as the leader end before it goes on; alone, it leads on.
    const deadlineMs = performance.now() + DRAIN_TIMEOUT_MS;
    while (driver.pendingProposals > 0 && performance.now() < deadlineMs && !signal.aborted) {
      await pause(10, signal);
    }
    return { leadershipMoved: moved };
  }
}

/** Of what an entry carries as the reason of an abort. */
const REASON_CHARACTERS_MAX = 4_000;

/** Failures that another try on the same node will not mend. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'refused' || error.code === 'disk-full' || error.code === 'read-only';
}

/** What another try will not mend an operator has to, and is not waited for in a hurry. */
function finalRetryMs(attempt: number): number {
  return Math.min(STEP_RETRY_MS * 2 ** (attempt - 1), STEP_RETRY_MAX_MS);
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}
