import { assert } from '../error.js';

/**
 * The append requests under way to one follower: for each the index of its last entry and its
 * bytes, in a ring that grows up to its limit. Indexes only ever rise.
 */
export class Inflights {
  private first = 0;
  private held = 0;
  private heldBytes = 0;
  private indexes: number[] = [];
  private sizes: number[] = [];

  constructor(
    private readonly messagesMax: number,
    private readonly bytesMax: number,
  ) {}

  /** Messages under way. */
  get count(): number {
    return this.held;
  }

  /** Whether no further message with entries may be sent. */
  get full(): boolean {
    return this.held === this.messagesMax || this.heldBytes >= this.bytesMax;
  }

  /** Notes a message that ends with entry `index`. */
  add(index: number, bytes: number): void {
    assert(!this.full, 'a message is sent only while the window of inflight messages has room');
    if (this.held === this.indexes.length) this.grow();
    const at = (this.first + this.held) % this.indexes.length;
    this.indexes[at] = index;
    this.sizes[at] = bytes;
    this.held += 1;
    this.heldBytes += bytes;
  }

  /** Frees every message whose last entry is at or before `index`. */
  freeThrough(index: number): void {
    while (this.held > 0 && (this.indexes[this.first] as number) <= index) {
      this.heldBytes -= this.sizes[this.first] as number;
      this.first = (this.first + 1) % this.indexes.length;
      this.held -= 1;
    }
  }

  /** Forgets all messages. */
  reset(): void {
    this.first = 0;
    this.held = 0;
    this.heldBytes = 0;
  }

  private grow(): void {
    const size = Math.min(this.messagesMax, Math.max(4, this.indexes.length * 2));
    const indexes = Array.from({ length: size }, () => 0);
    const sizes = Array.from({ length: size }, () => 0);
    for (let i = 0; i < this.held; i += 1) {
      const at = (this.first + i) % this.indexes.length;
      indexes[i] = this.indexes[at] as number;
      sizes[i] = this.sizes[at] as number;
    }
    this.indexes = indexes;
    this.sizes = sizes;
    this.first = 0;
  }
}
