import { NodeClock } from './clock.js';
import { SimulatedDisk } from './disk.js';
import type { MessageEvent, Telling, TickEvent } from './events.js';
import type { Link } from './link.js';
import { limits } from './limits.js';
import type { NodeProgram, Process } from './process.js';
import { RandomStream } from './random.js';
import { hashName, type HashedName } from './trace.js';

/** Where a node sends to: the direction, and who is at its end. */
export interface Route<Message, Value> {
  readonly link: Link;
  readonly target: NodeState<Message, Value>;
}

/** A sync under way. */
export interface Sync {
  readonly token: number;
  /** The place in the order of writes that it makes durable. */
  readonly syncPoint: number;
  dueMicroseconds: number;
}

/** What the world knows of a node. */
export class NodeState<Message, Value> {
  readonly name: HashedName;
  /** Runs from the next start on. */
  program: NodeProgram<Message, Value>;
  readonly disk: SimulatedDisk<Value>;
  readonly clock = new NodeClock();
  readonly random: RandomStream;
  readonly diskRandom: RandomStream;
  readonly diskFaultRandom: RandomStream;
  /** By the name of the receiver. */
  readonly routes = new Map<string, Route<Message, Value>>();
  /** Null before the start and while crashed. */
  process: Process<Message> | null = null;
  /** Counts the lives of the node: what was under way for an earlier life is dropped. */
  life = 0;
  isUp = false;
  isPaused = false;
  /** What a paused process has not been told yet. */
  readonly held: Telling<Message, Value>[] = [];
  heldMessages = 0;
  /** The running timer of each tag. */
  readonly timers = new Map<string, TickEvent<Message, Value>>();
  /** Syncs under way, in the order in which they began and finish. */
  readonly syncs: Sync[] = [];
  /** Counts how often the end of the first sync was planned. */
  syncPlan = 0;
  /** When the last sync begun will finish. */
  lastSyncMicroseconds = 0;
  diskStalledUntilMicroseconds = 0;
  /** What a slow reader takes for a message; 0 reads at once. */
  microsecondsPerMessage = 0;
  unreadMessagesMax: number = limits.messagesHeldPerNodeMax;
  /** Messages that a slow reader has not taken yet. */
  readonly unread: MessageEvent<Message, Value>[] = [];
  readsAgainMicroseconds = 0;

  constructor(name: string, program: NodeProgram<Message, Value>, seed: number) {
    this.name = hashName(name);
    this.program = program;
    this.disk = new SimulatedDisk<Value>(name);
    this.random = new RandomStream(seed, `node ${name}`);
    this.diskRandom = new RandomStream(seed, `disk ${name}`);
    this.diskFaultRandom = new RandomStream(seed, `disk faults ${name}`);
  }

  /** Forgets all that a process holds in memory. */
  forget(): void {
    this.process = null;
    this.isUp = false;
    this.isPaused = false;
    this.held.length = 0;
    this.heldMessages = 0;
    this.timers.clear();
    this.syncs.length = 0;
    this.lastSyncMicroseconds = 0;
    this.unread.length = 0;
    this.readsAgainMicroseconds = 0;
  }
}
