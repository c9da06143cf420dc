import { defaultRaftConfig, foundingState } from '../../../consensus/raft/index.js';
import type { Message } from '../../../consensus/raft/index.js';
import type { Command } from '../../../nodes/control-plane/command.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import { Driver } from '../../../nodes/driver.js';
import { Engines } from '../../../nodes/engines.js';
import {
  DISK_STALL_TICKS,
  ELECTION_TICKS,
  HEARTBEAT_TICKS,
  TICK_MS,
} from '../../../nodes/limits.js';
import { Replica } from '../../../nodes/replica/replica.js';
import { RaftLogStore } from '../../../nodes/storage/index.js';
import { decodeCommand, encodeCommand } from '../../../nodes/wire/command-codec.js';
import { encodeControlState } from '../../../nodes/wire/state-codec.js';
import { ModelEngine, emptyContent } from '../../../sim/scenarios/model-engine.js';
import { until } from '../../waiting.js';
import { MemoryDisk } from '../storage/memory-disk.js';

const IDS = [1, 2, 3];

/** One node: the driver of production on a disk in memory. */
export interface Host {
  readonly id: number;
  readonly disk: MemoryDisk;
  readonly replica: Replica;
  readonly driver: Driver;
  readonly errors: unknown[];
  /** Kinds of messages that it has sent. */
  readonly sent: string[];
  /** Lets all syncs of its disk hang until the returned function is called. */
  hang(): () => void;
}

/** Three drivers in one process, in real time. Messages arrive at once, but for those cut off. */
export class Trio {
  readonly hosts: Host[] = [];
  /** Answered for each message; true drops it. */
  drops: (message: Message) => boolean = () => false;

  static async start(): Promise<Trio> {
    const trio = new Trio();
    for (const id of IDS) trio.hosts.push(await trio.#host(id));
    for (const { driver } of trio.hosts) driver.start();
    return trio;
  }

  async #host(id: number): Promise<Host> {
    const control = newControlState({
      swarmId: 'trio',
      joinTokenHash: '',
      clientTokenHash: '',
      swarmVersion: 1,
      peerId: 'peer-1',
      host: 'host',
      port: 1,
    });
    for (const nodeId of IDS) {
      const founder = control.members.get(1)!;
      control.members.set(nodeId, { ...founder, nodeId, peerId: `peer-${nodeId}`, status: 'up' });
    }
    const disk = new MemoryDisk();
    const { store } = await RaftLogStore.open('/raft', { clusterId: 'trio', disk });
    const founding = foundingState(IDS);
    await store.saveSnapshot(founding.snapshot!, encodeControlState(control));
    await store.append({ hardState: founding.hardState, entries: [] });
    const config = defaultRaftConfig({
      id,
      // Node 1 campaigns first.
      random: () => (id - 1) / IDS.length,
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: HEARTBEAT_TICKS,
      asyncStorageWrites: true,
      diskStallTicks: DISK_STALL_TICKS,
    });
    const codec = { encode: encodeCommand, decode: decodeCommand };
    const time = {
      nowMs: () => performance.now(),
      timeOfDayMs: () => Date.now(),
      tickMs: TICK_MS,
    };
    const replica = new Replica(config, founding, control, codec, time);
    const engines = new Engines();
    engines.add(new ModelEngine('v1', emptyContent(1)));
    const errors: unknown[] = [];
    const sent: string[] = [];
    const driver = new Driver(replica, store, engines, 1, {
      send: (message) => {
        sent.push(message.type);
        if (!this.drops(message)) this.hosts[message.to - 1]?.driver.receive(message);
      },
      install: () => Promise.reject(new Error('no snapshot is sent here')),
      controlChanged: () => {},
      log: () => {},
      failed: (error) => errors.push(error),
    });
    const hang = (): (() => void) => {
      let release = (): void => {};
      const hanging = new Promise<void>((resolve) => {
        release = resolve;
      });
      disk.syncDelay = () => hanging;
      return () => {
        disk.syncDelay = () => Promise.resolve();
        release();
      };
    };
    return { id, disk, replica, driver, errors, sent, hang };
  }

  async leader(): Promise<Host> {
    return until('one leads', () =>
      this.hosts.find(({ replica }) => replica.status().role === 'leader'),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.hosts.map(({ driver }) => driver.stop()));
  }
}

/** A command that changes the control state and nothing else. */
export const OPEN_SESSION: Command = { type: 'openSession', owner: 'client' };
