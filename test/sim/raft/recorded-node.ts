/** What one node of a simulated group was told and what it did, event by event. */
import {
  type Message,
  type RaftStatus,
  type RestoredState,
  defaultRaftConfig,
} from '../../../consensus/raft/index.js';
import type { Json } from '../../../sim/explore/plan.js';
import type { RaftMessage } from '../../../sim/raft/messages.js';
import { type StateMachine, raftPrograms } from '../../../sim/raft/index.js';
import { RaftObserver } from '../../../sim/raft/observer.js';
import type { RaftProcess } from '../../../sim/raft/raft-process.js';
import type { RaftValue } from '../../../sim/raft/stored.js';
import {
  type Context,
  type NodeProgram,
  type Process,
  RandomStream,
  World,
} from '../../../sim/world/index.js';

export const NODES = 3;
export const RECORDED = 1;
export const TICK_MICROSECONDS = 50_000;
/** Constant, so that it does not matter how often a driver draws. */
export const drawOf = (id: number): number => id / 4;

export const configFields = { electionTicks: 6, heartbeatTicks: 1, diskStallTicks: 8 } as const;

export type Happening =
  | { readonly kind: 'started' }
  /** After a crash, from what the disk has kept. */
  | { readonly kind: 'restarted'; readonly restored: RestoredState }
  | { readonly kind: 'tick' }
  | { readonly kind: 'message'; readonly message: Message }
  /** What became of a snapshot that this node sent. */
  | { readonly kind: 'report'; readonly peer: number; readonly ok: boolean }
  | { readonly kind: 'proposal'; readonly data: Uint8Array }
  | { readonly kind: 'synced' };

/** What a driver did because of one happening, and how its node stood afterwards. */
export interface Deed {
  readonly sent: readonly Message[];
  readonly term: number;
  readonly role: string;
  readonly commit: number;
  readonly applied: number;
  readonly lastIndex: number;
}

export function deed(sent: readonly Message[], status: RaftStatus): Deed {
  const { term, role, commit, applied, lastIndex } = status;
  return { sent, term, role, commit, applied, lastIndex };
}

/** A deed of the simulated node, and whether nothing waited for its disk then. */
export type RecordedDeed = Deed & { readonly isIdle: boolean };

export interface Recording {
  readonly happenings: Happening[];
  readonly deeds: RecordedDeed[];
}

class Nothing implements StateMachine {
  apply(): Json {
    return null;
  }

  read(): Json {
    return null;
  }

  snapshot(): Json {
    return null;
  }

  restore(): void {
    // There is no state.
  }
}

const names = ['', ...Array.from({ length: NODES }, (_, at) => `node-${at + 1}`)];
const encoder = new TextEncoder();
/** Entries after which the other nodes forget their log: less than they take while one is away. */
const COMPACTION_ENTRIES = 5;

type Start = NodeProgram<RaftMessage, RaftValue>['start'];

/** Runs a group for a while under loss, partitions and crashes, with a client of every node. */
export function record(seed: number): Recording {
  const recording: Recording = { happenings: [], deeds: [] };
  const world = new World<RaftMessage, RaftValue>({
    seed,
    network: {
      delay: { kind: 'uniform', minimumMicroseconds: 500, maximumMicroseconds: 30_000 },
      lossProbability: 0.03,
      duplicationProbability: 0.03,
      reorderingProbability: 0.2,
    },
    disk: {
      syncDelay: { kind: 'uniform', minimumMicroseconds: 500, maximumMicroseconds: 40_000 },
      crashLoss: 'all-unsynced',
    },
  });
  const others = programOf(COMPACTION_ENTRIES);
  const recorder = new Recorder(recording);
  for (const [id, name] of names.entries()) {
    if (id === RECORDED) world.addNode(name, { start: (...on) => recorder.start(...on) });
    else if (id > 0) {
      const start: Start = (disk, context) => others.start(disk, listening(context, id, []));
      world.addNode(name, { start });
    }
  }
  addWriter(world);
  disturb(world, seed);
  world.run({ untilMicroseconds: 20_000_000 });
  return recording;
}

/** `compactionEntries` after which a node keeps a snapshot in place of its log. */
function programOf(
  compactionEntries: number,
  observer?: RaftObserver,
): NodeProgram<RaftMessage, RaftValue> {
  const { first } = raftPrograms({
    names,
    founders: [1, 2, 3],
    config: defaultRaftConfig({
      id: 1,
      random: () => 0,
      asyncStorageWrites: true,
      ...configFields,
    }),
    machine: () => new Nothing(),
    tickMicroseconds: TICK_MICROSECONDS,
    compactionEntries,
    trailingEntries: 0,
    applyMicroseconds: 0,
    usesCodec: false,
    distrustsDisk: false,
    preferredLeader: 0,
    ...(observer && { observer }),
  });
  return first;
}

/** Writes down what the recorded node is told and does, over its restarts. */
class Recorder {
  readonly #recording: Recording;
  readonly #program: NodeProgram<RaftMessage, RaftValue>;
  /**
   * What the founding state costs is not part of the script: production founds before it starts. It
   * takes two syncs, of its snapshot, and of its mark and hard state.
   */
  #foundingSyncs = 0;
  #lastAttempt = 0;
  /** What the node began with, by start. */
  readonly #starts: RestoredState[] = [];

