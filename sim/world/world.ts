import type { DamageGate } from './damage.js';
import { NodeContext, type Hands } from './context.js';
import { checkDelay } from './delay.js';
import type { DiskFaults, DiskView } from './disk.js';
import { assert, SimulationError } from './errors.js';
import type { WorldEvent } from './events.js';
import { Host } from './host.js';
import { limits } from './limits.js';
import { reliableNetwork, type Link } from './link.js';
import { Network } from './network.js';
import { NodeState, type Route } from './node.js';
import type { WorldObserver } from './observer.js';
import { usualDisk, type WorldOptions } from './options.js';
import type { NodeProgram } from './process.js';
import { RandomStream } from './random.js';
import { Timeline } from './timeline.js';
import type { TracedEvent } from './trace.js';
import { Transport } from './transport.js';

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

/** What the clock of a node shows, in microseconds. */
export interface ClockReading {
  readonly clockMicroseconds: number;
  readonly wallMicroseconds: number;
  readonly driftPartsPerMillion: number;
}

/**
 * A whole swarm in one thread: nodes, their network, disks and clocks, driven by a heap of events.
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
  readonly #nodes = new Map<string, NodeState<Message, Value>>();
  readonly #timeline = new Timeline<Message, Value>();
  readonly #host: Host<Message, Value>;
  readonly #transport: Transport<Message, Value>;
  readonly #hands: Hands<Message, Value>;
  readonly #rotRandom: RandomStream;
  #gate: DamageGate | undefined;

  constructor(options: WorldOptions<Message>) {
    this.seed = options.seed;
    this.network = new Network(options.network ?? reliableNetwork, options.seed);
    const disk = options.disk ?? usualDisk;
    checkDelay(disk.syncDelay);
    this.#host = new Host(this.#timeline, disk, options);
    this.#transport = new Transport(this.#timeline, this.network, this.#host, options);
    this.#hands = {
      timeline: this.#timeline,
      host: this.#host,
      transport: this.#transport,
      route: (node, to) => this.#route(node, to),
    };
    this.#rotRandom = new RandomStream(options.seed, 'bit rot');
  }

  get nowMicroseconds(): number {
    return this.#timeline.nowMicroseconds;
  }

  /** Events that have happened. */
  get events(): number {
    return this.#timeline.trace.events;
  }

  /** Equal for two runs exactly when the same events happened at the same times. */
  get traceHash(): string {
    return this.#timeline.trace.hash;
  }

  /** The last events, oldest first, to be printed when a run fails. */
  recentEvents(): TracedEvent[] {
    return this.#timeline.trace.recent();
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
    if (this.#gate !== undefined) node.disk.gate = this.#gate;
    this.#nodes.set(name, node);
    this.#host.boot(node);
  }

  /** Plans an action of the scenario: a fault, a check, a call into a process. */
  at(timeMicroseconds: number, name: string, action: () => void): void {
    const time = Math.max(timeMicroseconds, this.nowMicroseconds);
    this.#timeline.push(time, { kind: 'action', name: this.#timeline.name(name), run: action });
  }

  /** The process dies, and with it what its disk had not synced. Nothing when it is down. */
  crash(name: string): void {
    const node = this.#node(name);
    if (node.isUp) this.#host.crash(node);
  }

  /** Starts a crashed node from its disk. Nothing when it is up. */
  restart(name: string): void {
    const node = this.#node(name);
    if (!node.isUp) this.#host.boot(node);
  }

  /** Crashes a node and replaces its disk by an empty one. */
  wipe(name: string): void {
    this.crash(name);
    this.#node(name).disk.wipe();
  }

  /** The program that the node runs from its next start on, for example another release. */
  setProgram(name: string, program: NodeProgram<Message, Value>): void {
    this.#node(name).program = program;
  }

  /** Stops the process as SIGSTOP does: what arrives waits. Nothing when it is down. */
  pause(name: string): void {
    const node = this.#node(name);
    if (!node.isUp || node.isPaused) return;
    node.isPaused = true;
    this.#timeline.note('pause', node.name);
  }

  /** Lets a paused process go on; it is told at once what waited. */
  resume(name: string): void {
    const node = this.#node(name);
    if (node.isPaused) this.#host.resume(node);
  }

  /**
   * The node takes one message in so many microseconds; the rest waits, and beyond `unreadMax`
   * messages it is lost. 0 reads at once, as usual.
   */
  slowReader(
    name: string,
    microsecondsPerMessage: number,
    unreadMax: number = limits.messagesHeldPerNodeMax,
  ): void {
    checkWhole('microsecondsPerMessage', microsecondsPerMessage, 0);
    checkWhole('unreadMax', unreadMax, 1);
    this.#host.setReadingSpeed(this.#node(name), microsecondsPerMessage, unreadMax);
  }

  /** Holds all that arrives in this direction until `unclog`. */
  clog(from: string, to: string): void {
    this.#linkBetween(from, to).isClogged = true;
  }

  /** Delivers at once, in order of arrival, what a clogged direction holds. */
  unclog(from: string, to: string): void {
    this.#transport.unclog(this.#linkBetween(from, to));
  }

  unclogAll(): void {
    for (const link of this.network.cloggedLinks()) this.#transport.unclog(link);
  }

  /** Loses what is on its way between two nodes, both ways, and tells both processes. */
  resetConnection(one: string, other: string): void {
    this.#transport.reset(this.#node(one), this.#node(other));
  }

  /**
   * Loses what is on its way between two nodes, both ways, and tells one; the peer is told after
   * it has sent a message in vain (QUIC stateless reset, RFC 9000, 10.3).
   */
  resetStateless(seenBy: string, peer: string): void {
    this.#transport.resetStateless(this.#node(seenBy), this.#node(peer));
  }

  /**
   * The node has a new address: what is on its way to the old one is lost, and the first message of
   * each path takes a round trip more (QUIC path validation, RFC 9000, 8.2).
   */
  changeAddress(name: string): void {
    this.#node(name);
    this.#transport.changeAddress(name, this.nodeNames);
  }

  /** Syncs of this node that are not finished yet finish after this time at the earliest. */
  stallDisk(name: string, durationMicroseconds: number): void {
    const node = this.#node(name);
    const until = this.nowMicroseconds + durationMicroseconds;
    node.diskStalledUntilMicroseconds = Math.max(node.diskStalledUntilMicroseconds, until);
  }

  /** Ends a stall before its time; what waited finishes next. */
  endStall(name: string): void {
    this.#host.endStall(this.#node(name));
  }

  /** Changes what is wrong with the disk of a node from now on. */
  changeDiskFaults(name: string, faults: Partial<DiskFaults>): void {
    this.#node(name).disk.changeFaults(faults);
  }

  /** Lets the disk of a node do what it says from now on; what is damaged stays damaged. */
  endDiskFaults(name: string): void {
    this.#node(name).disk.endFaults();
  }

  diskFaultsOf(name: string): DiskFaults {
    return this.#node(name).disk.faults;
  }

  /**
   * Damages up to `keysMax` durable values of a node, of the keys with the prefix, and returns
   * their keys.
   */
  rotDisk(name: string, keysMax = 1, prefix = ''): string[] {
    return this.#node(name).disk.rot(this.#rotRandom, prefix, keysMax);
  }

  /** Keys of a node that hold something else than was acknowledged: damaged, or an older value. */
  wrongKeysOf(name: string): string[] {
    return this.#node(name).disk.wrongKeys;
  }

  /** Asks this gate before any disk of the world is damaged. */
  guardDisks(gate: DamageGate): void {
    this.#gate = gate;
    for (const node of this.#nodes.values()) node.disk.gate = gate;
  }

  /** The gate of `guardDisks`, if any. */
  get damageGate(): DamageGate | undefined {
    return this.#gate;
  }

  clockOf(name: string): ClockReading {
    const { clock } = this.#node(name);
    const now = this.nowMicroseconds;
    return {
      clockMicroseconds: clock.monotonic(now),
      wallMicroseconds: clock.wall(now),
      driftPartsPerMillion: clock.driftPartsPerMillion,
    };
  }

  /** Lets the clock of a node run faster, or slower when negative; running timers follow it. */
  setClockDrift(name: string, partsPerMillion: number): void {
    checkWhole('partsPerMillion', partsPerMillion, limits.driftPartsPerMillionMin);
    checkWhole('-partsPerMillion', -partsPerMillion, -limits.driftPartsPerMillionMax);
    const node = this.#node(name);
    node.clock.setDrift(partsPerMillion, this.nowMicroseconds);
    this.#host.replanTimers(node);
  }

  /** Sets the wall clock of a node forward, or back when negative. */
  jumpClock(name: string, microseconds: number): void {
    checkWhole('microseconds', microseconds, Number.MIN_SAFE_INTEGER);
    this.#node(name).clock.jump(microseconds);
  }

  /** Sets the wall clock of a node to true time and so much more. */
  setClockOffset(name: string, microseconds: number): void {
    checkWhole('microseconds', microseconds, Number.MIN_SAFE_INTEGER);
    this.#node(name).clock.setOffset(microseconds, this.nowMicroseconds);
  }

  /** Tells an observer everything that happens from now on; undefined tells nobody. */
  observe(observer: WorldObserver<Message> | undefined): void {
    this.#timeline.observer = observer;
  }

  /** Lets events happen until one of the ends given. */
  run(options: RunOptions = {}): RunEnd {
    const { untilMicroseconds = Infinity, eventsMax = Infinity, until } = options;
    const timeline = this.#timeline;
    const { heap, trace } = timeline;
    const last = trace.events + eventsMax;
    for (;;) {
      const next = heap.nextMicroseconds;
      if (heap.size === 0 || next > untilMicroseconds) {
        if (untilMicroseconds !== Infinity) {
          timeline.nowMicroseconds = Math.max(timeline.nowMicroseconds, untilMicroseconds);
        }
        return heap.size === 0 ? 'idle' : 'time';
      }
      if (trace.events >= last) return 'events';
      assert(next >= timeline.nowMicroseconds, 'time does not go back');
      timeline.nowMicroseconds = next;
      this.#happen(heap.pop()!);
      if (until?.() === true) return 'condition';
    }
  }

  #happen(event: WorldEvent<Message, Value>): void {
    switch (event.kind) {
      case 'message':
        return this.#transport.arrive(event);
      case 'tick':
        return this.#host.deliver(event.node, event);
      case 'action':
        this.#timeline.note('action', event.name);
        return event.run();
      default:
        if (event.life !== event.node.life) return;
        if (event.kind === 'sync') this.#host.finishSync(event);
        else if (event.kind === 'start') {
          this.#host.start(event.node, new NodeContext(event.node, this.#hands));
        } else if (event.kind === 'read') this.#host.read(event.node);
        else this.#host.deliver(event.node, event);
    }
  }

  #route(node: NodeState<Message, Value>, to: string): Route<Message, Value> {
    const target = this.#node(to);
    const route = { link: this.network.link(node.name.text, to), target };
    node.routes.set(to, route);
    return route;
  }

  #linkBetween(from: string, to: string): Link {
    this.#node(from);
    this.#node(to);
    return this.network.link(from, to);
  }

  #node(name: string): NodeState<Message, Value> {
    const node = this.#nodes.get(name);
    if (node === undefined) {
      throw new SimulationError('unknown-node', `there is no node named ${name} in this world`);
    }
    return node;
  }
}

function checkWhole(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new SimulationError('invalid-option', `${name} is ${value}`);
}
