import type { CrashLoss, DiskView } from './disk.js';
import { assert, SimulationError } from './errors.js';
import { EventHeap } from './event-heap.js';
import { limits } from './limits.js';
import { checkDelay, drawDelay, Network, reliableNetwork } from './network.js';
import type { Delay, NetworkOptions } from './network.js';
import { NodeState, type HeldEvent } from './node-state.js';
import type { Context, NodeProgram } from './process.js';
import { RandomStream } from './random.js';
import { Trace, type EventKind, type TracedEvent } from './trace.js';

/** How the disks of a world behave. */
export interface DiskOptions {
  readonly syncDelay: Delay;
  readonly crashLoss: CrashLoss;
}

/** How a world begins. The seed decides everything else. */
export interface WorldOptions<Message> {
  readonly seed: number;
  readonly network?: NetworkOptions;
  readonly disk?: DiskOptions;
  /**
   * What of a message enters the trace hash. Without it strings, numbers and bytes enter whole, of
   * other values only their arrival.
   */
  readonly digest?: (message: Message) => string | number | Uint8Array;
}

/** When to stop a run; the first that holds does. */
export interface RunOptions {
  /** Events up to and with this time happen, and the clock then stands at it. */
  readonly untilMicroseconds?: number;
  readonly eventsMax?: number;
  /** Asked after every event. */
  readonly until?: () => boolean;
}

/** Why a run ended: nothing left to do, the time, the number of events, or the condition. */
export type RunEnd = 'idle' | 'time' | 'events' | 'condition';

type WorldEvent<Message> =
  | { readonly kind: 'start'; readonly node: string; readonly life: number }
  | {
      readonly kind: 'message';
      readonly from: string;
      readonly node: string;
      readonly message: Message;
    }
  | {
      readonly kind: 'tick';
      readonly node: string;
      readonly life: number;
      readonly tag: string;
      readonly generation: number;
    }
  | {
      readonly kind: 'disk-synced';
      readonly node: string;
      readonly life: number;
    }
  | { readonly kind: 'action'; readonly node: string; readonly run: () => void };

const usualDisk: DiskOptions = {
  syncDelay: { kind: 'uniform', minimumMicroseconds: 50, maximumMicroseconds: 2000 },
  crashLoss: 'random-suffix',
};

/**
 * A whole swarm in one thread: nodes, their network and their disks, driven by a heap of events.
 * Nothing in it depends on anything but the seed and the order of the calls made on it.
 *
 *     addNode --> up <--resume-- paused
 *                 | ^ --pause-->    |
 *           crash | | restart       | crash
 *                 v |               |
 *                down <-------------+
 */
export class World<Message, Value = Uint8Array> {
  readonly seed: number;
  readonly network: Network;
  readonly #disk: DiskOptions;
  readonly #digest: ((message: Message) => string | number | Uint8Array) | undefined;
  readonly #heap = new EventHeap<WorldEvent<Message>>();
  readonly #nodes = new Map<string, NodeState<Message, Value>>();
  readonly #trace = new Trace();
  #now = 0;

