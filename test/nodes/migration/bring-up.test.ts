/** Two stores of one node, of which one is lost, and how the node comes to have both again. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import { newControlState } from '../../../nodes/control-plane/state.js';
import type { ControlState } from '../../../nodes/control-plane/state.js';
import { dataPaths } from '../../../nodes/data-directory.js';
import type { DataPaths } from '../../../nodes/data-directory.js';
import { BringUp } from '../../../nodes/migration/bring-up.js';
import { NodeEngines } from '../../../nodes/node-engines.js';
import type { ApplyBatch } from '../../../nodes/replica/replica.js';
import { makePlan } from '../../../nodes/rollout/plan.js';
import { startRollout } from '../../../nodes/rollout/machine.js';
import type { RolloutStatus } from '../../../nodes/rollout/state.js';
import { openV1Engine, openV2Engine, stageV2 } from '../../../src/memory/index.js';
import type { LoggedCommand, MemoryEngine } from '../../../src/memory/engine.js';
import { fakeEmbedder, insert } from '../../src/memory/support.js';
import { scratch } from '../snapshots/support.js';

/** A node 1 in the window of a finalized rollout, at some index, as its log and its state are. */
class World {
  readonly paths: DataPaths = dataPaths(scratch('node'));
  readonly control: ControlState;
  readonly lines: string[] = [];
  readonly log: LoggedCommand[] = [];
  engines = new NodeEngines(this.paths, 1);
  bringUp = this.#bringUp();
  pins = 0;
  added = 0;
  /** The first entry that can be replayed. */
  replayableFrom = 1;

  constructor(status: RolloutStatus = 'finalized') {
    this.control = newControlState({
      swarmId: 's',
      joinTokenHash: '',
      clientTokenHash: '',
      swarmVersion: status === 'finalized' ? 2 : 1,
      peerId: 'p',
      host: 'h',
      port: 1,
    });
    this.control.rollout = startRollout(1, makePlan([{ nodeId: 1 }], 1), 'd', 1, 0);
    this.control.rollout.status = status;
  }

  get appliedIndex(): number {
    return this.log.at(-1)?.index ?? 0;
  }

  /** Both stores with so many memories, the v2 store staged from the v1 store. */
  async build(memories: number): Promise<void> {
    mkdirSync(dirname(this.paths.v1Store), { recursive: true });
    const v1 = openV1Engine(this.paths.v1Store, { create: true });
    this.engines.add(v1);
    for (let at = 1; at <= memories; at += 1) this.write(`before-${at}`);
    await stageV2({ source: v1, path: this.engines.v2Files.next(), embedder: fakeEmbedder() });
    this.engines.add(openV2Engine(this.engines.v2Files.current()!));
  }

  replay(from: number): ApplyBatch {
    const commands = this.log.filter(({ index }) => index >= from);
    return { commands, firstIndex: from, lastIndex: this.appliedIndex };
  }

  write(id: string): void {
    const index = this.appliedIndex + 1;
    const command = { index, command: insert(id, `text of ${id}`) };
    this.log.push(command);
    this.engines.apply({ commands: [command], firstIndex: index, lastIndex: index });
  }

  /** As after the end of the process: the snapshot of the control state is at `index`. */
  restart(index: number): void {
    this.engines.close();
    this.engines = new NodeEngines(this.paths, 1);
    this.engines.openAll(this.control, index, (line) => this.lines.push(line));
    this.replayableFrom = index + 1;
    this.bringUp = this.#bringUp();
    const commands = this.log.filter((command) => command.index > index);
    if (commands.length === 0) return;
    const batch = { commands, firstIndex: index + 1, lastIndex: this.appliedIndex };
    this.engines.apply(batch);
  }

  loseV1(): void {
    this.engines.close();
    renameSync(this.paths.v1Store, `${this.paths.v1Store}.away`);
    for (const suffix of ['-wal', '-shm']) rmSync(this.paths.v1Store + suffix, { force: true });
  }

