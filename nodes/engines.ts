/**
 * The memory engines of one node. While a rollout runs, every command goes to the old and to the
 * new engine, so that either can answer and neither has missed a write.
 */
import type {
  ApplyOutcome,
  EngineVersion,
  LoggedCommand,
  MemoryEngine,
} from '../src/memory/engine.js';
import { assert } from './assert.js';
import { NodeError } from './errors.js';
import type { ApplyBatch } from './replica/replica.js';

export class Engines {
  readonly #open = new Map<EngineVersion, MemoryEngine>();

  engine(version: EngineVersion): MemoryEngine | undefined {
    return this.#open.get(version);
  }

  versions(): EngineVersion[] {
    return [...this.#open.keys()];
  }

  /** The engine that answers; the node must not serve without it. */
  active(version: EngineVersion): MemoryEngine {
    const engine = this.#open.get(version);
    if (engine === undefined) {
      throw new NodeError('directory', `the ${version} store of this node is not open`);
    }
    return engine;
  }

  add(engine: MemoryEngine): void {
    assert(!this.#open.has(engine.version), `one ${engine.version} engine is open at a time`);
    this.#open.set(engine.version, engine);
    // What fails here fails again in the first search, which tells its caller.
    engine.prepareSearch?.().catch(() => undefined);
  }

  /** Takes an engine away without closing it; for everybody else it is as if it were not open. */
  protected withdraw(version: EngineVersion): MemoryEngine {
    const engine = this.active(version);
    this.#open.delete(version);
    return engine;
  }

  /** Closes an engine and stops feeding it. Its file stays. */
  remove(version: EngineVersion): void {
    const engine = this.#open.get(version);
    if (engine === undefined) return;
    this.#open.delete(version);
    engine.close();
  }

  /** Highest index that every open engine has applied. */
  appliedIndex(): number {
    const indexes = [...this.#open.values()].map((engine) => engine.appliedIndex);
    return indexes.length === 0 ? 0 : Math.min(...indexes);
  }

  /** Applies a batch to every open engine. They must agree on what each command did. */
  apply(batch: ApplyBatch): ApplyOutcome[] {
    if (batch.firstIndex === 0) return [];
    let outcomes: ApplyOutcome[] | undefined;
    for (const engine of this.#open.values()) {
      assert(
        engine.appliedIndex >= batch.firstIndex - 1,
        `the ${engine.version} engine misses no entry before ${batch.firstIndex}`,
      );
      const told = engine.apply(batch.commands, Math.max(batch.lastIndex, engine.appliedIndex));
      outcomes ??= told;
      assertSameOutcomes(batch.commands, outcomes, told);
    }
    assert(outcomes !== undefined, 'a node that applies commands has an engine');
    return outcomes;
  }

  /** Everything applied so far survives a power cut when this returns. */
  sync(): void {
    for (const engine of this.#open.values()) engine.sync();
  }

  forgetOutcomes(index: number): void {
    for (const engine of this.#open.values()) engine.forgetOutcomes(index);
  }

  close(): void {
    for (const version of this.versions()) this.remove(version);
  }
}

function assertSameOutcomes(
  commands: readonly LoggedCommand[],
  first: readonly ApplyOutcome[],
  second: readonly ApplyOutcome[],
): void {
  for (const [i, { index }] of commands.entries()) {
    assert(first[i] === second[i], `both engines say the same of the command at ${index}`);
  }
}
