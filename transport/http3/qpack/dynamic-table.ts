import { strict as assert } from 'node:assert';
import type { Field } from './static-table.js';

/** RFC 9204 3.2.1: what an entry counts beyond its bytes. */
export const ENTRY_OVERHEAD_BYTES = 32;

/** Size of a field as tables and sections count it (RFC 9204 3.2.1, RFC 9114 4.2.2). */
export function fieldBytes([name, value]: Field): number {
  return name.length + value.length + ENTRY_OVERHEAD_BYTES;
}

/**
 * The dynamic table of one direction (RFC 9204 3.2). Entries have absolute indexes from 0 upwards;
 * the oldest go first.
 */
export class DynamicTable {
  readonly #entries: Field[] = [];
  #droppedCount = 0;
  #bytes = 0;
  #capacityBytes = 0;

  /** Entries that were ever inserted: the absolute index of the next. */
  get insertCount(): number {
    return this.#droppedCount + this.#entries.length;
  }

  /** Absolute index of the oldest entry. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get capacityBytes(): number {
    return this.#capacityBytes;
  }

  /** The entry, or undefined when it is gone or was never there. */
  get(absoluteIndex: number): Field | undefined {
    return this.#entries[absoluteIndex - this.#droppedCount];
  }

  setCapacity(bytes: number): void {
    this.#capacityBytes = bytes;
    this.#makeRoom(0);
  }

  /** False when the entry is larger than the whole table. */
  insert(field: Field): boolean {
    const bytes = fieldBytes(field);
    if (bytes > this.#capacityBytes) return false;
    this.#makeRoom(bytes);
    this.#entries.push(field);
    this.#bytes += bytes;
    return true;
  }

  #makeRoom(bytes: number): void {
    while (this.#bytes + bytes > this.#capacityBytes) {
      const oldest = this.#entries.shift();
      assert(oldest !== undefined, 'an empty table has room for what fits into it');
      this.#bytes -= fieldBytes(oldest);
      this.#droppedCount += 1;
    }
  }
}
