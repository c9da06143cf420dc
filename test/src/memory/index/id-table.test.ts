/** Ids and slots: like two maps, but bytes. */
import { describe, expect, it } from 'vitest';

import { IdTable } from '../../../../src/memory/index/id-table.js';
import { finish } from '../../../../src/memory/steps.js';
import { RandomStream } from '../../../../sim/world/random.js';
import { seed } from '../support.js';

const PIECE_BYTES = 64;

function encode(table: IdTable, slotCount: number): Buffer {
  const pieces = [...copies(table.encode(slotCount, PIECE_BYTES))];
  expect(pieces.slice(0, -1).every(({ length }) => length === PIECE_BYTES)).toBe(true);
  const bytes = Buffer.concat(pieces);
  expect(bytes.length).toBe(table.encodedBytes(slotCount));
  return bytes;
}

function* copies(pieces: Iterable<Buffer>): Generator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

function expectSame(table: IdTable, slots: ReadonlyMap<string, number>, known: Set<string>): void {
  expect(table.size).toBe(slots.size);
  for (const id of known) expect(table.slotOf(id)).toBe(slots.get(id));
  for (const [id, slot] of slots) expect(table.idAt(slot)).toBe(id);
  expect([...table.ids()].sort()).toEqual([...slots.keys()].sort());
}

describe('a table of ids', () => {
  it('answers like a map, and comes back from its bytes', () => {
    const random = new RandomStream(seed(), 'ids');
    let table = new IdTable();
    const slots = new Map<string, number>();
    const known = new Set<string>();
    const free: number[] = [];
    let next = 0;
    for (let step = 0; step < 6000; step += 1) {
      const text = random.pick(['id', 'é', '\ud800', 'ключ', '\0', 'x'.repeat(4000)]);
      const id = `${text}${random.integer(0, 300)}`;
      known.add(id);
      const before = slots.get(id);
      if (random.chance(0.4)) {
        expect(table.delete(id)).toBe(before);
        slots.delete(id);
      } else {
        const slot = free.pop() ?? next++;
        expect(table.put(id, slot)).toBe(before);
        slots.set(id, slot);
      }
      if (before !== undefined) free.push(before);
      if (step % 500 !== 0) continue;
      expectSame(table, slots, known);
      const read = finish(IdTable.decode(encode(table, next), next));
      if (read === undefined || read === 'twice') throw new Error('the ids cannot be read');
      table = read;
      expectSame(table, slots, known);
    }
  });

  it('answers like a map while its slots come into a larger table', () => {
    const random = new RandomStream(seed(), 'growth');
    const table = new IdTable();
    const slots = new Map<string, number>();
    const known = new Set<string>();
    const put = (id: string, slot: number): void => {
      known.add(id);
      expect(table.put(id, slot)).toBe(slots.get(id));
      slots.set(id, slot);
    };
    // The last of them is one more than two thirds of a power of two.
    const grownAt = Math.floor((2 * 32_768) / 3) + 1;
    let next = 0;
    while (next < grownAt) put(`id ${next}`, next++);
    for (let step = 0; step < 300; step += 1) {
      const id = `id ${random.integer(0, grownAt + 20)}`;
      known.add(id);
      if (random.chance(0.3)) {
        expect(table.delete(id)).toBe(slots.get(id));
        slots.delete(id);
      } else if (random.chance(0.7)) {
        put(id, next++);
      }
      for (const one of [id, `id ${random.integer(0, grownAt)}`]) {
        expect(table.slotOf(one)).toBe(slots.get(one));
      }
    }
    expectSame(table, slots, known);
    while (next < 2 * grownAt) put(`id ${next}`, next++);
    expectSame(table, slots, known);
  });

  it('gives bytes back that nobody has any more', () => {
    const table = new IdTable();
    for (let round = 0; round < 2000; round += 1) {
      table.put(`${round} ${'x'.repeat(4000)}`, round % 2);
      if (round > 0) table.delete(`${round - 1} ${'x'.repeat(4000)}`);
    }
    expect(table.size).toBe(1);
    expect(table.encodedBytes(2)).toBeLessThan(2 * 4 + 4100);
    expect(table.idAt(1)).toMatch(/^1999 x/);
  });

  it('refuses bytes that say too much, and an id that comes twice', () => {
    const table = new IdTable();
    for (const [slot, id] of ['a', 'bc', 'ключ'].entries()) table.put(id, slot);
    const bytes = encode(table, 3);
    const read = (changed: Buffer, slots = 3) => finish(IdTable.decode(changed, slots));
    expect(read(bytes)).toBeInstanceOf(IdTable);
    expect(read(bytes.subarray(0, -1))).toBeUndefined();
    expect(read(Buffer.concat([bytes, Buffer.alloc(1)]))).toBeUndefined();
    expect(read(bytes, 1_000_000)).toBeUndefined();
    for (const length of [0, 1, 3, 0xffff_fffe, 2 * 4097]) {
      const changed = Buffer.from(bytes);
      changed.writeUInt32LE(length, 0);
      expect(read(changed), `a length of ${length}`).toBeUndefined();
    }
    const twice = new IdTable();
    for (const [slot, id] of ['ab', 'ac'].entries()) twice.put(id, slot);
    const changed = encode(twice, 2);
    changed.write('abab', changed.length - 4);
    expect(read(changed, 2)).toBe('twice');
  });
});
