/**
 * Builds the store that this node should have and has not, from the other one:
 *
 *   missing   because                                           built from
 *   v2        a snapshot brought v1 alone in a rollout          v1, as a rollout stages it
 *   v1        its file was lost or is behind, and a rollback    v2 (`rebuilt-v1.ts`)
 *             may still come, or has
 *
 * While the store that answers is missing the node does not serve; while the other one is, it does.
 */
import type { Embedder, EngineVersion } from '../../src/memory/engine.js';
import type { Driver } from '../driver.js';
import { NodeError, messageOf } from '../errors.js';
import { keepsV1 } from '../kept-engines.js';
import { BRING_UP_RETRY_MS } from '../limits.js';
import type { NodeEngines } from '../node-engines.js';
import type { Replica } from '../replica/replica.js';
import type { FollowContext } from './follow.js';
import { rebuildV1 } from './rebuilt-v1.js';
import { catchUp, ensureStaged } from './staged-store.js';

export interface BringUpPorts {
  readonly engines: NodeEngines;
  readonly replica: Pick<Replica, 'control'> & FollowContext['replica'];
  readonly driver: Pick<Driver, 'pinLog'>;
  readonly embedder: Embedder;
  readonly v1Store: string;
  fetchVectors(textHashes: string[]): Promise<(Float32Array | undefined)[]>;
  /** A store was added: what the state does not want any more may go. */
  added(): void;
  log(message: string): void;
}

interface Building {
  readonly version: EngineVersion;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

export class BringUp {
  readonly #ports: BringUpPorts;
  #building: Building | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isHeld = false;
  #toldEngine: EngineVersion | undefined;
  #stopped = false;
  /** What is being built, and how far it is; empty when nothing is. */
  progress = '';

  constructor(ports: BringUpPorts) {
    this.#ports = ports;
  }

  /** Looks at what is missing; begins to build it, or gives up what nobody wants. Cheap. */
  poke(): void {
    this.#tellEngine();
    const wanted = this.#stopped || this.#isHeld ? undefined : this.#missing();
    const building = this.#building;
    if (building !== undefined) {
      if (building.version !== wanted) building.abort.abort(givenUp());
      return;
    }
    if (wanted === undefined) return;
    const abort = new AbortController();
    const ended = this.#build(wanted, abort.signal).finally(() => {
      this.#building = undefined;
      this.progress = '';
      this.poke();
    });
    this.#building = { version: wanted, abort, ended };
  }

  /** Runs `work`, which replaces what the stores hold, while nothing is built. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    this.#isHeld = true;
    try {
      await this.#giveUp();
      return await work();
    } finally {
      this.#isHeld = false;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#giveUp();
  }

  async #giveUp(): Promise<void> {
    clearTimeout(this.#retry);
    this.#building?.abort.abort(givenUp());
    await this.#building?.ended;
  }

  /** For the log of the node: where it went over, or back. */
  #tellEngine(): void {
    const { engines, replica, log } = this.#ports;
    const engine = engines.activeVersion(replica.control);
    if (engine === this.#toldEngine) return;
    this.#toldEngine = engine;
    log(`from log index ${replica.appliedIndex} on this node answers from ${engine}`);
  }

  /** The one that answers comes first. */
  #missing(): EngineVersion | undefined {
    const { engines, replica } = this.#ports;
    const { control } = replica;
    const active = engines.activeVersion(control);
    const other = active === 'v1' ? 'v2' : 'v1';
    if (engines.engine(active) === undefined) {
      return engines.engine(other) === undefined ? undefined : active;
    }
    // A v2 store that does not answer yet is a step of the rollout.
    return other === 'v1' && keepsV1(control) && engines.engine('v1') === undefined
      ? 'v1'
      : undefined;
  }

  async #build(version: EngineVersion, signal: AbortSignal): Promise<void> {
    const { driver, log, added } = this.#ports;
    log(`the ${version} store of this node is missing; it is built from the other one`);
    this.progress = `building the ${version} store`;
    // Nothing may be compacted away that the store has still to read.
    const unpin = driver.pinLog();
    try {
      const index = await this.#buildFrom(version, signal);
      log(`the ${version} store of this node is built, at log index ${index}`);
      added();
    } catch (error) {
      if (signal.aborted) return;
      log(`the ${version} store cannot be built: ${messageOf(error)}`);
      await this.#rest(signal);
    } finally {
      unpin();
    }
  }

  async #buildFrom(version: EngineVersion, signal: AbortSignal): Promise<number> {
    const { engines, replica, embedder, v1Store, fetchVectors } = this.#ports;
    const onProgress = ({ done, total }: { done: number; total: number }): void => {
      this.progress = `building the ${version} store: ${done} of ${total}`;
    };
    if (version === 'v1') return rebuildV1({ engines, replica, v1Store, signal, onProgress });
    const files = engines.v2Files;
    const context = { engines, replica, embedder, files, fetchVectors, signal, onProgress };
    await ensureStaged(context);
    return catchUp(context);
  }

  async #rest(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#retry = setTimeout(resolve, BRING_UP_RETRY_MS);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

function givenUp(): NodeError {
  return new NodeError('stopped', 'the store is not wanted any more, or the node stops');
}
