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
  #restores = 0;

  /** Restores that were begun: a store that was built from what was there before is of no use. */
  get restores(): number {
    return this.#restores;
  }

  protected countRestore(): void {
    this.#restores += 1;
  }

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

  /**
   * Applies a batch to every open engine. Those that had it still before them must agree on what each
   * command did; one that is ahead, after a crash, only looks it up and may have forgotten it.
   */
  apply(batch: ApplyBatch): ApplyOutcome[] {
    if (batch.firstIndex === 0) return [];
    let told: ToldOutcome[] | undefined;
    for (const engine of this.#open.values()) {
      const known = engine.appliedIndex;
      assert(
        known >= batch.firstIndex - 1,
        `the ${engine.version} engine misses no entry before ${batch.firstIndex}`,
      );
      const outcomes = engine.apply(batch.commands, Math.max(batch.lastIndex, known));
      const own = outcomes.map((outcome, at) => {
        return { outcome, isOfNow: (batch.commands[at]?.index ?? 0) > known };
      });
      told = told === undefined ? own : joinOutcomes(batch.commands, told, own);
    }
    assert(told !== undefined, 'a node that applies commands has an engine');
    return told.map(({ outcome }) => outcome);
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

/** What an engine says of a command; `isOfNow`: it has applied it in this call. */
interface ToldOutcome {
  readonly outcome: ApplyOutcome;
  readonly isOfNow: boolean;
}

function joinOutcomes(
  commands: readonly LoggedCommand[],
  first: readonly ToldOutcome[],
  second: readonly ToldOutcome[],
): ToldOutcome[] {
  return commands.map(({ index }, at) => {
    const [one, other] = [first[at], second[at]];
    assert(one !== undefined && other !== undefined, 'an engine tells an outcome for each command');
    const isComparable = one.isOfNow && other.isOfNow;
    assert(
      !isComparable || one.outcome === other.outcome,
      `both engines say the same of the command at ${index}`,
    );
    return one.isOfNow ? one : other;
  });
}
