/** What is done to a swarm while it rolls: one fault at a time, drawn from a seed. */
import { setTimeout as sleep } from 'node:timers/promises';

import { Random } from '../../examples/rolling-migration/random.js';
import type { FaultAction } from '../../sim/nemesis/index.js';
import { CRASHES_MAX, CRASH_MEMORY_MS } from '../../nodes/release/limits.js';
import type { SwarmClient } from '../../src/client/index.js';
import type { Ground } from './ground.js';
import { limits } from './limits.js';
import type { KillMode } from './options.js';
import type { SoakNode, SoakSwarm, Victim } from './swarm.js';

export type FaultClass = 'kill' | 'partition';

/** One fault, on the monotonic clock of the machine. */
export interface Fault {
  readonly kind: FaultClass;
  /** As a person reads it: `kill node 3 (leader)`. */
  readonly what: string;
  /** Whose process was killed; 0 for a cut. */
  readonly nodeId: number;
  readonly fromMicroseconds: number;
  /** When the node served again, or the network was whole. */
  readonly toMicroseconds: number;
}

export interface FaultOptions {
  readonly kill: KillMode;
  readonly partitions: boolean;
  /** Mean pause between two faults. */
  readonly faultPauseMs: number;
  readonly seed: number;
}

export interface FaultPorts {
  readonly swarm: SoakSwarm;
  readonly ground: Ground;
  readonly client: SwarmClient;
  readonly say: (line: string) => void;
}

/** The kinds that were asked for and did not happen. */
export function missingFaults(
  { kill, partitions }: Pick<FaultOptions, 'kill' | 'partitions'>,
  done: readonly Fault[],
): FaultClass[] {
  const wanted: FaultClass[] = [];
  if (kill !== 'none') wanted.push('kill');
  if (partitions) wanted.push('partition');
  return wanted.filter((kind) => !done.some((fault) => fault.kind === kind));
}

