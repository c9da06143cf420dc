/**
 * The steps of a rollout in simulated time: what `nodes/migration/executor.ts` does with files and
 * workers is done here with model engines and timers. Each step may be cut off at any moment.
 */
import { bestSuccessor } from '../../nodes/migration/successor.js';
import { unfencedNodes } from '../../nodes/rollout/finalizing.js';
import { hasEnded } from '../../nodes/rollout/state.js';
import { nodesWithSteps } from '../../nodes/rollout/machine.js';
import type { Rollout, RolloutNode } from '../../nodes/rollout/state.js';
import { require } from '../explore/failure.js';
import type { Context } from '../world/index.js';
import { ModelEngine } from './model-engine.js';
import type { ModelContent } from './model-engine.js';
import type { Observer } from './observer.js';
import type { SwarmMessage } from './swarm-messages.js';
import type { SwarmNodeProcess } from './swarm-node.js';

const REPORT_RETRY_MICROSECONDS = 500_000;
const STAGE_MICROSECONDS_MAX = 1_500_000;
const REPLAY_BYTES = 2_000;

export class SimulatedRollout {
  readonly #node: SwarmNodeProcess;
  readonly #context: Context<SwarmMessage, unknown>;
  readonly #observer: Observer;
  /** The step under way, and what it waits for. */
  #task: { readonly key: string; phase: 'staging' | 'reported' } | undefined;
  #staged: ModelEngine | undefined;
  /** A view of the v1 store that is being built into a v2 store; writes after it are not in it. */
  #view: ModelContent | undefined;

  constructor(node: SwarmNodeProcess, context: Context<SwarmMessage, unknown>, observer: Observer) {
    this.#node = node;
    this.#context = context;
    this.#observer = observer;
  }

  get pinsLog(): boolean {
    return this.#task !== undefined;
  }

  /** A snapshot replaced everything: what was staged beside it is void. */
  reset(): void {
    this.#task = undefined;
    this.#staged = undefined;
    this.#view = undefined;
    this.#context.clearTimer('rollout');
  }

