/**
 * Which engines a node has open: what is on its disk when it starts, what a snapshot brings, and
 * what the replicated state asks for afterwards.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { openV1Engine, openV2Engine } from '../src/memory/index.js';
import type { V2Engine } from '../src/memory/index.js';
import type { DumpRecord, EngineDump, EngineVersion, MemoryEngine } from '../src/memory/engine.js';
import { assert } from './assert.js';
import { engineOf } from './control-plane/state.js';
import type { ControlState } from './control-plane/state.js';
import type { DataPaths } from './data-directory.js';
import { Engines } from './engines.js';
import { NodeError, messageOf } from './errors.js';
import { keepsV1, keepsV2 } from './kept-engines.js';
import { V2Files } from './migration/v2-files.js';
import { openIfCurrent } from './open-store.js';
import { restoreAll } from './restoring.js';

export class NodeEngines extends Engines {
  readonly v2Files: V2Files;
  /** Whether this node stays on v1 though the state says otherwise; set before anything is opened. */
  approvals: { holdsV1(control: ControlState): boolean } | undefined;
  readonly #paths: DataPaths;
  readonly #nodeId: number;

  constructor(paths: DataPaths, nodeId: number) {
    super();
    this.v2Files = new V2Files(paths.v2);
    this.#paths = paths;
    this.#nodeId = nodeId;
  }

  /**
   * Opens what the log can still feed from `index` on. `control` is the state at `index`; entries
   * after it may say otherwise, so everything that may be wanted is opened. Of two stores that are kept
   * one is enough: the other is built anew from it while the node runs.
   */
  openAll(control: ControlState, index: number, log: (message: string) => void): void {
    if (control.members.size === 0) return;
    const v2 = openIfCurrent(this.v2Files.current(), index, openV2Engine);
    if (v2 !== undefined) this.add(v2);
    const isV1Kept = keepsV1(control) || this.activeVersion(control) === 'v1';
    if (isV1Kept) this.#openV1(index, log);
    if (v2 === undefined && control.swarmVersion === 2) {
      if (this.engine('v1') === undefined) throw missingStore(this.#paths.v2);
      log(`${this.#paths.v2} is missing or behind its log; it is built anew from the v1 store`);
    }
  }

  #openV1(index: number, log: (message: string) => void): void {
    const { v1Store } = this.#paths;
    const isSpare = this.engine('v2') !== undefined;
    if (!existsSync(v1Store)) {
      if (!isSpare) throw missingStore(v1Store);
      log(`${v1Store} is missing; it is built anew from the v2 store`);
      return;
    }
    const v1 = openSpare(v1Store, isSpare);
    if (v1.appliedIndex >= index) {
      this.add(v1);
      return;
    }
    const { appliedIndex } = v1;
    v1.close();
    const where = `${v1Store} is at log index ${appliedIndex} and the log begins at ${index}`;
    if (!isSpare) {
      throw new NodeError(
        'directory',
        `${where}: the file was replaced by an older one. Restore it, or remove the directory and ` +
          'join the swarm again',
      );
    }
    log(`${where}; it is built anew from the v2 store`);
  }

  get v2(): V2Engine | undefined {
    const engine = this.engine('v2');
    return engine === undefined ? undefined : (engine as V2Engine);
  }

  /** The engine of this node that answers, by the replicated state. */
  activeVersion(control: ControlState): EngineVersion {
    const told = control.members.get(this.#nodeId)?.engine ?? engineOf(control.swarmVersion);
    return told === 'v2' && this.approvals?.holdsV1(control) === true ? 'v1' : told;
  }

  /**
   * Closes what the state does not want any more; files of a rollout that ended in v1 are removed. While
   * the engine that answers is not open, nothing is: it is built from the other one.
   */
  async settle(control: ControlState, isStopping = (): boolean => false): Promise<void> {
    const active = this.activeVersion(control);
    if (this.engine(active) === undefined) return;
    if (!keepsV1(control) && active !== 'v1') this.remove('v1');
    if (keepsV2(control)) return;
    this.remove('v2');
    await this.v2Files.discard(isStopping);
  }

  /**
   * Replaces everything by the rows of a snapshot, in the engines that its state begins with: in a
   * transaction each, in slices between which the event loop does other work.
   */
  async restore(
    records: Iterable<DumpRecord>,
    control: ControlState,
    index: number,
  ): Promise<void> {
    this.countRestore();
    await this.v2Files.atRest();
    const versions = versionsIn(control);
    if (!versions.includes('v1')) this.remove('v1');
    if (!versions.includes('v2')) {
      // A v2 store beside v1 rows of another index is built again by the rollout.
      this.remove('v2');
      await this.v2Files.discardStores();
    }
    for (const version of versions) {
      if (this.engine(version) === undefined) this.add(await this.#create(version));
    }
    // Half restored they must answer nobody.
    const engines = versions.map((version) => this.withdraw(version));
    try {
      await restoreAll(engines, records, index);
    } finally {
      for (const engine of engines) this.add(engine);
    }
    assert(this.appliedIndex() === index, 'a restored engine is at the index of its snapshot');
  }

  async #create(version: EngineVersion): Promise<MemoryEngine> {
    const path = version === 'v1' ? this.#paths.v1Store : this.v2Files.next();
    await mkdir(dirname(path), { recursive: true });
    const open = version === 'v1' ? openV1Engine : openV2Engine;
    return open(path, { create: true });
  }

  /**
   * A view of all rows for a snapshot at this state. Of v1 before the version is raised, since its rows
   * are the raw ones; of v2 after, since its records carry their vectors.
   */
  dump(control: ControlState): EngineDump {
    const v2 = this.engine('v2');
    const engine = control.swarmVersion === 1 ? (this.engine('v1') ?? v2) : v2;
    if (engine === undefined) throw new NodeError('stopped', 'no store of this node is open');
    return engine.dump();
  }
}

/** The engines that a snapshot at this state fills. */
function versionsIn(control: ControlState): EngineVersion[] {
  if (control.swarmVersion === 1) return ['v1'];
  return keepsV1(control) ? ['v2', 'v1'] : ['v2'];
}

/**
 * A v1 file that does not open may be built anew, but not over what lies there. One without tables is
 * what a power cut leaves of a file that was being built: it opens, at index 0.
 */
function openSpare(path: string, isSpare: boolean): MemoryEngine {
  try {
    return openV1Engine(path, { create: isSpare });
  } catch (error) {
    if (!isSpare) throw error;
    throw new NodeError(
      'directory',
      `${messageOf(error)}. The v2 store of this node is whole: move ${path} away, with the files ` +
        `${path}-wal and ${path}-shm beside it, and start the node again; it builds the file anew`,
      error,
    );
  }
}

function missingStore(path: string): NodeError {
  return new NodeError(
    'directory',
    `${path} is missing. Restore it, or remove the directory and join the swarm again`,
  );
}