export class Faults {
  readonly done: Fault[] = [];
  readonly #options: FaultOptions;
  readonly #ports: FaultPorts;
  readonly #random: Random;
  #over = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: FaultOptions, ports: FaultPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#random = new Random(options.seed ^ 0x736f616b);
  }

  /** Begins; rejects through `whenOver` when a node does not come back. */
  start(): void {
    this.#over = new AbortController();
    this.#running = this.#run(this.#over.signal);
    this.#running.catch(() => undefined);
  }

  /** Resolves when the last fault is over and every node serves. */
  async stop(): Promise<void> {
    this.#over.abort();
    await this.#running;
  }

  async #run(over: AbortSignal): Promise<void> {
    const { kill, partitions, faultPauseMs } = this.#options;
    if (kill === 'none' && !partitions) return;
    while (!over.aborted) {
      const pauseMs = faultPauseMs * (0.25 + 1.5 * this.#random.next());
      await sleep(pauseMs, undefined, { signal: over }).catch(() => undefined);
      if (over.aborted) return;
      const cuts = partitions && (kill === 'none' || this.#random.next() < 0.5);
      if (cuts) await this.#cut();
      else await this.#killOne();
    }
  }

  async #killOne(): Promise<void> {
    const { swarm, say } = this.#ports;
    const leader = await this.#leader();
    const aims = this.#options.kill === 'leader' || this.#random.next() < 0.3;
    const spared = this.#crashing();
    const nodes = swarm.nodes.filter(({ nodeId }) => !spared.has(nodeId));
    if (nodes.length === 0) return;
    const chosen = aims ? leader : this.#random.pick(nodes);
    const node = chosen === undefined || spared.has(chosen.nodeId) ? undefined : chosen;
    if (node === undefined) return;
    const victims: readonly Victim[] = swarm.isSupervised
      ? ['node', 'node', 'supervisor', 'machine']
      : ['node'];
    const victim = this.#random.pick(victims);
    const role = node.nodeId === leader?.nodeId ? ' (leader)' : '';
    const what = `kill -9 ${victim} of node ${node.nodeId}${role}`;
    say(what);
    const fromMicroseconds = now();
    await swarm.killAndRestart(node.nodeId, victim);
    await this.#untilServing(node);
    const { nodeId } = node;
    this.done.push({ kind: 'kill', what, nodeId, fromMicroseconds, toMicroseconds: now() });
  }

  /** A supervisor rightly gives a release up that dies once more: those nodes are left alone for a while. */
  #crashing(): ReadonlySet<number> {
    const sinceMicroseconds = now() - CRASH_MEMORY_MS * 1_000;
    const recent = this.done.filter((fault) => fault.fromMicroseconds >= sinceMicroseconds);
    const times = (nodeId: number): number =>
      recent.filter((fault) => fault.nodeId === nodeId).length;
    const { nodes } = this.#ports.swarm;
    const ids = nodes.map(({ nodeId }) => nodeId);
    return new Set(ids.filter((nodeId) => times(nodeId) >= CRASHES_MAX - 1));
  }

  async #cut(): Promise<void> {
    const { ground, say, swarm } = this.#ports;
    const action = await this.#drawCut();
    const what = JSON.stringify(action);
    say(what);
    const fromMicroseconds = now();
    await ground.apply(action);
    await sleep(limits.partitionMinMs + this.#random.below(limits.partitionSpanMs));
    await ground.apply({ kind: 'heal' });
    const toMicroseconds = now();
    const span = { fromMicroseconds, toMicroseconds };
    this.done.push({ kind: 'partition', what: action.kind, nodeId: 0, ...span });
    for (const node of swarm.nodes) await this.#untilServing(node);
  }

  /** Each leaves a majority that reaches one another, but for the ring. */
  async #drawCut(): Promise<FaultAction> {
    const names = this.#ports.swarm.nodes.map(({ name }) => name);
    const leader = (await this.#leader())?.name;
    const aimed = leader !== undefined && this.#random.next() < 0.5;
    const node = aimed ? leader : this.#random.pick(names);
    const others = names.filter((name) => name !== node);
    const half = Math.floor(others.length / 2);
    switch (this.#random.below(5)) {
      case 0:
        return { kind: 'isolate', node };
      case 1:
        return { kind: 'one-way', from: [node], to: others };
      case 2:
        return { kind: 'one-way', from: others, to: [node] };
      case 3:
        return {
          kind: 'bridge',
          left: others.slice(0, half),
          middle: node,
          right: others.slice(half),
        };
      default: {
        const minority = [node, ...others.slice(0, Math.ceil(names.length / 2) - 2)];
        const majority = names.filter((name) => !minority.includes(name));
        return { kind: 'partition', groups: [minority, majority] };
      }
    }
  }

  async #leader(): Promise<SoakNode | undefined> {
    const { client, swarm } = this.#ports;
    const status = await client.status({ deadlineMs: limits.askDeadlineMs }).catch(() => undefined);
    return swarm.nodes.find(({ nodeId }) => nodeId === status?.leader);
  }

  /** A node serves when it answers a linearizable read itself. */
  async #untilServing({ nodeId, peerId: only }: SoakNode): Promise<void> {
    const deadlineMs = performance.now() + limits.recoveryTimeoutMs;
    let reason: unknown;
    while (performance.now() < deadlineMs) {
      try {
        await this.#ports.client.get('soak-probe', { only, deadlineMs: limits.askDeadlineMs });
        return;
      } catch (error) {
        reason = error;
        await sleep(limits.pollMs);
      }
    }
    const seconds = limits.recoveryTimeoutMs / 1_000;
    const why = reason instanceof Error ? reason.message : String(reason);
    throw new Error(`node ${nodeId} does not serve ${seconds} s after a fault: ${why}`);
  }
}

/** The monotonic clock, one for all processes of a machine. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