  /** Looks at the state; begins, goes on with, or gives up a step. */
  poke(): void {
    // Until the node has caught up, its state is an old one and says nothing about its files.
    if (!this.#node.isReady) return;
    this.#settle();
    this.#repair();
    const mine = this.#myStep();
    const key = mine === undefined ? '' : `${mine.rollout.id}/${mine.node.epoch}`;
    if (this.#task !== undefined && this.#task.key !== key) {
      this.#task = undefined;
      this.#context.clearTimer('rollout');
    }
    if (mine === undefined) this.#acknowledge();
    if (mine === undefined || this.#task !== undefined) return;
    this.#task = { key, phase: 'reported' };
    this.#begin(mine.rollout, mine.node);
  }

  onTimer(tag: string): void {
    const mine = this.#myStep();
    if (tag !== 'rollout' || mine === undefined || this.#task === undefined) return;
    if (this.#task.phase === 'staging') this.#finishStaging();
    this.#task.phase = 'reported';
    this.#begin(mine.rollout, mine.node);
  }

  #myStep(): { rollout: Rollout; node: RolloutNode } | undefined {
    const { rollout } = this.#node.replica.control;
    if (rollout === null) return undefined;
    const node = nodesWithSteps(rollout).find(({ nodeId }) => nodeId === this.#node.nodeId);
    return node === undefined ? undefined : { rollout, node };
  }

  /** Said again with every look at the state, until the state has it. */
  #acknowledge(): void {
    const { replica, nodeId } = this.#node;
    const { rollout, members } = replica.control;
    const member = members.get(nodeId);
    if (rollout?.status !== 'finalizing' || member === undefined) return;
    if (!unfencedNodes(rollout).some((one) => one.nodeId === nodeId)) return;
    const { engine, release, commandVersion } = member;
    const { id: rolloutId, epoch } = rollout;
    this.#node.submit({
      type: 'ackFence',
      rolloutId,
      nodeId,
      epoch,
      engine,
      release,
      commandVersion,
    });
  }

  #begin(rollout: Rollout, node: RolloutNode): void {
    const { replica, engines } = this.#node;
    switch (node.step) {
      case 'drain':
        if (this.#movesLeadership()) return;
        break;
      case 'stage':
      case 'catchUp':
      case 'validate':
      case 'switch':
        if (!this.#isUpToDate()) return;
        break;
      default:
        break;
    }
    if (node.step === 'validate' || node.step === 'switch') {
      const [v1, v2] = [engines.active('v1'), engines.active('v2')] as ModelEngine[];
      const isEqual = v1?.fingerprint() === v2?.fingerprint();
      require(isEqual, 'rollout', 'a staged store holds what the v1 store does');
    }
    if (node.step === 'switch') this.#observer.switches += 1;
    const { step, epoch, nodeId } = node;
    const detail = { appliedIndex: replica.appliedIndex };
    this.#node.submit({ type: 'finishStep', rolloutId: rollout.id, nodeId, step, epoch, detail });
    this.#context.setTimer(REPORT_RETRY_MICROSECONDS, 'rollout');
  }

  #movesLeadership(): boolean {
    const { replica, nodeId } = this.#node;
    if (replica.status().role !== 'leader') return false;
    const target = bestSuccessor(replica, nodeId);
    if (target === undefined) return false;
    replica.transferLeadership(target);
    this.#context.setTimer(100_000, 'rollout');
    return true;
  }

  /** True when the v2 engine gets every command; otherwise begins what is missing for that. */
  #isUpToDate(): boolean {
    const { replica, engines, disk } = this.#node;
    if (engines.engine('v2') !== undefined) return true;
    this.#staged ??= ModelEngine.open('v2', disk);
    const staged = this.#staged;
    if (staged === undefined || staged.appliedIndex + 1 < replica.replayableFrom) {
      this.#staged = undefined;
      ModelEngine.remove('v2', disk);
      if (this.#task !== undefined) this.#task.phase = 'staging';
      this.#view = this.#v1Content();
      const delay = Math.floor(this.#context.random() * STAGE_MICROSECONDS_MAX);
      this.#context.setTimer(delay, 'rollout');
      return false;
    }
    while (staged.appliedIndex < replica.appliedIndex) {
      const batch = replica.replay(staged.appliedIndex + 1, REPLAY_BYTES);
      staged.apply(batch.commands, batch.lastIndex);
    }
    engines.add(staged);
    this.#staged = undefined;
    return true;
  }

  #v1Content(): ModelContent {
    return (this.#node.engines.active('v1') as ModelEngine).content();
  }

  #finishStaging(): void {
    if (this.#view !== undefined) this.#staged = new ModelEngine('v2', this.#view, this.#node.disk);
    this.#view = undefined;
  }

  /** Closes what the state does not want any more, as `NodeEngines.settle` does. */
  #settle(): void {
    const { replica, engines, disk } = this.#node;
    const { swarmVersion, rollout } = replica.control;
    if (rollout !== null && !hasEnded(rollout)) return;
    if (swarmVersion === 2) {
      if (engines.engine('v2') !== undefined) engines.remove('v1');
    } else if (engines.engine('v2') !== undefined) {
      engines.remove('v2');
      ModelEngine.remove('v2', disk);
    }
  }

  /** A snapshot in the middle of a rollout leaves the staged store behind: build it again. */
  #repair(): void {
    const { engines, disk } = this.#node;
    if (engines.engine(this.#node.activeVersion()) !== undefined) return;
    if (this.#task !== undefined || this.#myStep() !== undefined) return;
    this.#staged ??= ModelEngine.open('v2', disk);
    if (this.#staged === undefined) {
      this.#view = this.#v1Content();
      this.#finishStaging();
    }
    this.#isUpToDate();
  }
}
