/** Search among the vectors of one model. */
import { assert } from './errors.js';
import { Nearest, type Scored } from './nearest.js';

/** Vectors by id, all of one length. Implementations differ in how exact and how fast they are. */
export interface VectorIndex {
  readonly size: number;
  has(id: string): boolean;
  /** Adds or replaces; the values are copied. */
  put(id: string, values: Float32Array): void;
  delete(id: string): void;
  /**
   * The nearest by cosine, best first, of equal scores by id; scores from 0 (at a right angle or
   * beyond) to 1. Where `allowed` is given, only among those.
   */
  search(query: Float32Array, limit: number, allowed?: ReadonlySet<string>): Scored[];
}

const CAPACITY_FIRST = 256;

/** Compares the query with every vector, in one block of memory. */
export class ExactVectorIndex implements VectorIndex {
  readonly dimensions: number;
  #values: Float32Array;
  readonly #ids: string[] = [];
  readonly #slots = new Map<string, number>();

  constructor(dimensions: number) {
    assert(dimensions > 0, 'a vector has components');
    this.dimensions = dimensions;
    this.#values = new Float32Array(CAPACITY_FIRST * dimensions);
  }

  get size(): number {
    return this.#ids.length;
  }

  has(id: string): boolean {
    return this.#slots.has(id);
  }

  put(id: string, values: Float32Array): void {
    assert(values.length === this.dimensions, 'all vectors of an index have one length');
    let slot = this.#slots.get(id);
    if (slot === undefined) {
      slot = this.#ids.length;
      this.#ids.push(id);
      this.#slots.set(id, slot);
      this.#reserve(this.#ids.length);
    }
    this.#values.set(unit(values), slot * this.dimensions);
  }

  delete(id: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    // The last vector moves into the gap, so that the block stays dense.
    const last = this.#ids.length - 1;
    const moved = this.#ids[last];
    assert(moved !== undefined, 'an index with a slot has a last one');
    const width = this.dimensions;
    this.#values.copyWithin(slot * width, last * width, (last + 1) * width);
    this.#ids[slot] = moved;
    this.#slots.set(moved, slot);
    this.#ids.pop();
    this.#slots.delete(id);
    // What was held while a graph was built is not needed again soon.
    const isLarge = this.#values.length > CAPACITY_FIRST * width;
    if (last === 0 && isLarge) this.#values = new Float32Array(CAPACITY_FIRST * width);
  }

  search(query: Float32Array, limit: number, allowed?: ReadonlySet<string>): Scored[] {
    if (query.length !== this.dimensions) return [];
    const nearest = new Nearest(limit);
    const width = this.dimensions;
    const values = this.#values;
    const target = unit(query);
    const offer = (id: string, slot: number): void => {
      const score = Math.min(1, Math.max(0, dot(target, values, slot * width, width)));
      if (score >= nearest.floor) nearest.offer({ id, score });
    };
    if (allowed !== undefined && allowed.size < this.#ids.length) {
      for (const id of allowed) {
        const slot = this.#slots.get(id);
        if (slot !== undefined) offer(id, slot);
      }
    } else {
      for (const [slot, id] of this.#ids.entries()) {
        if (allowed === undefined || allowed.has(id)) offer(id, slot);
      }
    }
    return nearest.list();
  }

  /** Every vector, of length 1; a view that the next change makes invalid. */
  *entries(): IterableIterator<readonly [id: string, values: Float32Array]> {
    const width = this.dimensions;
    for (const [slot, id] of this.#ids.entries()) {
      yield [id, this.#values.subarray(slot * width, (slot + 1) * width)];
    }
  }

  #reserve(count: number): void {
    if (count * this.dimensions <= this.#values.length) return;
    const grown = new Float32Array(this.#values.length * 2);
    grown.set(this.#values);
    this.#values = grown;
  }
}

/** Four sums at once, since each addition waits for the one before it. */
function dot(target: Float32Array, values: Float32Array, start: number, width: number): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < width; i += 4) {
    const at = start + i;
    a += (target[i] as number) * (values[at] as number);
    b += (target[i + 1] as number) * (values[at + 1] as number);
    c += (target[i + 2] as number) * (values[at + 2] as number);
    d += (target[i + 3] as number) * (values[at + 3] as number);
  }
  for (; i < width; i += 1) a += (target[i] as number) * (values[start + i] as number);
  return a + b + c + d;
}

/** A copy of length 1; a vector without direction stays zero. */
function unit(values: Float32Array): Float32Array {
  let squares = 0;
  for (const value of values) squares += value * value;
  const scale = squares > 0 && Number.isFinite(squares) ? 1 / Math.sqrt(squares) : 0;
  return values.map((value) => value * scale);
}
