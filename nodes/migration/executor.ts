/**
 * Carries out the steps of a rollout that are this node's. The replicated state says which step and
 * in which epoch; the executor does it and proposes the entry that says so. It keeps nothing that
 * matters: a restarted node looks at the state and begins the same step again.
 */
import type { Embedder, JsonObject } from '../../src/memory/engine.js';
import type { StageProgress } from '../../src/memory/index.js';
import type { Command, CommandResult } from '../control-plane/command.js';
import type { Driver } from '../driver.js';
import type { Engines } from '../engines.js';
import { NodeError, messageOf } from '../errors.js';
import { DRAIN_TIMEOUT_MS, STEP_ATTEMPTS_MAX, STEP_RETRY_MS } from '../limits.js';
import type { Replica } from '../replica/replica.js';
import { COMMAND_VERSION } from '../control-plane/state.js';
import { unfencedNodes } from '../rollout/finalizing.js';
import { nodesWithSteps } from '../rollout/machine.js';
import type { Rollout, RolloutNode, RolloutStep } from '../rollout/state.js';
import { requireRoomFor } from './disk-space.js';
import { catchUp, ensureStaged, validate } from './staged-store.js';
import type { StagingContext } from './staged-store.js';
import type { V2Files } from './v2-files.js';

export interface ExecutorPorts {
  readonly nodeId: number;
  readonly replica: Replica;
  readonly engines: Engines;
  readonly driver: Driver;
  readonly embedder: Embedder;
  readonly v1Store: string;
  readonly v2Files: V2Files;
  /** Proposes through whichever node leads, and waits until it is applied there. */
  submit(command: Command): Promise<CommandResult>;
  fetchVectors(textHashes: string[]): Promise<(Float32Array | undefined)[]>;
  log(message: string): void;
}

interface Task {
  /** Rollout, what is done for it, and the epoch in which. */
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

  /** Looks at the state; begins, goes on with, or gives up a step. Cheap; called on every change. */
  poke(): void {
    if (this.#stopped) return;
    const mine = this.#myWork();
    const task = this.#task;
    if (task !== undefined) {
      if (mine?.key !== task.key) {
        task.abort.abort(new NodeError('stopped', 'the rollout moved on'));
      }
      return;
    }
    if (mine === undefined) return;
    const abort = new AbortController();
    const ended = mine.run(abort.signal).finally(() => {
      this.#task = undefined;
      this.progress = '';
      // The state may have moved on while this step was still ending.
      setImmediate(() => this.poke());
    });
    this.#task = { key: mine.key, abort, ended };
  }

  /** Gives up the running step and waits until it has let go of its files. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#task?.abort.abort(new NodeError('stopped', 'the node stops'));
    await this.#task?.ended;
  }

  /** What this node has to do now, if anything. */
  #myWork(): { key: string; run: (signal: AbortSignal) => Promise<void> } | undefined {
    const { rollout } = this.#ports.replica.control;
    if (rollout === null) return undefined;
    const isMine = ({ nodeId }: RolloutNode): boolean => nodeId === this.#ports.nodeId;
    const node = nodesWithSteps(rollout).find(isMine);
    if (node !== undefined) {
      const key = `${rollout.id}/step/${node.epoch}`;
      return { key, run: (signal) => this.#run(rollout, node, signal) };
    }
    if (rollout.status !== 'finalizing' || !unfencedNodes(rollout).some(isMine)) return undefined;
    const key = `${rollout.id}/fence/${rollout.epoch}`;
    return { key, run: (signal) => this.#acknowledge(rollout, signal) };
  }

  /** Says as what this node serves: from there on it is nothing older. */
  async #acknowledge({ id: rolloutId, epoch }: Rollout, signal: AbortSignal): Promise<void> {
    const { nodeId, replica } = this.#ports;
    const member = replica.control.members.get(nodeId);
    if (member === undefined) return;
    const { engine, release } = member;
    const commandVersion = COMMAND_VERSION;
    await this.#report(
      { type: 'ackFence', rolloutId, nodeId, epoch, engine, release, commandVersion },
      signal,
    );
  }

