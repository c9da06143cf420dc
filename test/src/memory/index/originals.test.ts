/** Originals in files: the same neighbours, less memory, and nothing wrong where a file is cut. */
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';

import { HnswIndex, type HnswOptions } from '../../../../src/memory/index/hnsw-index.js';
import { saveSnapshot } from '../../../../src/memory/index/snapshot-file.js';
import { openSnapshot, useSnapshot } from '../../../../src/memory/index/snapshot-reader.js';
import { scratch, seed } from '../support.js';
import { rungs, useBuild, VectorSource } from './support.js';

const DIMENSIONS = 24;

/** Puts, links, replaces and removes by one rule. */
function fill(options: Partial<HnswOptions>, start: number, onStep?: (at: number) => void) {
  const source = new VectorSource(start, DIMENSIONS);
  const index = HnswIndex.create({
    dimensions: DIMENSIONS,
    neighbours: 6,
    buildBreadth: 24,
    ...options,
  });
  for (let at = 0; at < 6000; at += 1) {
    index.put(`${at % 5000}`, source.next());
    if (at % 3 === 0) index.delete(`${(at * 7) % 5000}`);
    onStep?.(at);
  }
  index.link(2000);
  return index;
}

function expectSame(one: HnswIndex, other: HnswIndex, start: number, isExact = false): void {
  const source = new VectorSource(start, DIMENSIONS);
  for (let at = 0; at < 40; at += 1) {
    const how = { limit: 10, exact: isExact || at % 4 === 0 };
    const query = source.next();
    expect(one.search(query, how)).toEqual(other.search(query, how));
  }
  const differing = [...one.ids()].filter((id) => String(one.get(id)) !== String(other.get(id)));
  expect(differing).toEqual([]);
}

describe.each(rungs)('originals in a file, $name', (build) => {
  beforeEach(() => useBuild(build));

  it('give the same neighbours as originals in memory, and leave no file', () => {
    const start = seed();
    const path = scratch('in-file.index');
    const folder = dirname(path);
    const before = readdirSync(folder);
    const inMemory = fill({}, start);
    const inFile = fill({ originalsIn: folder }, start);
    expect(readdirSync(folder)).toEqual(before);
    expectSame(inFile, inMemory, start + 1);
    saveSnapshot(inFile, path);
    const inMemoryPath = scratch('in-memory.index');
    saveSnapshot(inMemory, inMemoryPath);
    expect(readFileSync(path).equals(readFileSync(inMemoryPath))).toBe(true);
  });

  it('move into a snapshot, and those that come later do as well', () => {
    const start = seed();
    const inMemory = fill({}, start);
    const moved = fill({ originalsIn: dirname(scratch('x')) }, start);
    const source = new VectorSource(start + 2, DIMENSIONS);
    for (let round = 0; round < 3; round += 1) {
      const path = scratch('moved.index');
      saveSnapshot(moved, path);
      useSnapshot(moved, path);
      expectSame(moved, inMemory, start + round);
      for (let at = 0; at < 1000; at += 1) {
        const values = source.next();
        for (const index of [moved, inMemory]) {
          index.put(`${at % 3} ${at + round * 1000}`, values);
          index.delete(String(at + round * 500));
          index.link(1);
        }
      }
      expectSame(moved, inMemory, start + round);
    }
  });

  it('are in memory where no file can be made', () => {
    const start = seed();
    const index = fill({ originalsIn: '/nowhere at all' }, start);
    expectSame(index, fill({}, start), start + 1);
  });

  it('of a snapshot that another was opened from stay what they were', () => {
    const start = seed();
    const path = scratch('opened.index');
    const index = fill({}, start);
    saveSnapshot(index, path);
    const opened = openSnapshot(path).index;
    const source = new VectorSource(start + 3, DIMENSIONS);
    for (let at = 0; at < 1500; at += 1) {
      const values = source.next();
      for (const each of [index, opened]) {
        each.put(String(at * 2), values);
        each.delete(String(at));
        each.link(1);
      }
    }
    // An index that was opened links in another order from there on.
    expectSame(opened, index, start + 4, true);
    // What was written to the memory of one is not in the file.
    const again = openSnapshot(path).index;
    expectSame(again, fill({}, start), start + 4);
  });
});

it('of a file that was cut end in an error where they are read', () => {
  useBuild(rungs.find(({ rung }) => rung === 'wasm')!);
  const path = scratch('cut.index');
  const index = fill({}, seed());
  saveSnapshot(index, path);
  const opened = openSnapshot(path).index;
  truncateSync(path, readFileSync(path).length / 2);
  const search = () =>
    opened.search(new Float32Array(DIMENSIONS).fill(1), { limit: 9, exact: true });
  expect(search).toThrow(expect.objectContaining({ code: 'damaged' }));
});