  async built(): Promise<void> {
    const before = this.added;
    this.bringUp.poke();
    for (let waitedMs = 0; this.added === before; waitedMs += 5) {
      if (waitedMs > 10_000) throw new Error(`nothing was built: ${this.lines.join('; ')}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #bringUp(): BringUp {
    return new BringUp({
      engines: this.engines,
      replica: this,
      driver: {
        pinLog: () => {
          this.pins += 1;
          return () => {
            this.pins -= 1;
          };
        },
      },
      embedder: fakeEmbedder(),
      v1Store: this.paths.v1Store,
      fetchVectors: async (hashes) => hashes.map(() => undefined),
      added: () => {
        this.added += 1;
      },
      log: (line) => this.lines.push(line),
    });
  }
}

const worlds: World[] = [];
afterEach(async () => {
  for (const { bringUp, engines } of worlds.splice(0)) {
    await bringUp.stop();
    engines.close();
  }
});

async function world(status?: RolloutStatus, memories = 40): Promise<World> {
  const created = new World(status);
  worlds.push(created);
  await created.build(memories);
  return created;
}

function contents(engine: MemoryEngine): Map<string, string> {
  const page = engine.list({ limit: 1_000 });
  return new Map(page.memories.map(({ id, content }) => [id, content]));
}

function expectBoth({ engines }: World, memories: number): void {
  const [v1, v2] = [engines.active('v1'), engines.active('v2')];
  expect(contents(v1)).toEqual(contents(v2));
  expect(contents(v1).size).toBe(memories);
  expect(v1.appliedIndex).toBe(v2.appliedIndex);
}

describe('in the window', () => {
  it('both stores are opened, fed, and opened again at any index between', async () => {
    const node = await world();
    for (let at = 0; at < 10; at += 1) node.write(`in-${at}`);
    expectBoth(node, 50);
    node.restart(45);
    expectBoth(node, 50);
    expect(node.lines).toEqual([]);
    node.write('after');
    expectBoth(node, 51);
    await node.engines.settle(node.control);
    expect(node.engines.versions().sort()).toEqual(['v1', 'v2']);
  });

  it('a v1 store that is missing is built from the v2 store, and fed from then on', async () => {
    const node = await world();
    node.write('in-1');
    node.loseV1();
    node.restart(node.appliedIndex);
    expect(node.lines).toEqual([expect.stringMatching(/memory\.db is missing; it is built anew/)]);
    expect(node.engines.versions()).toEqual(['v2']);
    const building = node.built();
    expect(node.pins).toBe(1);
    // What is written while it is built is replayed into it.
    node.write('in-2');
    await building;
    expect(node.pins).toBe(0);
    expect(node.bringUp.progress).toBe('');
    node.write('in-3');
    expectBoth(node, 43);
  });

  it('a v1 store that is behind its log is brought up the same way', async () => {
    const node = await world();
    node.loseV1();
    const old = openV1Engine(node.paths.v1Store, { create: true });
    old.apply([node.log[0]!], 1);
    old.close();
    node.restart(node.appliedIndex);
    expect(node.lines[0]).toMatch(/is at log index 1 and the log begins at 40; it is built anew/);
    await node.built();
    expectBoth(node, 40);
    node.restart(node.appliedIndex);
    expectBoth(node, 40);
  });

  it('a v1 file that a power cut left empty while it was built is built again', async () => {
    const node = await world();
    node.loseV1();
    writeFileSync(node.paths.v1Store, '');
    node.restart(node.appliedIndex);
    expect(node.lines[0]).toMatch(/is at log index 0 and the log begins at 40; it is built anew/);
    await node.built();
    expectBoth(node, 40);
  });

  it('an empty v1 file is no store to start from when there is no v2 store', async () => {
    const node = await world();
    node.loseV1();
    await node.engines.v2Files.discardStores();
    writeFileSync(node.paths.v1Store, '');
    expect(() => node.restart(node.appliedIndex)).toThrow(/holds no table/);
  });

  it('a v1 file that is no store is left where it is, and the start says what to do', async () => {
    const node = await world();
    node.loseV1();
    writeFileSync(node.paths.v1Store, 'no store');
    expect(() => node.restart(node.appliedIndex)).toThrow(/v2 store of this node is whole: move/);
    expect(existsSync(node.paths.v1Store)).toBe(true);
  });

  it('a v2 store that is missing is staged from the v1 store', async () => {
    const node = await world();
    node.write('in-1');
    node.engines.close();
    await node.engines.v2Files.discardStores();
    node.restart(node.appliedIndex);
    expect(node.engines.engine('v2')).toBeUndefined();
    await node.built();
    expectBoth(node, 41);
  });

  it('nothing is built any more once the window is closed', async () => {
    const node = await world('finalized', 3_000);
    node.loseV1();
    node.restart(node.appliedIndex);
    node.bringUp.poke();
    node.control.rollout!.status = 'completed';
    node.bringUp.poke();
    await node.bringUp.stop();
    await node.engines.settle(node.control);
    expect(node.engines.versions()).toEqual(['v2']);
    expect([node.added, node.pins]).toEqual([0, 0]);
  });

  it('a snapshot fills both stores, also where one was being built', async () => {
    const [node, other] = [await world('finalized', 500), await world()];
    other.write('of the snapshot');
    node.loseV1();
    node.restart(node.appliedIndex);
    node.bringUp.poke();
    const dump = other.engines.dump(other.control);
    const { appliedIndex } = dump;
    node.log.splice(0, node.log.length, { ...other.log.at(-1)!, index: 600 });
    await node.bringUp.hold(() => node.engines.restore(dump.records(), node.control, 600));
    dump.close();
    expect(appliedIndex).toBe(41);
    expectBoth(node, 41);
    expect(
      node.engines.active('v2').search({ text: 'snapshot', vector: null, limit: 1 }),
    ).toHaveLength(1);
    expect(node.pins).toBe(0);
  });
});

describe('after a rollback', () => {
  it('the node whose v1 store is missing answers when it is built, and keeps v2 until then', async () => {
    const node = await world();
    node.loseV1();
    node.restart(node.appliedIndex);
    node.write('in-1');
    node.control.rollout!.status = 'rolledBack';
    node.control.swarmVersion = 1;
    node.control.members.get(1)!.engine = 'v1';
    await node.engines.settle(node.control);
    expect(node.engines.versions()).toEqual(['v2']);
    // A crash in between finds the same situation.
    node.restart(node.appliedIndex);
    expect(node.engines.versions()).toEqual(['v2']);
    await node.built();
    node.write('after');
    await node.engines.settle(node.control);
    expect(node.engines.versions()).toEqual(['v1']);
    expect(contents(node.engines.active('v1')).size).toBe(42);
    expect(node.engines.v2Files.current()).toBeUndefined();
  });

  it('a v1 store is not taken for another that is missing without a v2 store', async () => {
    const node = await world('rolledBack');
    node.loseV1();
    await node.engines.v2Files.discardStores();
    expect(() => node.restart(node.appliedIndex)).toThrow(/memory\.db is missing\. Restore it/);
  });
});