  async #run(rollout: Rollout, node: RolloutNode, signal: AbortSignal): Promise<void> {
    const { step, epoch } = node;
    const rolloutId = rollout.id;
    const { nodeId, log } = this.#ports;
    // Nothing may be compacted away that the staged store has still to read.
    const unpin = this.#ports.driver.pinLog();
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          log(`rollout ${rolloutId}: ${step} (epoch ${epoch})`);
          const detail = await this.#carryOut(step, signal);
          signal.throwIfAborted();
          await this.#report(
            { type: 'finishStep', rolloutId, nodeId, step, epoch, detail },
            signal,
          );
          return;
        } catch (error) {
          if (signal.aborted) return;
          log(`rollout ${rolloutId}: ${step} failed (attempt ${attempt}): ${messageOf(error)}`);
          if (attempt < STEP_ATTEMPTS_MAX && !isFinal(error)) {
            await pause(STEP_RETRY_MS, signal);
            continue;
          }
          const reason = `node ${nodeId} failed at ${step}: ${messageOf(error)}`.slice(0, 4_000);
          await this.#report({ type: 'abortRollout', rolloutId, reason }, signal);
          return;
        }
      }
    } catch (error) {
      if (!signal.aborted) log(`rollout ${rolloutId}: ${messageOf(error)}`);
    } finally {
      unpin();
    }
  }

  /** Proposes until the state shows that it was taken, or that somebody else moved the rollout. */
  async #report(command: Command, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const result = await this.#ports.submit(command);
        // Refused means that an earlier try was applied, or that the rollout was aborted.
        if (!result.ok)
          this.#ports.log(`rollout: ${command.type} had no effect: ${result.refusal}`);
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

  async #carryOut(step: RolloutStep, signal: AbortSignal): Promise<JsonObject> {
    const { replica, engines } = this.#ports;
    const context = this.#stagingContext(signal);
    switch (step) {
      case 'cordon':
        return { appliedIndex: replica.appliedIndex };
      case 'drain':
        return this.#drain(signal);
      case 'snapshot': {
        const bytes = await requireRoomFor(this.#ports.v1Store, this.#ports.v2Files.directory);
        engines.sync();
        return { appliedIndex: replica.appliedIndex, bytes };
      }
      case 'stage':
        await ensureStaged(context);
        return { appliedIndex: replica.appliedIndex };
      case 'catchUp':
        return { appliedIndex: await this.#bringUp(context) };
      case 'validate': {
        await this.#bringUp(context);
        const report = await validate(context);
        if (!report.ok) {
          throw new NodeError('refused', `the stores differ: ${report.mismatches.join('; ')}`);
        }
        return { ...engines.active('v2').counts() };
      }
      case 'switch':
        // After a crash the staged store may have to be brought up again before it may answer.
        await this.#bringUp(context);
        engines.active('v2').sync();
        return { appliedIndex: replica.appliedIndex };
      case 'rejoin':
        return { appliedIndex: replica.appliedIndex };
      case 'pending':
      case 'soak':
      case 'removed':
      case 'done':
        throw new NodeError('refused', `there is nothing to do in step ${step}`);
    }
  }

  async #bringUp(context: StagingContext): Promise<number> {
    await ensureStaged(context);
    return catchUp(context);
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

  #stagingContext(signal: AbortSignal): StagingContext {
    const { engines, replica, embedder, v2Files: files, fetchVectors } = this.#ports;
    const onProgress = (progress: StageProgress): void => {
      this.progress = `${progress.done} of ${progress.total}`;
    };
    return { engines, replica, embedder, files, fetchVectors, signal, onProgress };
  }
}

/** Failures that another try on the same node will not mend. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'refused' || error.code === 'disk-full' || error.code === 'read-only';
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
