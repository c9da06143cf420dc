/** What one node of a simulated group was told and what it did, event by event. */
import { type Message, type RaftStatus, defaultRaftConfig } from '../../../consensus/raft/index.js';
import type { Json } from '../../../sim/explore/plan.js';
import type { RaftMessage } from '../../../sim/raft/messages.js';
import { type StateMachine, raftPrograms } from '../../../sim/raft/index.js';
import type { RaftProcess } from '../../../sim/raft/raft-process.js';
import type { RaftValue } from '../../../sim/raft/stored.js';
import { type Context, RandomStream, World } from '../../../sim/world/index.js';

export const NODES = 3;
export const RECORDED = 1;
export const TICK_MICROSECONDS = 50_000;
/** Constant, so that it does not matter how often a driver draws. */
export const drawOf = (id: number): number => id / 4;

export const configFields = { electionTicks: 6, heartbeatTicks: 1, diskStallTicks: 8 } as const;

export type Happening =
  | { readonly kind: 'started' }
  | { readonly kind: 'tick' }
  | { readonly kind: 'message'; readonly message: Message }
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

export interface Recording {
  readonly happenings: Happening[];
  readonly deeds: Deed[];
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

/** Runs a group for a while under loss and partitions, with a client of every node. */
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
  const { first: program } = raftPrograms({
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
    compactionEntries: 1_000_000,
    trailingEntries: 0,
    applyMicroseconds: 0,
    usesCodec: false,
    distrustsDisk: false,
    preferredLeader: 0,
  });
  for (const [id, name] of names.entries()) {
    if (id === 0) continue;
    world.addNode(name, {
      start: (disk, context) => {
        const sent: Message[] = [];
        const process = program.start(disk, listening(context, id, sent)) as RaftProcess;
        if (id !== RECORDED) return process;
        const did = (happening: Happening): void => {
          recording.happenings.push(happening);
          recording.deeds.push(deed(sent.splice(0), process.node.status()));
        };
        // What the founding state costs is not part of the script: production founds before it starts.
        let isFounded = false;
        let lastAttempt = 0;
        // A request that the network doubles is taken once, as from a stream.
        const isNew = (message: RaftMessage): boolean => {
          if (message instanceof Uint8Array || message.type !== 'client-request') return true;
          const { attempt } = message;
          if (attempt <= lastAttempt) return false;
          lastAttempt = attempt;
          return true;
        };
        return {
          onTick: (tag) => {
            process.onTick(tag);
            did({ kind: 'tick' });
          },
          onMessage: (from, message) => {
            process.onMessage(from, message);
            const isMessage = !(message instanceof Uint8Array) && 'commit' in message;
            if (isMessage) did({ kind: 'message', message });
            else if (isNew(message)) did({ kind: 'proposal', data: proposalOf(from, message) });
          },
          onDiskSynced: (token) => {
            process.onDiskSynced(token);
            if (isFounded) did({ kind: 'synced' });
            else isFounded = recordedFounding(recording);
          },
        };
      },
    });
  }
  addWriter(world);
  disturb(world, seed);
  world.run({ untilMicroseconds: 20_000_000 });
  return recording;
}

/** The founding state takes two syncs: its snapshot, then its mark and hard state. */
function recordedFounding(recording: Recording): boolean {
  recording.happenings.push({ kind: 'started' });
  recording.deeds.push({
    sent: [],
    term: 1,
    role: 'follower',
    commit: 1,
    applied: 1,
    lastIndex: 1,
  });
  return recording.happenings.filter(({ kind }) => kind === 'started').length === 2;
}

function listening(
  context: Context<RaftMessage, RaftValue>,
  id: number,
  sent: Message[],
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
    sync: (token) => context.sync(token),
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

/** Isolates one node after the other, the recorded one most of all, and stalls its disk once. */
function disturb(world: World<RaftMessage, RaftValue>, seed: number): void {
  const random = new RandomStream(seed, 'disturb');
  for (let second = 2; second < 18; second += 3) {
    const name = random.chance(0.6) ? 'node-1' : random.pick(names.slice(1));
    const at = second * 1_000_000;
    world.at(at, 'isolate', () => world.network.isolate(name, names.slice(1)));
    world.at(at + 1_500_000, 'heal', () => world.network.heal());
  }
  const stallAt = random.integer(4, 15) * 1_000_000;
  world.at(stallAt, 'stall', () => world.stallDisk('node-1', 700_000));
}
