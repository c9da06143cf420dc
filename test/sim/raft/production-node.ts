/** The driver of production, told event by event what a node of a simulated group was told. */
import { expect, vi } from 'vitest';
import { defaultRaftConfig, foundingState } from '../../../consensus/raft/index.js';
import type { Message, RestoredState, SnapshotMeta } from '../../../consensus/raft/index.js';
import type { Command } from '../../../nodes/control-plane/command.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import { Driver } from '../../../nodes/driver.js';
import type { Engines } from '../../../nodes/engines.js';
import { TICK_MS } from '../../../nodes/limits.js';
import { Replica } from '../../../nodes/replica/replica.js';
import type { RaftLogStore } from '../../../nodes/storage/index.js';
import { encodeControlState } from '../../../nodes/wire/state-codec.js';
import { type Deed, NODES, RECORDED, configFields, deed, drawOf } from './recorded-node.js';
import { ScriptedStore } from './scripted-store.js';

/** Everything that is ready to run has run. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Commands of this test are the bytes of their entries. */
const codec = {
  encode: (command: Command) => (command as unknown as { bytes: Uint8Array }).bytes,
  decode: () => ({ type: 'closeSession', session: 1, owner: 'nobody' }) as unknown as Command,
};

const founders = Array.from({ length: NODES }, (_, at) => at + 1);

/** One life of the node: what a crash ends. */
interface Life {
  readonly store: ScriptedStore;
  readonly replica: Replica;
  readonly driver: Driver;
}

/** See the head of this file. */
export class ProductionNode {
  #life: Life;
  #sent: Message[] = [];
  readonly failures: unknown[] = [];
  installs = 0;

  constructor() {
    this.#life = this.#begin(foundingState(founders));
  }

  #begin(restored: RestoredState): Life {
    const config = defaultRaftConfig({
      id: RECORDED,
      random: () => drawOf(RECORDED),
      asyncStorageWrites: true,
      ...configFields,
    });
    const store = new ScriptedStore(restored);
    const time = { nowMs: () => 0, timeOfDayMs: () => 0, tickMs: TICK_MS };
    const replica = new Replica(config, restored, controlOf(founders), codec, time);
    const engines = { apply: () => [], appliedIndex: () => replica.appliedIndex };
    const isAlive = (): boolean => this.#life.store === store;
    const driver = new Driver(
      replica,
      store as unknown as RaftLogStore,
      engines as unknown as Engines,
      restored.snapshot?.index ?? 0,
      {
        send: (message) => {
          // The bytes of a snapshot travel otherwise, and are not compared.
          if (message.type !== 'snapshot') this.#sent.push(message);
        },
        install: (meta) => this.#install(meta),
        controlChanged: () => undefined,
        log: () => undefined,
        failed: (error) => {
          if (isAlive()) this.failures.push(error);
        },
      },
    );
    driver.start();
    return { store, replica, driver };
  }

  #install(_meta: SnapshotMeta): Promise<Uint8Array> {
    this.installs += 1;
    return Promise.resolve(encodeControlState(controlOf(founders)));
  }

  tick(): void {
    vi.advanceTimersByTime(TICK_MS);
  }

  receive(message: Message): void {
    this.#life.driver.receive(message);
  }

  reportSnapshot(peer: number, ok: boolean): void {
    this.#life.driver.reportSnapshot(peer, ok);
  }

  propose(bytes: Uint8Array): void {
    const command = { type: 'closeSession', bytes } as unknown as Command;
    // Refused where the other driver refuses it as well; who is answered what is not compared.
    this.#life.driver.propose(command).catch(() => undefined);
  }

  get isBusy(): boolean {
    return this.#life.store.isBusy;
  }

  synced(): void {
    this.#life.store.synced();
  }

  /** What a crash now would leave on the disk. */
  kept(): RestoredState {
    return this.#life.store.afterCrash();
  }

  /** The process is killed, and started again from what a disk has kept. */
  crashAndRestart(kept: RestoredState): void {
    // It never ends: nothing answers its writes any more.
    void this.#life.driver.stop();
    this.#sent = [];
    this.#life = this.#begin(kept);
  }

  async deed(): Promise<Deed> {
    await rest();
    this.#life.store.flush();
    const sent = this.#sent;
    this.#sent = [];
    return deed(sent, this.#life.replica.status());
  }

  /** Lets the disk finish all that is under way; returns what was done meanwhile. */
  async finishWrites(): Promise<Deed> {
    const sent: Message[] = [];
    let last = await this.deed();
    sent.push(...last.sent);
    while (this.isBusy) {
      this.synced();
      last = await this.deed();
      sent.push(...last.sent);
    }
    return { ...last, sent };
  }

  async stop(): Promise<void> {
    const stopped = this.#life.driver.stop();
    await this.finishWrites();
    await stopped;
    expect(this.isBusy).toBe(false);
  }
}

function controlOf(nodeIds: readonly number[]) {
  const swarm = { swarmId: 's', joinTokenHash: '', clientTokenHash: '', swarmVersion: 1 } as const;
  const control = newControlState({ ...swarm, peerId: 'p', host: 'h', port: 1 });
  const founder = control.members.get(1)!;
  for (const nodeId of nodeIds) control.members.set(nodeId, { ...founder, nodeId, status: 'up' });
  return control;
}
