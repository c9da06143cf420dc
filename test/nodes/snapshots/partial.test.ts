import {
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { closeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { buildSnapshot } from '../../../nodes/snapshots/build.js';
import type { Manifest } from '../../../nodes/snapshots/format.js';
import { PartialSnapshot } from '../../../nodes/snapshots/partial.js';
import { RandomStream } from '../../../sim/world/random.js';
import { State, rowOf, scratch, seedOf, someRecords } from './support.js';

const random = new RandomStream(seedOf('partial snapshots'), 'partial');

interface Whole {
  readonly manifest: Manifest;
  block(at: number): Buffer;
}

async function whole(state: State): Promise<Whole> {
  const directory = scratch('source');
  await mkdir(directory);
  const path = join(directory, 'snapshot');
  const manifest = await buildSnapshot(state.view(), path, new AbortController().signal);
  const bytes = readFileSync(path);
  const block = (at: number): Buffer =>
    bytes.subarray(manifest.offset(at), manifest.offset(at) + manifest.length(at));
  return { manifest, block };
}

describe('a partial snapshot', () => {
  it('takes blocks in any order, once or twice, and only the right ones', async () => {
    const { manifest, block } = await whole(new State(someRecords(3_000_000, random), 4));
    const partial = await PartialSnapshot.create(scratch('incoming'), manifest);
    const { blocks, contentBytes } = manifest.description;
    const order = random.shuffle(Array.from({ length: blocks }, (_, at) => at));
    for (const at of order) {
      const wrong = Buffer.from(block(at));
      wrong[0] = (wrong[0] ?? 0) ^ 1;
      expect(await partial.put(at, wrong)).toBe(false);
      expect(await partial.put(at, block(at).subarray(1))).toBe(false);
      expect(partial.has(at)).toBe(false);
      expect(await partial.put(at, block(at))).toBe(true);
      expect(await partial.put(at, block(at))).toBe(true);
    }
    expect(partial.isComplete).toBe(true);
    expect(partial.presentBytes).toBe(contentBytes);
    expect(readFileSync(partial.contentPath).length).toBe(contentBytes);
    await partial.remove();
  });

  it('knows after a restart which blocks are whole, whatever the crash left', async () => {
    const { manifest, block } = await whole(new State(someRecords(4_000_000, random), 4));
    const { blocks, id } = manifest.description;
    for (let round = 0; round < 20; round += 1) {
      const directory = scratch('incoming');
      const partial = await PartialSnapshot.create(directory, manifest);
      const written = Array.from({ length: blocks }, (_, at) => at).filter(() =>
        random.chance(0.6),
      );
      for (const at of written) await partial.put(at, block(at));
      await partial.close();
      // The bytes of one block never reached the disk; or the end of the file did not.
      const lost = random.integer(0, blocks - 1);
      const file = openSync(partial.contentPath, 'r+');
      writeSync(file, Buffer.alloc(100), 0, 100, manifest.offset(lost));
      closeSync(file);
      const length = random.integer(0, manifest.description.contentBytes);
      const isCut = random.chance(0.5);
      if (isCut) truncateSync(partial.contentPath, length);
      const again = await PartialSnapshot.open(directory, id);
      for (let at = 0; at < blocks; at += 1) {
        const end = manifest.offset(at) + manifest.length(at);
        const isThere = written.includes(at) && at !== lost && !(isCut && end > length);
        expect(again.has(at)).toBe(isThere);
      }
      await again.remove();
      expect(readdirSync(directory)).toEqual([]);
    }
  });

  it('without its content begins at nothing; without its manifest it is malformed', async () => {
    const { manifest } = await whole(new State(someRecords(200_000, random), 4));
    const directory = scratch('incoming');
    const partial = await PartialSnapshot.create(directory, manifest);
    await partial.close();
    const { id } = manifest.description;
    const path = join(directory, `${id}.blocks`);
    const bytes = readFileSync(path);
    for (let round = 0; round < 50; round += 1) {
      writeFileSync(path, bytes.subarray(0, random.integer(0, bytes.length - 1)));
      await expect(PartialSnapshot.open(directory, id)).rejects.toThrow(/./);
      const damaged = Buffer.from(bytes);
      const at = random.integer(0, bytes.length - 1);
      damaged[at] = (damaged[at] ?? 0) ^ 255;
      writeFileSync(path, damaged);
      await expect(PartialSnapshot.open(directory, id)).rejects.toThrow('cannot be used');
    }
    const other = 'c'.repeat(64);
    writeFileSync(join(directory, `${other}.blocks`), bytes);
    await expect(PartialSnapshot.open(directory, other)).rejects.toThrow('of another snapshot');
  });

  it('takes from an older one what they have in common', async () => {
    const state = new State(someRecords(6_000_000, random), 4);
    const old = await whole(state);
    const older = await PartialSnapshot.create(scratch('incoming'), old.manifest);
    for (let at = 0; at < old.manifest.description.blocks; at += 1) {
      await older.put(at, old.block(at));
    }
    state.index = 9;
    state.records.push(...Array.from({ length: 20 }, (_, at) => rowOf(-at, 1_000, random)));
    state.records[5] = rowOf(5, 300, random);
    const { manifest } = await whole(state);
    const partial = await PartialSnapshot.create(scratch('incoming'), manifest);
    const adopted = await partial.adopt(older);
    expect(adopted).toBe(partial.presentBytes);
    // The first block names the index; one row was replaced, and rows were added at the end.
    expect(manifest.description.contentBytes - adopted).toBeLessThan(6 * 512 * 1024);
    expect(adopted).toBeGreaterThan(2_500_000);
    await older.remove();
    await partial.remove();
  });

  it('leaves no file of others behind, and folders alone', async () => {
    const { manifest } = await whole(new State(someRecords(100_000, random), 4));
    const directory = scratch('incoming');
    const partial = await PartialSnapshot.create(directory, manifest);
    const { id } = manifest.description;
    for (const name of ['snapshot-1', `${'d'.repeat(64)}.content`, `${id}.blocks.unfinished`]) {
      writeFileSync(join(directory, name), 'left over');
    }
    mkdirSync(join(directory, 'pushed'));
    expect(await PartialSnapshot.list(directory)).toEqual([id]);
    await PartialSnapshot.removeOthers(directory, [id]);
    expect(readdirSync(directory).sort()).toEqual([`${id}.blocks`, `${id}.content`, 'pushed']);
    await partial.close();
    expect(await PartialSnapshot.list(scratch('missing'))).toEqual([]);
  });
});
