/**
 * Looks whether this process runs what the rollout says. Its supervisor may have given the new release
 * up after it had switched: the swarm has to hear of that, and the rollout goes back or pauses, as its
 * guards say, unless it is final. And tells the supervisor when the release before is not needed any more.
 */
import type { Command, CommandResult } from '../control-plane/command.js';
import type { ControlState } from '../control-plane/state.js';
import { messageOf } from '../errors.js';
import type { Releases } from '../migration/release-steps.js';
import { hasEnded } from '../rollout/state.js';
import type { Rollout } from '../rollout/state.js';

export interface ReleaseWatchPorts {
  readonly nodeId: number;
  readonly releases: Releases | undefined;
  control(): ControlState;
  submit(command: Command): Promise<CommandResult>;
  log(message: string): void;
}

const SWITCHED = new Set(['rejoin', 'soak', 'done']);

export class ReleaseWatch {
  readonly #ports: ReleaseWatchPorts;
  /** What was said last, so that each state of the node is complained of once. */
  #said = '';
  #isSettled = false;

  constructor(ports: ReleaseWatchPorts) {
    this.#ports = ports;
  }

  /** Call whenever the state has changed, once this node has caught up. */
  poke(): void {
    const { releases } = this.#ports;
    if (releases === undefined) return;
    const { rollout } = this.#ports.control();
    if (rollout === null || rollout.plan.kind !== 'release' || hasEnded(rollout)) {
      if (!this.#isSettled) releases.settle?.();
      this.#isSettled = true;
      return;
    }
    this.#isSettled = false;
    const { name } = releases.running;
    if (!this.#isReverted(rollout, name)) return;
    if (rollout.status === 'finalized') {
      this.#tell(rollout.plan.to, name);
      return;
    }
    const complaint = this.#complaint(rollout, name);
    if (complaint !== undefined) void this.#complain(complaint);
  }

  /** Whether this node has switched, and runs something else than it switched to. */
  #isReverted({ plan, nodes }: Rollout, running: string): boolean {
    const { nodeId } = this.#ports;
    // One that joined while the window was open has switched from nothing.
    if (!plan.batches.some((batch) => batch.includes(nodeId))) return false;
    const node = nodes.find((one) => one.nodeId === nodeId);
    return node?.direction === 'forward' && SWITCHED.has(node.step) && running !== plan.to;
  }

  /** After finalization nothing goes back by itself: clients may rely on the new release by then. */
  #tell(to: string, running: string): void {
    const words =
      `rollout: this node runs ${running} again: its supervisor gave ${to} up. The rollout is final, and ` +
      `nothing goes back by itself: 'agentic-flow release use ${to}' on this node, or 'agentic-flow ` +
      `rollout rollback'`;
    if (words === this.#said) return;
    this.#said = words;
    this.#ports.log(words);
  }

  #complaint(rollout: Rollout, running: string): Command | undefined {
    const { nodeId } = this.#ports;
    const { id: rolloutId, plan, status, epoch } = rollout;
    const node = rollout.nodes.find((one) => one.nodeId === nodeId);
    if (node === undefined || status === 'rollingBack' || status === 'paused') return undefined;
    const reason = `node ${nodeId} runs ${running} again: its supervisor gave ${plan.to} up`;
    if (plan.guards === null) return { type: 'rollbackRollout', rolloutId, epoch, reason };
    return { type: 'haltRollout', rolloutId, nodeId, nodeEpoch: node.epoch, reason };
  }

  async #complain(complaint: Command): Promise<void> {
    const words = JSON.stringify(complaint);
    if (words === this.#said) return;
    this.#said = words;
    try {
      const { ok } = await this.#ports.submit(complaint);
      this.#ports.log(`rollout: ${complaint.type} ${ok ? 'was agreed' : 'had no effect'}`);
    } catch (error) {
      this.#ports.log(`rollout: ${complaint.type} is tried again: ${messageOf(error)}`);
      this.#said = '';
      setTimeout(() => this.poke(), RETRY_MS).unref();
    }
  }
}

const RETRY_MS = 500;
