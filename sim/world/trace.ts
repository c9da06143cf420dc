import { limits } from './limits.js';

/** What has happened: the kinds of events of a world. */
export type EventKind =
  | 'start'
  | 'message'
  | 'tick'
  | 'disk-synced'
  | 'disk-failed'
  | 'connection-lost'
  | 'action'
  | 'crash'
  | 'pause'
  | 'resume';

/** One event that has happened. */
export interface TracedEvent {
  readonly timeMicroseconds: number;
  readonly kind: EventKind;
  readonly node: string;
  /** The sender of a message, the tag of a timer, the name of an action, why a disk failed. */
  readonly detail: string;
}

const prime = 0x01000193;

/** A name with its hash, so that a name in many events is hashed once. */
export interface HashedName {
  readonly text: string;
  readonly hash: number;
}

/** Hashes a name by FNV-1a over its length and its 16-bit characters. */
export function hashName(text: string): HashedName {
  let hash = Math.imul(0x811c9dc5 ^ text.length, prime);
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), prime);
  }
  return { text, hash };
}

/** The first word of each event: numbers far apart, so that kinds do not meet times. */
const kindWords: Readonly<Record<EventKind, number>> = {
  start: 0x1b873593,
  message: 0x2545f491,
  tick: 0x38495ab5,
  'disk-synced': 0x4cf5ad43,
  'disk-failed': 0x52dce729,
  'connection-lost': 0x632be5ab,
  action: 0x71d67fff,
  crash: 0x15d4e1d1,
  pause: 0x2127599b,
  resume: 0x3c6ef372,
};

/**
 * A running hash over all events of a run (two lanes of FNV-1a over 32-bit words), so that two runs
 * can be compared, and the last few events in words.
 */
export class Trace {
  #low = 0x811c9dc5;
  #high = 0x01234567;
  #events = 0;
  /** The last events, by their number modulo the limit. */
  readonly #times: number[] = [];
  readonly #kinds: EventKind[] = [];
  readonly #nodes: string[] = [];
  readonly #details: string[] = [];

  /** Events recorded. */
  get events(): number {
    return this.#events;
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    return hexadecimal(this.#high) + hexadecimal(this.#low);
  }

  record(
    timeMicroseconds: number,
    kind: EventKind,
    node: HashedName,
    detail: HashedName,
    digest: string | number | Uint8Array | null,
  ): void {
    const place = this.#events % limits.recentEventsMax;
    this.#times[place] = timeMicroseconds;
    this.#kinds[place] = kind;
    this.#nodes[place] = node.text;
    this.#details[place] = detail.text;
    this.#events += 1;
    this.#add(kindWords[kind]);
    this.#addNumber(timeMicroseconds);
    this.#add(node.hash);
    this.#add(detail.hash);
    if (typeof digest === 'number') this.#addNumber(digest);
    else if (typeof digest === 'string') this.#addText(digest);
    else if (digest !== null) this.#addBytes(digest);
  }

  /** The last events, oldest first. */
  recent(): TracedEvent[] {
    const count = Math.min(this.#events, limits.recentEventsMax);
    return Array.from({ length: count }, (_, index) => {
      const place = (this.#events - count + index) % limits.recentEventsMax;
      return {
        timeMicroseconds: this.#times[place]!,
        kind: this.#kinds[place]!,
        node: this.#nodes[place]!,
        detail: this.#details[place]!,
      };
    });
  }

  #add(word: number): void {
    this.#low = Math.imul(this.#low ^ word, prime);
    this.#high = Math.imul(this.#high ^ this.#low ^ (this.#low >>> 15), prime);
  }

  #addNumber(value: number): void {
    this.#add(value | 0);
    this.#add(Math.floor(value / 0x1_0000_0000) | 0);
    if (!Number.isInteger(value)) this.#addText(String(value));
  }

  #addText(text: string): void {
    this.#add(text.length);
    for (let index = 0; index < text.length; index++) this.#add(text.charCodeAt(index));
  }

  #addBytes(bytes: Uint8Array): void {
    this.#add(bytes.length);
    for (const byte of bytes) this.#add(byte);
  }
}

function hexadecimal(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, '0');
}
