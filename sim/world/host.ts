import { drawDelay } from './delay.js';
import { assert, SimulationError } from './errors.js';
import type { MessageEvent, SyncEvent, Telling, TickEvent } from './events.js';
import { limits } from './limits.js';
import type { NodeState } from './node.js';
import type { DiskOptions, WorldOptions } from './options.js';
import type { Context } from './process.js';
import type { Timeline } from './timeline.js';
import { hashName } from './trace.js';

const nothing = hashName('');
const failures = { full: hashName('full'), 'sync-failed': hashName('sync-failed') } as const;

/** Runs the processes of a world: starts them, tells them what happens, and ends them. */
export class Host<Message, Value> {
  readonly #timeline: Timeline<Message, Value>;
  readonly #seed: number;
  readonly #disk: DiskOptions;
  readonly #digest: ((message: Message) => string | number | Uint8Array) | undefined;

  constructor(
    timeline: Timeline<Message, Value>,
    disk: DiskOptions,
    options: WorldOptions<Message>,
  ) {
    this.#timeline = timeline;
    this.#seed = options.seed;
    this.#disk = disk;
    this.#digest = options.digest;
  }

  /** Plans the start of a process as the next event of this moment. */
  boot(node: NodeState<Message, Value>): void {
    node.isUp = true;
    this.#timeline.push(this.#timeline.nowMicroseconds, { kind: 'start', node, life: node.life });
  }

  start(node: NodeState<Message, Value>, context: Context<Message, Value>): void {
    this.#timeline.note('start', node.name);
    try {
      node.process = node.program.start(node.disk, context);
    } catch (error) {
      throw this.#failure(node, error);
    }
  }

