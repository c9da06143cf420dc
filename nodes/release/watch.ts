/**
 * Looks whether this process runs what the rollout says. Its supervisor may have given the new release
 * up after it had switched: the swarm has to hear of that, and the rollout goes back or pauses, as its
 * guards say. And tells the supervisor when the release before is not needed any more.
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
    const complaint = this.#complaint(rollout, releases.running.name);
    if (complaint !== undefined) void this.#complain(complaint);
  }

  #complaint(rollout: Rollout, running: string): Command | undefined {
    const { nodeId } = this.#ports;
    const { id: rolloutId, plan, status, epoch } = rollout;
    const node = rollout.nodes.find((one) => one.nodeId === nodeId);
    const isWrong = node?.direction === 'forward' && SWITCHED.has(node.step) && running !== plan.to;
    if (!isWrong || status === 'rollingBack' || status === 'paused') return undefined;
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
