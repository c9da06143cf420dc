/**
 * The operator of a rolling upgrade: starts it, does what the plan asks at its times, and sees to it after
 * everything has healed that nothing waits for a person. Says everything until the state shows it, since
 * words get lost; the epochs in its entries see to it that none has its effect twice.
 */
import type { Command } from '../../nodes/control-plane/command.js';
import { type Rollout, hasEnded } from '../../nodes/rollout/state.js';
import type { Json, TimedOperation } from '../explore/plan.js';
import { SimulationError } from '../world/index.js';
import type { Context, NodeProgram, Process, RandomStream } from '../world/index.js';
import { nodeName } from './swarm-messages.js';
import type { SwarmMessage } from './swarm-messages.js';
import type { SwarmNodeProcess } from './swarm-node.js';

const ASK_MICROSECONDS = 250_000;
/** How long an order of the plan is repeated. */
const ORDER_MICROSECONDS = 750_000;

const ORDERS = [
  'pause',
  'resume',
  'throttle',
  'postpone',
  'halt',
  'late-give-up',
  'abort',
  'rollback',
  'finalize',
] as const;
export type Order = (typeof ORDERS)[number];

/** Orders that end a rollout on the side that it came from. */
const WAYS_BACK: readonly Order[] = ['abort', 'rollback', 'halt'];

export function drawOrders(random: RandomStream, untilMicroseconds: number): TimedOperation[] {
  const orders: TimedOperation[] = [];
  const count = random.integer(0, 4);
  for (let i = 0; i < count; i += 1) {
    const order = random.chance(0.3)
      ? random.pick(WAYS_BACK)
      : random.pick(ORDERS.filter((one) => !WAYS_BACK.includes(one)));
    const atMicroseconds = random.integer(1_500_000, untilMicroseconds);
    orders.push({ atMicroseconds, client: 0, operation: { order } });
  }
  return orders;
}

/** The order in an operation; undefined for what a client does. */
export function readOrder(operation: Json, position: number): Order | undefined {
  if (typeof operation !== 'object' || operation === null || !('order' in operation))
    return undefined;
  const found = ORDERS.find((order) => order === operation['order']);
  if (found !== undefined) return found;
  throw new SimulationError(
    'invalid-plan',
    `operations[${position}] must be {"order": one of ${ORDERS.join(', ')}}`,
  );
}

export interface OperatorOptions {
  readonly nodeIds: readonly number[];
  readonly processes: ReadonlyMap<number, SwarmNodeProcess>;
  readonly orders: readonly { readonly atMicroseconds: number; readonly order: Order }[];
  /** Before this a rollout is not started. */
  readonly isReady: () => boolean;
  /** Whether a rollback is wanted now; once it is, it stays so. */
  readonly wantsRollback: () => boolean;
  /** Everything has healed: what waits for a person goes on. */
  readonly isHealed: () => boolean;
  readonly isDone: () => boolean;
}

export function upgradeOperator(options: OperatorOptions): NodeProgram<SwarmMessage, unknown> {
  return { start: (_disk, context) => new Operator(options, context) };
}

class Operator implements Process<SwarmMessage> {
  readonly #options: OperatorOptions;
  readonly #context: Context<SwarmMessage, unknown>;

  constructor(options: OperatorOptions, context: Context<SwarmMessage, unknown>) {
    this.#options = options;
    this.#context = context;
    context.setTimer(1_000_000, 'operate');
  }

  onMessage(): void {
    // What came of it is in the state.
  }

  onDiskSynced(): void {
    // An operator keeps nothing.
  }

  onTick(): void {
    const { isDone, isReady } = this.#options;
    if (isDone()) return;
    const seen = this.#pick();
    const { rollout } = seen.replica.control;
    // The first and only one: a word that comes late, or what a node knew before it crashed, starts none.
    if (rollout === null) {
      if (isReady()) this.#send({ kind: 'start-rollout', request: 0, after: 0 });
    } else for (const command of this.#commands(rollout)) this.#propose(command);
    this.#context.setTimer(ASK_MICROSECONDS, 'operate');
  }

  /** What it wants of a rollout that looks like this. */
  #commands(rollout: Rollout): Command[] {
    if (hasEnded(rollout)) return [];
    const { orders, wantsRollback, isHealed } = this.#options;
    const now = this.#context.nowMicroseconds;
    const due = orders.filter(
      ({ atMicroseconds }) => atMicroseconds <= now && now < atMicroseconds + ORDER_MICROSECONDS,
    );
    const wanted: Order[] = due.map(({ order }) => order);
    if (wantsRollback()) wanted.push('rollback');
    const { status } = rollout;
    if (isHealed()) {
      if (status === 'paused' || status === 'scheduled') wanted.push('resume');
      if (status === 'switched') wanted.push('finalize');
    }
    return wanted.flatMap((order) => this.#command(order, rollout) ?? []);
  }

  #command(order: Order, rollout: Rollout): Command | undefined {
    const { id: rolloutId, epoch, nodes } = rollout;
    const reason = 'operator';
    switch (order) {
      case 'pause':
        return { type: 'pauseRollout', rolloutId, epoch, reason };
      case 'resume':
        return { type: 'resumeRollout', rolloutId, epoch };
      case 'throttle':
        return { type: 'throttleRollout', rolloutId, epoch, maxUnavailable: 1, soakMs: 100 };
      case 'postpone': {
        const notBeforeMs = Math.floor(this.#context.nowMicroseconds / 1_000) + 2_000;
        return { type: 'postponeRollout', rolloutId, epoch, notBeforeMs };
      }
      case 'late-give-up': {
        // What a node said of a step that it has no more; it must end nothing.
        const node = nodes.find(({ step }) => step !== 'pending');
        if (node === undefined) return undefined;
        const { nodeId, epoch: now } = node;
        return { type: 'giveUpRollout', rolloutId, nodeId, nodeEpoch: now - 1, reason };
      }
      case 'halt': {
        const node = nodes.find(({ step }) => step !== 'pending' && step !== 'removed');
        if (node === undefined) return undefined;
        const { nodeId, epoch: nodeEpoch } = node;
        return { type: 'haltRollout', rolloutId, nodeId, nodeEpoch, reason };
      }
      case 'abort':
        return { type: 'abortRollout', rolloutId, reason };
      case 'rollback':
        return { type: 'rollbackRollout', rolloutId, epoch, reason };
      case 'finalize':
        return { type: 'finalizeRollout', rolloutId, epoch };
    }
  }

  /** Any node; what it knows may be old. */
  #pick(): SwarmNodeProcess {
    const { nodeIds, processes } = this.#options;
    const nodeId = nodeIds[Math.floor(this.#context.random() * nodeIds.length)] ?? 1;
    const process = processes.get(nodeId);
    if (process === undefined) throw new Error(`node ${nodeId} was never started`);
    return process;
  }

  #propose(command: Command): void {
    this.#send({ kind: 'propose', asker: this.#context.name, request: 0, command });
  }

  #send(message: SwarmMessage): void {
    this.#context.send(nodeName(this.#pick().nodeId), message);
  }
}
