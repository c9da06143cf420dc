/** What waits for one subscriber: bounded, and it says what it dropped. */
import { TopicError } from './error.js';
import { MAILBOX_BYTES_MAX_DEFAULT, MAILBOX_MESSAGES_MAX_DEFAULT } from './limits.js';

export interface MailboxOptions {
  /** 1,024 by default. */
  readonly messagesMax?: number;
  /** Bytes of the messages as they came; 8 MiB by default. */
  readonly bytesMax?: number;
  /** What goes when it is full: the oldest message (default) or the one that comes. */
  readonly drop?: 'oldest' | 'newest';
}

interface Waiting<T> {
  readonly item: T;
  readonly bytes: number;
  droppedBefore: number;
}

/** Read with `for await`, by one reader. */
export class Mailbox<T extends object> {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  readonly #drop: 'oldest' | 'newest';
  readonly #onEnd: () => void;
  #waiting: Waiting<T>[] = [];
  #bytes = 0;
  #dropped = 0;
  /** Dropped after what waits last. */
  #droppedSince = 0;
  #isEnded = false;
  #isRead = false;
  #wake: () => void = () => undefined;

  /** `onEnd` is called once. Throws `TopicError` `bad-option`. */
  constructor(options: MailboxOptions = {}, onEnd: () => void = () => undefined) {
    this.#messagesMax = options.messagesMax ?? MAILBOX_MESSAGES_MAX_DEFAULT;
    this.#bytesMax = options.bytesMax ?? MAILBOX_BYTES_MAX_DEFAULT;
    this.#drop = options.drop ?? 'oldest';
    this.#onEnd = onEnd;
    for (const [name, value] of [
      ['messagesMax', this.#messagesMax],
      ['bytesMax', this.#bytesMax],
    ] as const) {
      if (Number.isSafeInteger(value) && value >= 1) continue;
      const why = `${name} of a subscription is ${value}; give a whole number of at least 1`;
      throw new TopicError('bad-option', why);
    }
  }

  /** Messages that were dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Messages that wait. */
  get length(): number {
    return this.#waiting.length;
  }

  put(item: T, bytes: number): void {
    if (this.#isEnded) return;
    if (this.#drop === 'oldest' && bytes <= this.#bytesMax) {
      while (this.#isFullFor(bytes)) this.#dropOldest();
    }
    if (this.#isFullFor(bytes)) {
      this.#dropped += 1;
      this.#droppedSince += 1;
      return;
    }
    this.#waiting.push({ item, bytes, droppedBefore: this.#droppedSince });
    this.#bytes += bytes;
    this.#droppedSince = 0;
    this.#wake();
  }

  /** Nothing more comes; what waits can still be read. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd();
    this.#wake();
  }

  /** Nothing more comes, and what waits is let go. */
  close(): void {
    this.#waiting = [];
    this.#bytes = 0;
    this.end();
  }

  /**
   * Each item with how many were dropped directly before it. Leaving the loop closes the mailbox.
   * Throws `TopicError` `bad-option` when another loop reads it.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<T & { readonly droppedBefore: number }> {
    if (this.#isRead) {
      throw new TopicError('bad-option', 'the subscription is read already; make another one');
    }
    this.#isRead = true;
    try {
      for (;;) {
        const next = this.#waiting.shift();
        if (next !== undefined) {
          this.#bytes -= next.bytes;
          yield { ...next.item, droppedBefore: next.droppedBefore };
          continue;
        }
        if (this.#isEnded) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.close();
    }
  }

  #isFullFor(bytes: number): boolean {
    return this.#waiting.length >= this.#messagesMax || this.#bytes + bytes > this.#bytesMax;
  }

  #dropOldest(): void {
    const oldest = this.#waiting.shift()!;
    this.#bytes -= oldest.bytes;
    this.#dropped += 1;
    const next = this.#waiting[0];
    if (next === undefined) this.#droppedSince += oldest.droppedBefore + 1;
    else next.droppedBefore += oldest.droppedBefore + 1;
  }
}