  crash(node: NodeState<Message, Value>): void {
    node.forget();
    node.life += 1;
    node.disk.crash(this.#disk.crashLoss, node.diskRandom);
    this.#timeline.note('crash', node.name);
  }

  resume(node: NodeState<Message, Value>): void {
    node.isPaused = false;
    this.#timeline.note('resume', node.name);
    const held = node.held.splice(0);
    node.heldMessages = 0;
    const { life } = node;
    for (const telling of held) if (node.life === life) this.#tell(node, telling);
  }

  /** A message has reached the node: a slow reader lets it wait. */
  receive(event: MessageEvent<Message, Value>): void {
    const { node } = event;
    if (node.process === null) return this.#timeline.lose(event, 'down');
    if (node.microsecondsPerMessage === 0) return this.deliver(node, event);
    if (node.unread.length >= node.unreadMessagesMax) {
      return this.#timeline.lose(event, 'queue-full');
    }
    node.unread.push(event);
    if (node.unread.length === 1) this.#planRead(node);
  }

  #planRead(node: NodeState<Message, Value>): void {
    const time = Math.max(this.#timeline.nowMicroseconds, node.readsAgainMicroseconds);
    node.readsAgainMicroseconds = time + node.microsecondsPerMessage;
    this.#timeline.push(time, { kind: 'read', node, life: node.life });
  }

  /** A slow reader takes one message. */
  read(node: NodeState<Message, Value>): void {
    const event = node.unread.shift();
    if (event === undefined) return;
    if (node.unread.length > 0) this.#planRead(node);
    this.deliver(node, event);
  }

  /** Changes how fast a node reads; 0 lets it take at once all that waits. */
  setReadingSpeed(
    node: NodeState<Message, Value>,
    microsecondsPerMessage: number,
    unreadMessagesMax: number,
  ): void {
    node.microsecondsPerMessage = microsecondsPerMessage;
    node.unreadMessagesMax = unreadMessagesMax;
    if (microsecondsPerMessage > 0) return;
    const { life } = node;
    for (const event of node.unread.splice(0)) if (node.life === life) this.deliver(node, event);
  }

  /** Tells a process at once, or when it goes on. */
  deliver(node: NodeState<Message, Value>, telling: Telling<Message, Value>): void {
    if (node.process === null) return;
    if (!node.isPaused) return this.#tell(node, telling);
    if (telling.kind === 'message') {
      if (node.heldMessages >= limits.messagesHeldPerNodeMax) {
        return this.#timeline.lose(telling, 'queue-full');
      }
      node.heldMessages += 1;
    }
    node.held.push(telling);
  }

  planConnectionLost(
    node: NodeState<Message, Value>,
    peer: NodeState<Message, Value>,
    delayMicroseconds: number,
  ): void {
    const time = this.#timeline.nowMicroseconds + delayMicroseconds;
    const { life } = node;
    this.#timeline.push(time, { kind: 'connection-lost', node, life, peer: peer.name });
  }

  setTimer(node: NodeState<Message, Value>, delayMicroseconds: number, tag: string): void {
    assert(
      Number.isSafeInteger(delayMicroseconds) && delayMicroseconds >= 0,
      'a timer has a delay in whole microseconds',
    );
    if (node.timers.size >= limits.timersPerNodeMax && !node.timers.has(tag)) {
      throw new SimulationError('limit-exceeded', `${node.name.text} has too many timers`);
    }
    const timeline = this.#timeline;
    const now = timeline.nowMicroseconds;
    const deadlineMicroseconds = node.clock.monotonic(now) + delayMicroseconds;
    const name = timeline.name(tag);
    const event: TickEvent<Message, Value> = {
      kind: 'tick',
      node,
      tag: name,
      deadlineMicroseconds,
    };
    node.timers.set(tag, event);
    timeline.push(node.clock.trueTimeOf(deadlineMicroseconds, now), event);
  }

  /** Plans the running timers anew, after the clock of the node has changed its speed. */
  replanTimers(node: NodeState<Message, Value>): void {
    const now = this.#timeline.nowMicroseconds;
    for (const [tag, timer] of node.timers) {
      const event = { ...timer };
      node.timers.set(tag, event);
      this.#timeline.push(node.clock.trueTimeOf(timer.deadlineMicroseconds, now), event);
    }
  }

  sync(node: NodeState<Message, Value>, token: number): void {
    const now = this.#timeline.nowMicroseconds;
    const drawn = now + drawDelay(this.#disk.syncDelay, node.diskRandom);
    const dueMicroseconds = Math.max(drawn, node.lastSyncMicroseconds);
    node.lastSyncMicroseconds = dueMicroseconds;
    node.syncs.push({ token, syncPoint: node.disk.syncPoint, dueMicroseconds });
    if (node.syncs.length === 1) this.#planSyncEnd(node);
  }

  /** Lets what a stalled disk has waiting finish now. */
  endStall(node: NodeState<Message, Value>): void {
    const now = this.#timeline.nowMicroseconds;
    if (node.diskStalledUntilMicroseconds <= now) return;
    node.diskStalledUntilMicroseconds = now;
    for (const sync of node.syncs) sync.dueMicroseconds = Math.min(sync.dueMicroseconds, now);
    node.lastSyncMicroseconds = now;
    this.#planSyncEnd(node);
  }

  /** Syncs finish in order, so that only the first one waits on the heap. */
  #planSyncEnd(node: NodeState<Message, Value>): void {
    const sync = node.syncs[0];
    if (sync === undefined) return;
    const now = this.#timeline.nowMicroseconds;
    const time = Math.max(now, sync.dueMicroseconds, node.diskStalledUntilMicroseconds);
    const plan = ++node.syncPlan;
    this.#timeline.push(time, { kind: 'sync', node, life: node.life, plan });
  }

  finishSync({ node, plan }: SyncEvent<Message, Value>): void {
    if (plan !== node.syncPlan) return;
    if (this.#timeline.nowMicroseconds < node.diskStalledUntilMicroseconds) {
      this.#planSyncEnd(node);
      return;
    }
    const sync = node.syncs.shift();
    assert(sync !== undefined, 'a sync that finishes has begun');
    this.#planSyncEnd(node);
    // The kernel writes even while the process stands still.
    const failure = node.disk.finishSync(sync.syncPoint, node.diskFaultRandom);
    this.deliver(node, { kind: 'sync-end', token: sync.token, failure });
  }

  #tell(node: NodeState<Message, Value>, telling: Telling<Message, Value>): void {
    const { process } = node;
    if (process === null) return;
    try {
      if (telling.kind === 'message') {
        const { link, message } = telling;
        this.#timeline.record('message', node.name, link.fromName, this.#digestOf(message));
        if (this.#timeline.observer !== undefined) this.#observeDelivery(telling);
        process.onMessage(link.from, message);
      } else if (telling.kind === 'tick') {
        const { tag } = telling;
        if (node.timers.get(tag.text) !== telling) return;
        node.timers.delete(tag.text);
        this.#timeline.record('tick', node.name, tag, null);
        process.onTick(tag.text);
      } else if (telling.kind === 'connection-lost') {
        this.#timeline.note('connection-lost', node.name, telling.peer);
        process.onConnectionLost?.(telling.peer.text);
      } else if (telling.failure === undefined) {
        this.#timeline.record('disk-synced', node.name, nothing, telling.token);
        process.onDiskSynced(telling.token);
      } else {
        this.#timeline.note('disk-failed', node.name, failures[telling.failure]);
        if (process.onDiskFailed === undefined) this.crash(node);
        else process.onDiskFailed(telling.failure, telling.token);
      }
    } catch (error) {
      throw this.#failure(node, error);
    }
  }

  #observeDelivery({ link, message, sentMicroseconds }: MessageEvent<Message, Value>): void {
    const { from, to } = link;
    const atMicroseconds = this.#timeline.nowMicroseconds;
    this.#timeline.observer?.({
      kind: 'delivered',
      sentMicroseconds,
      atMicroseconds,
      from,
      to,
      message,
    });
  }

  #failure(node: NodeState<Message, Value>, error: unknown): SimulationError {
    if (error instanceof SimulationError && error.code === 'process-failed') return error;
    const what = error instanceof Error ? error.message : String(error);
    const { nowMicroseconds, trace } = this.#timeline;
    return new SimulationError(
      'process-failed',
      `seed ${this.#seed}: ${node.name.text} failed at ${nowMicroseconds} us, ` +
        `after ${trace.events} events: ${what}`,
      { cause: error },
    );
  }

  #digestOf(message: Message): string | number | Uint8Array | null {
    if (this.#digest !== undefined) return this.#digest(message);
    if (typeof message === 'string' || typeof message === 'number') return message;
    return message instanceof Uint8Array ? message : null;
  }
}
