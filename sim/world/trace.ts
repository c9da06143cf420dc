import { limits } from './limits.js';

/** What has happened: the kinds of events of a world. */
export type EventKind =
  'start' | 'message' | 'tick' | 'disk-synced' | 'action' | 'crash' | 'pause' | 'resume';

/** One event that has happened. */
export interface TracedEvent {
  readonly timeMicroseconds: number;
  readonly kind: EventKind;
  readonly node: string;
  /** The sender of a message, the tag of a timer, the token of a sync, the name of an action. */
  readonly detail: string;
}

const fnvPrime = 0x01000193;

/**
 * A running hash over all events of a run (two lanes of FNV-1a over 32-bit words), so that two runs
 * can be compared, and the last few events in words.
 */
export class Trace {
  #low = 0x811c9dc5;
  #high = 0x01234567;
  #events = 0;
  readonly #recent: TracedEvent[] = [];

  /** Events recorded. */
  get events(): number {
    return this.#events;
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    return hexadecimal(this.#high) + hexadecimal(this.#low);
  }

  record(event: TracedEvent, digest: string | number | Uint8Array | null): void {
    this.#recent[this.#events % limits.recentEventsMax] = event;
    this.#events += 1;
    this.#addNumber(event.timeMicroseconds);
    this.#addText(event.kind);
    this.#addText(event.node);
    this.#addText(event.detail);
    if (typeof digest === 'number') this.#addNumber(digest);
    else if (typeof digest === 'string') this.#addText(digest);
    else if (digest !== null) for (const byte of digest) this.#add(byte);
  }

  /** The last events, oldest first. */
  recent(): TracedEvent[] {
    const start = this.#events % limits.recentEventsMax;
    if (this.#events <= limits.recentEventsMax) return [...this.#recent];
    return [...this.#recent.slice(start), ...this.#recent.slice(0, start)];
  }

  #add(word: number): void {
    this.#low = Math.imul(this.#low ^ word, fnvPrime);
    this.#high = Math.imul(this.#high ^ this.#low ^ (this.#low >>> 15), fnvPrime);
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
}

function hexadecimal(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, '0');
}
