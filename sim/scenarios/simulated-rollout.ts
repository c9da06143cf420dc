/**
 * The steps of a rollout in simulated time: what `nodes/migration/executor.ts` does with files, workers
 * and processes is done here with model engines, timers and restarts. Each step may be cut off at any
 * moment.
 */
import { keepsV1, keepsV2 } from '../../nodes/kept-engines.js';
import { bestSuccessor } from '../../nodes/migration/successor.js';
import { unfencedNodes } from '../../nodes/rollout/finalizing.js';
import { nodesWithSteps } from '../../nodes/rollout/machine.js';
import type { Rollout, RolloutNode } from '../../nodes/rollout/state.js';
import type { Command } from '../../nodes/control-plane/command.js';
import { COMMAND_VERSION } from '../../nodes/control-plane/state.js';
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
  /** The supervisor has been asked for another release: that is not taken back, and no step begins. */
  #isHandingOver = false;
  /** What this node said of itself, by the type of the command, and when by its clock. */
  readonly #said = new Map<
    Command['type'],
    { readonly about: string; readonly atMicroseconds: number }
  >();
  #staged: ModelEngine | undefined;
  /** A view of one store that is being built into the other; writes after it are not in it. */
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
    this.#repair();
    this.#settle();
    this.#saySelf();
    if (this.#isHandingOver) return;
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

  #acknowledge(): void {
    const { replica, nodeId } = this.#node;
    const { rollout, members } = replica.control;
    const member = members.get(nodeId);
    if (rollout?.status !== 'finalizing' || member === undefined) return;
    if (!unfencedNodes(rollout).some((one) => one.nodeId === nodeId)) return;
    const { engine, release, commandVersion } = member;
    const { id: rolloutId, epoch } = rollout;
    this.#say(`${rolloutId}/${epoch}`, {
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
    if (node.step === 'drain' && this.#movesLeadership()) return;
    const isDone =
      rollout.plan.release === null ? this.#carryOut(node) : this.#exchange(rollout, node);
    if (!isDone) return;
    if (node.step === 'switch') this.#observer.switches += 1;
    const { step, epoch, nodeId } = node;
    const detail = { appliedIndex: this.#node.replica.appliedIndex };
    this.#node.submit({ type: 'finishStep', rolloutId: rollout.id, nodeId, step, epoch, detail });
    this.#context.setTimer(REPORT_RETRY_MICROSECONDS, 'rollout');
  }

  /** A step from one engine to the other; false while something is still missing for it. */
  #carryOut({ step }: RolloutNode): boolean {
    const { engines } = this.#node;
    const needsBoth = ['stage', 'catchUp', 'validate', 'switch'].includes(step);
    if (needsBoth && !this.#isUpToDate('v2')) return false;
    if (step === 'validate' || step === 'switch') {
      const [v1, v2] = [engines.active('v1'), engines.active('v2')] as ModelEngine[];
      const isEqual = v1?.fingerprint() === v2?.fingerprint();
      require(isEqual, 'rollout', 'a staged store holds what the v1 store does');
    }
    return true;
  }

  /** A step from one release to the other: the process that runs as the wanted one finishes a switch. */
  #exchange({ plan }: Rollout, { step, direction }: RolloutNode): boolean {
    if (step !== 'switch') return true;
    const wanted = direction === 'forward' ? plan.to : plan.from;
    if (this.#node.release === wanted) return true;
    this.#isHandingOver = true;
    this.#node.exchangeFor(wanted);
    return false;
  }

  /** As a node does when it starts. */
  #saySelf(): void {
    const { replica, nodeId, release } = this.#node;
    const member = replica.control.members.get(nodeId);
    if (member === undefined || release === '' || member.release === release) return;
    const { host, port, zone } = member;
    this.#say(release, {
      type: 'setMember',
      nodeId,
      status: 'up',
      host,
      port,
      commandVersion: COMMAND_VERSION,
      release,
      supervised: true,
      zone,
    });
  }

  /** Asked for with every change of the state; said at once, and again now and then until the state has it. */
  #say(about: string, command: Command): void {
    const now = this.#context.clockMicroseconds;
    const last = this.#said.get(command.type);
    const isRecent = last !== undefined && now < last.atMicroseconds + REPORT_RETRY_MICROSECONDS;
    if (isRecent && last.about === about) return;
    this.#said.set(command.type, { about, atMicroseconds: now });
    this.#node.submit(command);
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

  /** True when the engine gets every command; otherwise begins what is missing for that. */
  #isUpToDate(version: 'v1' | 'v2'): boolean {
    const { replica, engines, disk } = this.#node;
    if (engines.engine(version) !== undefined) return true;
    if (this.#staged?.version !== version) this.#staged = ModelEngine.open(version, disk);
    const staged = this.#staged;
    if (staged === undefined || staged.appliedIndex + 1 < replica.replayableFrom) {
      this.#staged = undefined;
      ModelEngine.remove(version, disk);
      if (this.#task !== undefined) this.#task.phase = 'staging';
      this.#view = this.#contentBeside(version);
      const delay = Math.floor(this.#context.random() * STAGE_MICROSECONDS_MAX);
      this.#context.setTimer(delay, 'rollout');
      return false;
    }
    this.#feed(staged);
    return true;
  }

  #feed(staged: ModelEngine): void {
    const { replica, engines } = this.#node;
    while (staged.appliedIndex < replica.appliedIndex) {
      const batch = replica.replay(staged.appliedIndex + 1, REPLAY_BYTES);
      staged.apply(batch.commands, batch.lastIndex);
    }
    engines.add(staged);
    this.#staged = undefined;
  }

  /** What the other engine holds. */
  #contentBeside(version: 'v1' | 'v2'): ModelContent {
    const other = this.#node.engines.active(version === 'v1' ? 'v2' : 'v1');
    return (other as ModelEngine).content();
  }

  #finishStaging(): void {
    if (this.#view !== undefined) this.#staged = new ModelEngine('v2', this.#view, this.#node.disk);
    this.#view = undefined;
  }

  /** Closes what the state does not want any more, as `NodeEngines.settle` does. */
  #settle(): void {
    const { replica, engines, disk } = this.#node;
    if (engines.engine(this.#node.activeVersion()) === undefined) return;
    if (!keepsV1(replica.control) && engines.engine('v1') !== undefined) engines.remove('v1');
    if (keepsV2(replica.control) || engines.engine('v2') === undefined) return;
    engines.remove('v2');
    ModelEngine.remove('v2', disk);
  }

  /**
   * A snapshot in the middle of a rollout leaves the staged store behind, and a crash may leave either
   * store behind what the log still has: it is built again from the other one.
   */
  #repair(): void {
    const { replica, engines, disk } = this.#node;
    if (this.#task !== undefined || this.#myStep() !== undefined) return;
    const wanted = [this.#node.activeVersion()];
    if (wanted[0] === 'v2' && keepsV1(replica.control)) wanted.push('v1');
    for (const version of wanted) {
      if (engines.engine(version) !== undefined) continue;
      const kept = ModelEngine.open(version, disk);
      if (kept !== undefined && kept.appliedIndex + 1 >= replica.replayableFrom) {
        this.#feed(kept);
        continue;
      }
      ModelEngine.remove(version, disk);
      this.#feed(new ModelEngine(version, this.#contentBeside(version), disk));
    }
  }
}