  constructor(options: WorldOptions<Message>) {
    this.seed = options.seed;
    this.network = new Network(
      options.network ?? reliableNetwork,
      new RandomStream(options.seed, 'network'),
    );
    this.#disk = options.disk ?? usualDisk;
    checkDelay(this.#disk.syncDelay);
    this.#digest = options.digest;
  }

  get nowMicroseconds(): number {
    return this.#now;
  }

  /** Events that have happened. */
  get events(): number {
    return this.#trace.events;
  }

  /** Equal for two runs exactly when the same events happened at the same times. */
  get traceHash(): string {
    return this.#trace.hash;
  }

  /** The last events, oldest first, to be printed when a run fails. */
  recentEvents(): TracedEvent[] {
    return this.#trace.recent();
  }

  /** Names of all nodes, up or down, in the order in which they were added. */
  get nodeNames(): string[] {
    return [...this.#nodes.keys()];
  }

  isUp(name: string): boolean {
    return this.#node(name).isUp;
  }

  isPaused(name: string): boolean {
    return this.#node(name).isPaused;
  }

  /** What the node would read from its disk now. */
  diskOf(name: string): DiskView<Value> {
    return this.#node(name).disk;
  }

  /** A stream of random numbers for a workload or a scenario, apart from all others. */
  randomStream(name: string): RandomStream {
    return new RandomStream(this.seed, `stream ${name}`);
  }

  /** Adds a node; its program starts as the next event of this moment. */
  addNode(name: string, program: NodeProgram<Message, Value>): void {
    if (this.#nodes.has(name)) {
      throw new SimulationError('node-exists', `there is a node named ${name} already`);
    }
    if (this.#nodes.size >= limits.nodesMax) {
      throw new SimulationError('limit-exceeded', `a world has at most ${limits.nodesMax} nodes`);
    }
    const node = new NodeState<Message, Value>(name, program, this.seed);
    this.#nodes.set(name, node);
    this.#boot(node);
  }

  /** Plans an action of the scenario: a fault, a check, a call into a process. */
  at(timeMicroseconds: number, name: string, action: () => void): void {
    const time = Math.max(timeMicroseconds, this.#now);
    this.#push(time, { kind: 'action', node: name, run: action });
  }

  /** The process dies, and with it what its disk had not synced. Nothing when it is down. */
  crash(name: string): void {
    const node = this.#node(name);
    if (!node.isUp) return;
    node.forget();
    node.life += 1;
    node.disk.crash(this.#disk.crashLoss, node.diskRandom);
    this.#record('crash', name, '', null);
  }

  /** Starts a crashed node from its disk. Nothing when it is up. */
  restart(name: string): void {
    const node = this.#node(name);
    if (!node.isUp) this.#boot(node);
  }

  /** Crashes a node and replaces its disk by an empty one. */
  wipe(name: string): void {
    this.crash(name);
    this.#node(name).disk.wipe();
  }

  /** Stops the process as SIGSTOP does: what arrives waits. Nothing when it is down. */
  pause(name: string): void {
    const node = this.#node(name);
    if (!node.isUp || node.isPaused) return;
    node.isPaused = true;
    this.#record('pause', name, '', null);
  }

  /** Lets a paused process go on; it is told at once what waited. */
  resume(name: string): void {
    const node = this.#node(name);
    if (!node.isPaused) return;
    node.isPaused = false;
    this.#record('resume', name, '', null);
    const held = node.held.splice(0);
    node.heldMessages = 0;
    const life = node.life;
    for (const event of held) if (node.life === life) this.#tell(node, event);
  }

  /** Syncs of this node that are not finished yet finish after this time at the earliest. */
  stallDisk(name: string, durationMicroseconds: number): void {
    const node = this.#node(name);
    const until = this.#now + durationMicroseconds;
    node.diskStalledUntilMicroseconds = Math.max(node.diskStalledUntilMicroseconds, until);
  }

  /** Lets events happen until one of the ends given. */
  run(options: RunOptions = {}): RunEnd {
    const { untilMicroseconds = Infinity, eventsMax = Infinity, until } = options;
    const last = this.#trace.events + eventsMax;
    for (;;) {
      if (this.#heap.size === 0) {
        if (untilMicroseconds !== Infinity) this.#now = Math.max(this.#now, untilMicroseconds);
        return 'idle';
      }
      if (this.#heap.nextMicroseconds > untilMicroseconds) {
        this.#now = Math.max(this.#now, untilMicroseconds);
        return 'time';
      }
      if (this.#trace.events >= last) return 'events';
      this.#step();
      if (until?.() === true) return 'condition';
    }
  }

  #step(): void {
    const time = this.#heap.nextMicroseconds;
    const event = this.#heap.pop()!;
    assert(time >= this.#now, 'time does not go back');
    this.#now = time;
    if (event.kind === 'action') {
      this.#record('action', event.node, '', null);
      event.run();
      return;
    }
    const node = this.#node(event.node);
    if (event.kind === 'message') {
      if (event.from !== node.name && this.network.isBlocked(event.from, node.name)) return;
      this.#deliver(node, { kind: 'message', from: event.from, message: event.message });
      return;
    }
    if (event.life !== node.life) return;
    if (event.kind === 'start') this.#start(node);
    else if (event.kind === 'tick') this.#deliver(node, event);
    else this.#finishSync(node, event);
  }

  #finishSync(
    node: NodeState<Message, Value>,
    event: WorldEvent<Message> & { readonly kind: 'disk-synced' },
  ): void {
    if (this.#now < node.diskStalledUntilMicroseconds) {
      node.lastSyncMicroseconds = node.diskStalledUntilMicroseconds;
      this.#push(node.diskStalledUntilMicroseconds, event);
      return;
    }
    const sync = node.syncs.shift();
    assert(sync !== undefined, 'a sync that finishes has begun');
    // The kernel writes even while the process stands still.
    node.disk.finishSync(sync.syncPoint);
    this.#deliver(node, { kind: 'disk-synced', token: sync.token });
  }

  #deliver(node: NodeState<Message, Value>, event: HeldEvent<Message>): void {
    if (node.process === null) return;
    if (!node.isPaused) {
      this.#tell(node, event);
      return;
    }
    if (event.kind === 'message') {
      if (node.heldMessages >= limits.messagesHeldPerNodeMax) return;
      node.heldMessages += 1;
    }
    node.held.push(event);
  }

  #tell(node: NodeState<Message, Value>, event: HeldEvent<Message>): void {
    const process = node.process;
    if (process === null) return;
    if (event.kind === 'tick') {
      if (node.timers.get(event.tag) !== event.generation) return;
      node.timers.delete(event.tag);
      this.#record('tick', node.name, event.tag, null);
      this.#guard(node, () => process.onTick(event.tag));
    } else if (event.kind === 'message') {
      this.#record('message', node.name, event.from, this.#digestOf(event.message));
      this.#guard(node, () => process.onMessage(event.from, event.message));
    } else {
      this.#record('disk-synced', node.name, '', event.token);
      this.#guard(node, () => process.onDiskSynced(event.token));
    }
  }

  #guard(node: NodeState<Message, Value>, call: () => void): void {
    try {
      call();
    } catch (error) {
      if (error instanceof SimulationError && error.code === 'process-failed') throw error;
      const what = error instanceof Error ? error.message : String(error);
      throw new SimulationError(
        'process-failed',
        `seed ${this.seed}: ${node.name} failed at ${this.#now} us, ` +
          `after ${this.#trace.events} events: ${what}`,
        { cause: error },
      );
    }
  }

  #boot(node: NodeState<Message, Value>): void {
    node.isUp = true;
    this.#push(this.#now, { kind: 'start', node: node.name, life: node.life });
  }

