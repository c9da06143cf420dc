import { SimulatedDisk } from './disk.js';
import type { NodeProgram, Process } from './process.js';
import { RandomStream } from './random.js';

/** Something that a paused process has not been told yet. */
export type HeldEvent<Message> =
  | { readonly kind: 'message'; readonly from: string; readonly message: Message }
  | { readonly kind: 'tick'; readonly tag: string; readonly generation: number }
  | { readonly kind: 'disk-synced'; readonly token: number };

/** What the world knows of a node. */
export class NodeState<Message, Value> {
  readonly name: string;
  readonly program: NodeProgram<Message, Value>;
  readonly disk = new SimulatedDisk<Value>();
  readonly random: RandomStream;
  readonly diskRandom: RandomStream;
  /** Null before the start and while crashed. */
  process: Process<Message> | null = null;
  /** Counts the lives of the node: what was under way for an earlier life is dropped. */
  life = 0;
  isUp = false;
  isPaused = false;
  readonly held: HeldEvent<Message>[] = [];
  heldMessages = 0;
  /** The running timer of each tag, by the number that makes older ones stale. */
  readonly timers = new Map<string, number>();
  timerGeneration = 0;
  /** Syncs under way, in the order in which they began and finish. */
  readonly syncs: { readonly token: number; readonly syncPoint: number }[] = [];
  /** When the last sync begun will finish. */
  lastSyncMicroseconds = 0;
  diskStalledUntilMicroseconds = 0;

  constructor(name: string, program: NodeProgram<Message, Value>, seed: number) {
    this.name = name;
    this.program = program;
    this.random = new RandomStream(seed, `node ${name}`);
    this.diskRandom = new RandomStream(seed, `disk ${name}`);
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
  }
}
