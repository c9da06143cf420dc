/**
 * Which engines a node has open: what is on its disk when it starts, what a snapshot brings, and
 * what the replicated state asks for afterwards.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

import { openV1Engine, openV2Engine } from '../src/memory/index.js';
import type { V2Engine } from '../src/memory/index.js';
import type { DumpRecord, EngineDump, EngineVersion } from '../src/memory/engine.js';
import { assert } from './assert.js';
import { engineOf } from './control-plane/state.js';
import type { ControlState } from './control-plane/state.js';
import type { DataPaths } from './data-directory.js';
import { Engines } from './engines.js';
import { NodeError } from './errors.js';
import { V2Files } from './migration/v2-files.js';
import { openIfCurrent } from './open-store.js';
import { hasEnded } from './rollout/state.js';
import { Pace } from '../src/memory/pace.js';

export class NodeEngines extends Engines {
  readonly v2Files: V2Files;
  readonly #paths: DataPaths;
  readonly #nodeId: number;
  #isRestoring = false;

  constructor(paths: DataPaths, nodeId: number) {
    super();
    this.v2Files = new V2Files(paths.v2);
    this.#paths = paths;
    this.#nodeId = nodeId;
  }

  /**
   * Opens what the log can still feed from `index` on. `control` is the state at `index`; entries
   * after it may say otherwise, so everything that may be wanted is opened.
   */
  openAll(control: ControlState, index: number): void {
    const { v1Store, v2 } = this.#paths;
    if (control.members.size === 0) return;
    if (control.swarmVersion === 1) {
      if (!existsSync(v1Store)) throw missingStore(v1Store);
      const v1 = openV1Engine(v1Store);
      if (v1.appliedIndex < index) {
        const { appliedIndex } = v1;
        v1.close();
        throw new NodeError(
          'directory',
          `${v1Store} is at log index ${appliedIndex} and the log begins at ${index}: the file was ` +
            'replaced by an older one. Restore it, or remove the directory and join the swarm again',
        );
      }
      this.add(v1);
    }
    const current = openIfCurrent(this.v2Files.current(), index, openV2Engine);
    if (current !== undefined) this.add(current);
    if (control.swarmVersion === 2 && current === undefined) throw missingStore(v2);
  }

  /** While a snapshot is put into an engine, that engine is not open. */
  get isRestoring(): boolean {
    return this.#isRestoring;
  }

  get v2(): V2Engine | undefined {
    const engine = this.engine('v2');
    return engine === undefined ? undefined : (engine as V2Engine);
  }

  /** The engine of this node that answers, by the replicated state. */
  activeVersion(control: ControlState): EngineVersion {
    return control.members.get(this.#nodeId)?.engine ?? engineOf(control.swarmVersion);
  }

  /** Closes what the state does not want any more; files of an aborted rollout are removed. */
  async settle(control: ControlState): Promise<void> {
    const { rollout } = control;
    // Either engine may have to answer until the rollout is over.
    if (rollout?.plan.kind === 'engine' && !hasEnded(rollout)) return;
    if (control.swarmVersion === 2) {
      this.remove('v1');
      return;
    }
    this.remove('v2');
    await this.v2Files.discard();
  }

  /**
   * Replaces everything by the rows of a snapshot, in the engine that this state begins with: in one
   * transaction, in slices between which the event loop does other work.
   */
  async restore(
    records: Iterable<DumpRecord>,
    control: ControlState,
    index: number,
  ): Promise<void> {
    const { v1Store } = this.#paths;
    const version = engineOf(control.swarmVersion);
    const other = version === 'v1' ? 'v2' : 'v1';
    this.remove(other);
    // A v2 store beside v1 rows of another index is built again by the rollout.
    if (other === 'v2') await this.v2Files.discard();
    if (this.engine(version) === undefined) {
      const path = version === 'v1' ? v1Store : this.v2Files.next();
      await mkdir(dirname(path), { recursive: true });
      this.add(
        version === 'v1'
          ? openV1Engine(path, { create: true })
          : openV2Engine(path, { create: true }),
      );
    }
    // Half restored it must answer nobody.
    const engine = this.withdraw(version);
    this.#isRestoring = true;
    try {
      await inSlices(engine.restoreInSteps(records, index));
      engine.sync();
    } finally {
      this.#isRestoring = false;
      this.add(engine);
    }
    assert(engine.appliedIndex === index, 'a restored engine is at the index of its snapshot');
  }

  /** A view of all rows; of the v1 engine as long as it is kept, since its rows are the raw ones. */
  dump(): EngineDump {
    const engine = this.engine('v1') ?? this.engine('v2');
    if (engine === undefined) throw new NodeError('stopped', 'no store of this node is open');
    return engine.dump();
  }
}

async function inSlices(steps: Iterable<undefined>): Promise<void> {
  const pace = new Pace();
  for (const _ of steps) if (pace.isDue) await pace.pause();
}

function missingStore(path: string): NodeError {
  return new NodeError(
    'directory',
    `${path} is missing. Restore it, or remove the directory and join the swarm again`,
  );
}