  #start(node: NodeState<Message, Value>): void {
    this.#record('start', node.name, '', null);
    const context = this.#contextFor(node);
    this.#guard(node, () => {
      node.process = node.program.start(node.disk, context);
    });
  }

  #contextFor(node: NodeState<Message, Value>): Context<Message, Value> {
    const now = (): number => this.#now;
    const life = node.life;
    const alive = (): void =>
      assert(node.isUp && node.life === life, `${node.name} acts only while its process lives`);
    return {
      name: node.name,
      get nowMicroseconds() {
        return now();
      },
      random: () => node.random.fraction(),
      send: (to, message) => {
        alive();
        this.#send(node.name, to, message);
      },
      setTimer: (delayMicroseconds, tag) => {
        alive();
        this.#setTimer(node, delayMicroseconds, tag);
      },
      clearTimer: (tag) => {
        node.timers.delete(tag);
      },
      write: (key, value) => {
        alive();
        node.disk.write(key, value);
      },
      sync: (token) => {
        alive();
        this.#sync(node, token);
      },
    };
  }

  #send(from: string, to: string, message: Message): void {
    this.#node(to);
    const kept =
      message instanceof Uint8Array ? (message.slice() as Message & Uint8Array) : message;
    const arrivals = from === to ? [this.#now] : this.network.arrivals(from, to, this.#now);
    for (const time of arrivals) {
      this.#push(time, { kind: 'message', from, node: to, message: kept });
    }
  }

  #setTimer(node: NodeState<Message, Value>, delayMicroseconds: number, tag: string): void {
    assert(
      Number.isSafeInteger(delayMicroseconds) && delayMicroseconds >= 0,
      'a timer has a delay in whole microseconds',
    );
    if (node.timers.size >= limits.timersPerNodeMax && !node.timers.has(tag)) {
      throw new SimulationError('limit-exceeded', `${node.name} has too many timers`);
    }
    const generation = ++node.timerGeneration;
    node.timers.set(tag, generation);
    const { name, life } = node;
    this.#push(this.#now + delayMicroseconds, { kind: 'tick', node: name, life, tag, generation });
  }

  #sync(node: NodeState<Message, Value>, token: number): void {
    const drawn = this.#now + drawDelay(this.#disk.syncDelay, node.diskRandom);
    const finish = Math.max(drawn, node.lastSyncMicroseconds, node.diskStalledUntilMicroseconds);
    node.lastSyncMicroseconds = finish;
    node.syncs.push({ token, syncPoint: node.disk.syncPoint });
    this.#push(finish, { kind: 'disk-synced', node: node.name, life: node.life });
  }

  #push(timeMicroseconds: number, event: WorldEvent<Message>): void {
    assert(timeMicroseconds <= limits.timeMicrosecondsMax, 'simulated time stays a whole number');
    if (this.#heap.size >= limits.eventsPendingMax) {
      throw new SimulationError(
        'limit-exceeded',
        `${this.#heap.size} events wait at ${this.#now} us; a process sends or sets without end`,
      );
    }
    this.#heap.push(timeMicroseconds, event);
  }

  #record(
    kind: EventKind,
    node: string,
    detail: string,
    digest: string | number | Uint8Array | null,
  ): void {
    this.#trace.record({ timeMicroseconds: this.#now, kind, node, detail }, digest);
  }

  #digestOf(message: Message): string | number | Uint8Array | null {
    if (this.#digest !== undefined) return this.#digest(message);
    if (typeof message === 'string' || typeof message === 'number') return message;
    return message instanceof Uint8Array ? message : null;
  }

  #node(name: string): NodeState<Message, Value> {
    const node = this.#nodes.get(name);
    if (node === undefined) {
      throw new SimulationError('unknown-node', `there is no node named ${name} in this world`);
    }
    return node;
  }
}