  constructor(recording: Recording) {
    this.#recording = recording;
    const starts = this.#starts;
    const observer = new (class extends RaftObserver {
      override started(node: number, restored: RestoredState): void {
        super.started(node, restored);
        starts.push(restored);
      }
    })();
    this.#program = programOf(1_000_000, observer);
  }

  start(...[disk, context]: Parameters<Start>): Process<RaftMessage> {
    const sent: Message[] = [];
    let syncsUnderWay = 0;
    const counted = listening(context, RECORDED, sent, () => {
      syncsUnderWay += 1;
    });
    const process = this.#program.start(disk, counted) as RaftProcess;
    const did = (happening: Happening): void => {
      this.#recording.happenings.push(happening);
      const isIdle = syncsUnderWay === 0;
      this.#recording.deeds.push({ ...deed(sent.splice(0), process.node.status()), isIdle });
    };
    const restored = this.#starts.at(-1) as RestoredState;
    if (this.#starts.length > 1) did({ kind: 'restarted', restored });
    return {
      onTick: (tag) => {
        process.onTick(tag);
        did({ kind: 'tick' });
      },
      onMessage: (from, message) => {
        process.onMessage(from, message);
        const happening = this.#happeningOf(from, message);
        if (happening !== undefined) did(happening);
      },
      onDiskSynced: (token) => {
        syncsUnderWay -= 1;
        process.onDiskSynced(token);
        if (this.#foundingSyncs >= 2) did({ kind: 'synced' });
        else {
          this.#foundingSyncs += 1;
          did({ kind: 'started' });
        }
      },
    };
  }

  #happeningOf(from: string, message: RaftMessage): Happening | undefined {
    if (message instanceof Uint8Array) return undefined;
    if ('commit' in message) return { kind: 'message', message };
    switch (message.type) {
      case 'snapshot-transfer':
        return { kind: 'message', message: message.message };
      case 'snapshot-arrived':
        return { kind: 'report', peer: names.indexOf(from), ok: true };
      case 'client-request': {
        // A request that the network doubles is taken once, as from a stream.
        if (message.attempt <= this.#lastAttempt) return undefined;
        this.#lastAttempt = message.attempt;
        return { kind: 'proposal', data: proposalOf(from, message) };
      }
      default:
        return undefined;
    }
  }
}

function listening(
  context: Context<RaftMessage, RaftValue>,
  id: number,
  sent: Message[],
  onSync: () => void = () => undefined,
): Context<RaftMessage, RaftValue> {
  return {
    name: context.name,
    get nowMicroseconds() {
      return context.nowMicroseconds;
    },
    get clockMicroseconds() {
      return context.clockMicroseconds;
    },
    get wallMicroseconds() {
      return context.wallMicroseconds;
    },
    random: () => drawOf(id),
    send: (to, message) => {
      if (!(message instanceof Uint8Array) && 'commit' in message) sent.push(message);
      context.send(to, message);
    },
    setTimer: (delay, tag) => context.setTimer(delay, tag),
    clearTimer: (tag) => context.clearTimer(tag),
    write: (key, value) => context.write(key, value),
    sync: (token) => {
      onSync();
      context.sync(token);
    },
  };
}

function proposalOf(from: string, message: RaftMessage): Uint8Array {
  if (message instanceof Uint8Array || message.type !== 'client-request') {
    throw new Error('the writer sends requests only');
  }
  if (message.ask.kind !== 'write') throw new Error('the writer only writes');
  return encoder.encode(JSON.stringify([from, message.sequence, message.ask.operation]));
}

/** Writes to every node every now and then; who does not lead refuses. */
function addWriter(world: World<RaftMessage, RaftValue>): void {
  world.addNode('writer', {
    start: (_disk, context) => {
      let attempt = 0;
      context.setTimer(100_000, 'write');
      return {
        onMessage: () => undefined,
        onDiskSynced: () => undefined,
        onTick: () => {
          for (const to of names.slice(1)) {
            attempt += 1;
            const ask = { kind: 'write', operation: attempt } as const;
            context.send(to, { type: 'client-request', attempt, sequence: 0, ask });
          }
          context.setTimer(Math.floor(context.random() * 200_000), 'write');
        },
      };
    },
  });
}

/**
 * Isolates one node after the other, the recorded one most of all, stalls its disk once, and lets it
 * crash now and then, sometimes while it is isolated or in the middle of its writes.
 */
function disturb(world: World<RaftMessage, RaftValue>, seed: number): void {
  const random = new RandomStream(seed, 'disturb');
  for (let second = 2; second < 18; second += 3) {
    const name = random.chance(0.6) ? 'node-1' : random.pick(names.slice(1));
    const at = second * 1_000_000;
    world.at(at, 'isolate', () => world.network.isolate(name, names.slice(1)));
    world.at(at + 1_500_000, 'heal', () => world.network.heal());
  }
  for (let second = 3; second < 18; second += 4) {
    const at = second * 1_000_000 + random.integer(0, 1_500_000);
    world.at(at, 'crash', () => world.crash('node-1'));
    const restartAt = at + random.integer(100_000, 2_000_000);
    world.at(restartAt, 'restart', () => world.restart('node-1'));
  }
  const stallAt = random.integer(4, 15) * 1_000_000;
  world.at(stallAt, 'stall', () => world.stallDisk('node-1', 700_000));
}
