/** Invariants that hold at every moment of a run, told by every node as it applies. */
import type { ControlState } from '../../nodes/control-plane/state.js';
import type { LoggedCommand } from '../../src/memory/engine.js';
import { encodeControlState } from '../../nodes/wire/state-codec.js';
import { require } from '../explore/failure.js';
import type { ModelEngine } from './model-engine.js';

export class Observer {
  /** What the first node to reach an index held there. */
  readonly #controlAt = new Map<number, string>();
  readonly #leaders = new Map<number, number>();
  readonly #contentAt = new Map<number, string>();
  /** Index at which each content was written; every write of a scenario has a content of its own. */
  readonly writtenAt = new Map<string, number>();
  /** Nodes that switched to v2, leaders, and rare situations: shows that a run tested something. */
  switches = 0;
  leaderChanges = 0;
  aborted = false;
  leaderChangedWhileMigrating = false;
  #isMigrating = false;

  /** Raft: at most one leader a term. */
  leads(nodeId: number, term: number): void {
    const known = this.#leaders.get(term);
    const isSame = known === undefined || known === nodeId;
    require(isSame, 'election-safety', `term ${term} has one leader`);
    if (known === undefined) {
      this.leaderChanges += 1;
      if (this.#isMigrating) this.leaderChangedWhileMigrating = true;
    }
    this.#leaders.set(term, nodeId);
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

  /** State machine safety: equal states at equal indexes, on every node and in every engine. */
  applied(
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
    this.#oneNodeMigrates(control);
  }

  /** Rollout R1. */
  #oneNodeMigrates({ rollout }: ControlState): void {
    const busy = rollout?.nodes.filter(({ step }) => step !== 'pending' && step !== 'done') ?? [];
    require(busy.length <= 1, 'rollout', 'one node migrates at a time');
    this.#isMigrating = rollout?.status === 'running';
    if (rollout?.status === 'aborted') this.aborted = true;
  }
}

function agree(known: Map<number, string>, index: number, value: string, sentence: string): void {
  const first = known.get(index);
  require(first === undefined || first === value, 'state-machine-safety', sentence);
  if (first === undefined) known.set(index, value);
}
