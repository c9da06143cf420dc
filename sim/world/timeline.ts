import { assert, SimulationError } from './errors.js';
import { EventHeap } from './event-heap.js';
import type { MessageEvent, WorldEvent } from './events.js';
import { limits } from './limits.js';
import type { LossCause } from './network.js';
import type { WorldObserver } from './observer.js';
import { hashName, Trace, type EventKind, type HashedName } from './trace.js';

const nothing = hashName('');

/** The time of a world: what is to come, what has happened, and who watches. */
export class Timeline<Message, Value> {
  nowMicroseconds = 0;
  observer: WorldObserver<Message> | undefined;
  readonly heap = new EventHeap<WorldEvent<Message, Value>>();
  readonly trace = new Trace();
  /** Tags of timers and names of actions, each hashed once. */
  readonly #names = new Map<string, HashedName>();

  push(timeMicroseconds: number, event: WorldEvent<Message, Value>): void {
    assert(timeMicroseconds <= limits.timeMicrosecondsMax, 'simulated time stays a whole number');
    if (this.heap.size >= limits.eventsPendingMax) {
      throw new SimulationError(
        'limit-exceeded',
        `${this.heap.size} events wait at ${this.nowMicroseconds} us; ` +
          'a process sends or sets without end',
      );
    }
    this.heap.push(timeMicroseconds, event);
  }

  /** Counts an event that every message and timer is one of. */
  record(
    kind: EventKind,
    node: HashedName,
    detail: HashedName,
    digest: string | number | Uint8Array | null,
  ): void {
    this.trace.record(this.nowMicroseconds, kind, node, detail, digest);
  }

  /** Counts a rare event, and tells the observer about it. */
  note(
    what: Exclude<EventKind, 'message' | 'tick' | 'disk-synced'>,
    node: HashedName,
    detail = nothing,
  ): void {
    this.record(what, node, detail, null);
    this.observer?.({
      kind: 'event',
      atMicroseconds: this.nowMicroseconds,
      what,
      node: node.text,
      detail: detail.text,
    });
  }

  /** Tells the observer about a message that does not arrive. */
  lose({ link, message, sentMicroseconds }: MessageEvent<Message, Value>, cause: LossCause): void {
    if (this.observer === undefined) return;
    const { from, to } = link;
    const atMicroseconds = this.nowMicroseconds;
    this.observer({ kind: 'lost', sentMicroseconds, atMicroseconds, from, to, message, cause });
  }

  name(text: string): HashedName {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = hashName(text);
      if (this.#names.size >= limits.hashedNamesMax) this.#names.clear();
      this.#names.set(text, name);
    }
    return name;
  }
}
