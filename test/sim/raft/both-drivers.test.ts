/**
 * One script through both drivers. A simulated group runs under loss, partitions and a stalled disk;
 * everything that one of its nodes was told is then told to the driver of production
 * (`nodes/driver.ts`, with its `LogWrites`), event by event. Both must send the same messages, and
 * have the same term, role, commit and log after each event.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultRaftConfig, foundingState } from '../../../consensus/raft/index.js';
import type { Message } from '../../../consensus/raft/index.js';
import type { Command } from '../../../nodes/control-plane/command.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import { Driver } from '../../../nodes/driver.js';
import type { Engines } from '../../../nodes/engines.js';
import { TICK_MS } from '../../../nodes/limits.js';
import { Replica } from '../../../nodes/replica/replica.js';
import type { LogWrite, RaftLogStore } from '../../../nodes/storage/index.js';
import { WriteParts } from '../../../nodes/storage/write-parts.js';
import { type Deed, NODES, RECORDED, configFields, deed, drawOf, record } from './recorded-node.js';
import { seedOfTest } from './seed.js';

/** A store that makes one batch durable whenever it is told to, as the log writer does by itself. */
class ScriptedStore {
  readonly #parts = new WriteParts({ term: 1, vote: 0, commit: 1 });
  #waiting: (() => void)[] = [];
  #batch: (() => void)[] = [];

  append(write: LogWrite): Promise<void> {
    if (this.#parts.of(write) === null) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  get isBusy(): boolean {
    return this.#batch.length > 0;
  }

  /** What waits is written, unless a batch is on its way. */
  flush(): void {
    if (this.#batch.length > 0) return;
    this.#batch = this.#waiting;
    this.#waiting = [];
  }

  synced(): void {
    expect(this.#batch.length, 'a sync is under way').toBeGreaterThan(0);
    const batch = this.#batch;
    this.#batch = [];
    for (const resolve of batch) resolve();
  }
}

/** Everything that is ready to run has run. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Commands of this test are the bytes of their entries. */
const codec = {
  encode: (command: Command) => (command as unknown as { bytes: Uint8Array }).bytes,
  decode: () => ({ type: 'closeSession', session: 1, owner: 'nobody' }) as unknown as Command,
};

class ProductionNode {
  readonly #store = new ScriptedStore();
  readonly #replica: Replica;
  readonly #driver: Driver;
  #sent: Message[] = [];
  readonly failures: unknown[] = [];

  constructor() {
    const config = defaultRaftConfig({
      id: RECORDED,
      random: () => drawOf(RECORDED),
      asyncStorageWrites: true,
      ...configFields,
    });
    const founders = Array.from({ length: NODES }, (_, at) => at + 1);
    const time = { nowMs: () => 0, tickMs: TICK_MS };
    const restored = foundingState(founders);
    this.#replica = new Replica(config, restored, controlOf(founders), codec, time);
    const engines = { apply: () => [], appliedIndex: () => this.#replica.appliedIndex };
    this.#driver = new Driver(
      this.#replica,
      this.#store as unknown as RaftLogStore,
      engines as unknown as Engines,
      1,
      {
        send: (message) => this.#sent.push(message),
        install: () => Promise.reject(new Error('no snapshot is sent in this test')),
        controlChanged: () => undefined,
        failed: (error) => this.failures.push(error),
      },
    );
    this.#driver.start();
  }

  tick(): void {
    vi.advanceTimersByTime(TICK_MS);
  }

  receive(message: Message): void {
    this.#driver.receive(message);
  }

  propose(bytes: Uint8Array): void {
    const command = { type: 'closeSession', bytes } as unknown as Command;
    // Refused where the other driver refuses it as well; who is answered what is not compared.
    this.#driver.propose(command).catch(() => undefined);
  }

  synced(): void {
    this.#store.synced();
  }

  async deed(): Promise<Deed> {
    await rest();
    this.#store.flush();
    const sent = this.#sent;
    this.#sent = [];
    return deed(sent, this.#replica.status());
  }

  async stop(): Promise<void> {
    const stopped = this.#driver.stop();
    // It waits for the writes that are under way.
    while (this.#store.isBusy) {
      this.#store.synced();
      await rest();
      this.#store.flush();
    }
    await stopped;
  }
}

function controlOf(nodeIds: readonly number[]) {
  const swarm = { swarmId: 's', joinTokenHash: '', clientTokenHash: '', swarmVersion: 1 } as const;
  const control = newControlState({ ...swarm, peerId: 'p', host: 'h', port: 1 });
  const founder = control.members.get(1)!;
  for (const nodeId of nodeIds) control.members.set(nodeId, { ...founder, nodeId, status: 'up' });
  return control;
}

describe('one script through both drivers', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  const firstSeed = seedOfTest();
  const seeds = [firstSeed, firstSeed + 1, firstSeed + 2];

  it.each(seeds)('gives the same messages, terms and commits, SEED=%i', async (seed) => {
    const { happenings, deeds } = record(seed);
    const node = new ProductionNode();
    const roles = new Set<string>();
    let messages = 0;
    for (const [at, happening] of happenings.entries()) {
      if (happening.kind === 'started') continue;
      if (happening.kind === 'tick') node.tick();
      else if (happening.kind === 'message') node.receive(happening.message);
      else if (happening.kind === 'proposal') node.propose(happening.data);
      else node.synced();
      const expected = deeds[at]!;
      const told = await node.deed();
      expect(node.failures).toEqual([]);
      expect(told, `event ${at}, ${happening.kind}`).toEqual(expected);
      roles.add(told.role);
      messages += told.sent.length;
    }
    expect([...roles].sort()).toContain('precandidate');
    expect(deeds.at(-1)!.commit).toBeGreaterThan(10);
    expect(messages).toBeGreaterThan(200);
    await node.stop();
  });
});
