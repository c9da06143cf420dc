/** Invariants that hold at every moment of a run, told by every node as it applies. */
import type { ControlState } from '../../nodes/control-plane/state.js';
import { type Rollout, hasEnded } from '../../nodes/rollout/state.js';
import { isUnavailable } from '../../nodes/rollout/turns.js';
import type { LoggedCommand } from '../../src/memory/engine.js';
import { encodeControlState } from '../../nodes/wire/state-codec.js';
import { ElectionSafety } from '../checkers/election-safety.js';
import { RolloutSafety } from '../checkers/rollout.js';
import { require } from '../explore/failure.js';
import type { ModelEngine } from './model-engine.js';

/** How many nodes are compared at each index. */
const COMPARED_NODES = 10;

export class Observer {
  /** What the first node to reach an index held there. */
  readonly #controlAt = new Map<number, string>();
  readonly #electionSafety = new ElectionSafety();
  readonly rolloutSafety = new RolloutSafety();
  readonly #contentAt = new Map<number, string>();
  /** Index at which each content was written; every write of a scenario has a content of its own. */
  readonly writtenAt = new Map<string, number>();
  /** Nodes that switched to v2, leaders, and rare situations: shows that a run tested something. */
  switches = 0;
  leaderChanges = 0;
  aborted = false;
  leaderChangedWhileMigrating = false;
  #isMigrating = false;
  /** Told each state that a node comes to. */
  onState: ((control: ControlState, nodeId: number) => void) | undefined;

  /** Raft: at most one leader a term. */
  leads(nodeId: number, term: number): void {
    if (!this.#electionSafety.leads(nodeId, term)) return;
    this.leaderChanges += 1;
    if (this.#isMigrating) this.leaderChangedWhileMigrating = true;
  }

  /** Exactly once: a write that was sent twice is applied at one index, on every node. */
  wrote({ index, command }: LoggedCommand): void {
    if (command.type !== 'insertMemory') return;
    const { content } = command;
    const first = this.writtenAt.get(content);
    const isSame = first === undefined || first === index;
    require(isSame, 'exactly-once', `the write ${content} is applied once`);
    if (first === undefined) this.writtenAt.set(content, index);
  }

  /**
   * State machine safety: equal states at equal indexes, on every node and in every engine. Of a large
   * swarm each node is compared at some of the indexes: what differs goes on to differ.
   */
  applied(
    nodeId: number,
    index: number,
    control: ControlState,
    engines: readonly ModelEngine[],
  ): void {
    const stride = Math.ceil(control.members.size / COMPARED_NODES);
    if ((index + nodeId) % stride === 0) {
      this.#compare(nodeId, index, control, engines);
      if (control.rollout !== null) this.#observeRollout(index, control.rollout);
    }
    this.onState?.(control, nodeId);
  }

  #compare(
    nodeId: number,
    index: number,
    control: ControlState,
    engines: readonly ModelEngine[],
  ): void {
    const text = Buffer.from(encodeControlState(control)).toString('latin1');
    agree(this.#controlAt, index, text, `node ${nodeId} holds the same control state at ${index}`);
    for (const engine of engines) {
      if (engine.appliedIndex !== index) continue;
      const content = engine.fingerprint();
      const sentence = `the ${engine.version} engine of node ${nodeId} agrees at ${index}`;
      agree(this.#contentAt, index, content, sentence);
    }
  }

  #observeRollout(index: number, rollout: Rollout): void {
    const { id, nodes, limits, status } = rollout;
    const busyNodes = nodes.filter(isUnavailable).map((one) => one.nodeId);
    this.rolloutSafety.unavailable(index, id, busyNodes, limits.maxUnavailable);
    for (const node of nodes) this.rolloutSafety.stands(index, id, node);
    this.#isMigrating = !hasEnded(rollout);
    if (status === 'aborted') this.aborted = true;
  }
}

function agree(known: Map<number, string>, index: number, value: string, sentence: string): void {
  const first = known.get(index);
  require(first === undefined || first === value, 'state-machine-safety', sentence);
  if (first === undefined) known.set(index, value);
}
