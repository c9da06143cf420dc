import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { NodeError } from '../../../nodes/errors.js';
import { buildSnapshot } from '../../../nodes/snapshots/build.js';
import { SnapshotContent } from '../../../nodes/snapshots/content.js';
import {
  Manifest,
  TRAILER_BYTES,
  decodeTrailer,
  encodeTrailer,
} from '../../../nodes/snapshots/format.js';
import { RandomStream } from '../../../sim/world/random.js';
import type { DumpRecord } from '../../../src/memory/engine.js';
import { State, plain, rowOf, scratch, seedOf, someRecords } from './support.js';

const seed = seedOf('snapshot files');
const random = new RandomStream(seed, 'format');
const never = new AbortController().signal;

const trailer = { id: 'ab'.repeat(32), index: 300, contentBytes: 70_000, blocks: 2 };
const GOLDEN_TRAILER = `414632534e50440a010000002c01000000000000701101000000000002000000${'ab'.repeat(32)}adafa94b`;

/** A whole snapshot, as version 1 writes it. It never changes: a later version reads it too. */
const GOLDEN_CONTENT =
  '414632534e41500a01000000320000000107000000000000000200000000000000000300010000000000000002' +
  '00000000000000030000000000000000000000000003000000010203250000009401a1749392a161a46e756c6c' +
  '93a162a474657874a17893a163a7696e7465676572a133c072000000d8c659185d480a9d55fe17ea350bf8416a' +
  '5df669e0c923afcbc5c915b4fb87a5414632534e50440a01000000070000000000000072000000000000000100' +
  '0000c8b4e3b41854b2ea65dee58b63da3d54ceed095f6e0637739a335f06310cca4897484c63';

async function built(state: State): Promise<{ path: string; manifest: Manifest }> {
  const directory = scratch('built');
  await mkdir(directory);
  const path = join(directory, 'snapshot');
  return { path, manifest: await buildSnapshot(state.view(), path, never) };
}

function code(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof NodeError) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

describe('a trailer', () => {
  it('has its golden bytes', () => {
    expect(encodeTrailer(trailer).toString('hex')).toBe(GOLDEN_TRAILER);
    expect(decodeTrailer(Buffer.from(GOLDEN_TRAILER, 'hex'))).toEqual(trailer);
  });

  it('is refused as malformed with any bit of it changed, or cut off', () => {
    const bytes = encodeTrailer(trailer);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(code(() => decodeTrailer(damaged))).toBe('malformed');
    }
    for (let length = 0; length < bytes.length; length += 1) {
      expect(code(() => decodeTrailer(bytes.subarray(0, length)))).toBe('malformed');
    }
  });

  it.each([
    [{ blocks: 0 }],
    [{ blocks: 70_001 }],
    [{ contentBytes: 0 }],
    [{ contentBytes: 2 ** 50 }],
    [{ index: 0 }],
  ])('cannot say %o', (change) => {
    expect(code(() => decodeTrailer(encodeTrailer({ ...trailer, ...change })))).toBe('malformed');
  });
});

describe('a snapshot', () => {
  it('has its golden bytes', async () => {
    const record = { table: 't', row: { a: null, b: 'x', c: 3n } };
    const { path } = await built(new State([record], 7));
    expect(readFileSync(path).toString('hex')).toBe(GOLDEN_CONTENT);
  });

  it('holds the name, the control state and every record', async () => {
    const state = new State(someRecords(3_000_000, random), 41);
    const { path, manifest } = await built(state);
    const content = new SnapshotContent(path, manifest.description.contentBytes);
    expect(content.meta).toEqual(state.view().meta);
    expect([...content.controlState]).toEqual([1, 2, 3]);
    const read = [...content.records()].map(plain);
    content.close();
    expect(read).toEqual(state.records.map(plain));
    for (let block = 0; block < manifest.description.blocks; block += 1) {
      const offset = manifest.offset(block);
      const bytes = readFileSync(path).subarray(offset, offset + manifest.length(block));
      expect(manifest.matches(block, bytes)).toBe(true);
    }
  });

  it('is of the moment at which it was begun, whatever is written meanwhile', async () => {
    const state = new State(someRecords(2_000_000, random), 5);
    const view = state.view();
    const directory = scratch('built');
    await mkdir(directory);
    const path = join(directory, 'snapshot');
    const building = buildSnapshot(view, path, never);
    const before = state.records.map(plain);
    state.records = [];
    const { description } = await building;
    const content = new SnapshotContent(path, description.contentBytes);
    expect([...content.records()].map(plain)).toEqual(before);
    content.close();
  });

  it('is written in slices: others get a turn while rows are slow to come', async () => {
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    const rows = Array.from({ length: 200 }, (_, at) => rowOf(at, 10, random));
    const view = new State([], 5).view();
    const slow = function* (): Generator<DumpRecord> {
      for (const row of rows) {
        const untilMs = performance.now() + 1;
        while (performance.now() < untilMs);
        yield row;
      }
    };
    const directory = scratch('built');
    await mkdir(directory);
    setImmediate(count);
    const dump = { ...view.dump, records: slow };
    await buildSnapshot({ ...view, dump }, join(directory, 'snapshot'), never);
    isOver = true;
    // All rows are in one block, so that nothing but the slices makes room: 200 ms in 4 ms each.
    expect(turns).toBeGreaterThan(20);
  });

  it('that is given up leaves off with the reason', async () => {
    const abort = new AbortController();
    const directory = scratch('built');
    await mkdir(directory);
    const state = new State(someRecords(20_000_000, random), 5);
    const building = buildSnapshot(state.view(), join(directory, 's'), abort.signal);
    abort.abort(new NodeError('stopped', 'enough'));
    await expect(building).rejects.toThrow('enough');
  });

  it('that ends anywhere else than at its end is malformed', async () => {
    const { path, manifest } = await built(new State(someRecords(60_000, random), 3));
    const { contentBytes } = manifest.description;
    const whole = readFileSync(path).subarray(0, contentBytes);
    const cutPath = scratch('cut');
    for (let round = 0; round < 200; round += 1) {
      const length = random.integer(0, contentBytes - 1);
      writeFileSync(cutPath, whole.subarray(0, length));
      const said = code(() => {
        const content = new SnapshotContent(cutPath, length);
        try {
          for (const _ of content.records());
        } finally {
          content.close();
        }
      });
      // A cut between two records cannot be seen here; the manifest sees it.
      if (said !== 'nothing thrown') expect(said).toBe('malformed');
    }
    truncateSync(path, contentBytes - 1);
    expect(code(() => new SnapshotContent(path, contentBytes))).toBe('malformed');
    expect(existsSync(path)).toBe(true);
  });

  it('with lengths that no snapshot has is malformed, and no memory is taken for them', () => {
    const path = scratch('hostile');
    const head = Buffer.alloc(16);
    head.write('AF2SNAP\n', 'latin1');
    head.writeUInt32LE(1, 8);
    head.writeUInt32LE(0xffff_fff0, 12);
    writeFileSync(path, head);
    appendFileSync(path, Buffer.alloc(1_000));
    expect(code(() => new SnapshotContent(path, 1_016))).toBe('malformed');
  });
});

describe('a manifest', () => {
  const entry = (length: number, text: string): Buffer => {
    const bytes = Buffer.alloc(36);
    bytes.writeUInt32LE(length);
    createHash('sha256').update(text).digest().copy(bytes, 4);
    return bytes;
  };
  const described = (
    bytes: Buffer,
    contentBytes: number,
  ): ConstructorParameters<typeof Manifest> => {
    const id = createHash('sha256').update(bytes).digest('hex');
    return [{ id, index: 1, contentBytes, blocks: bytes.length / 36 }, bytes];
  };

  it('knows its blocks', () => {
    const manifest = new Manifest(...described(Buffer.concat([entry(2, 'ab'), entry(1, 'c')]), 3));
    expect([manifest.offset(0), manifest.offset(1), manifest.length(0)]).toEqual([0, 2, 2]);
    expect(manifest.matches(1, Buffer.from('c'))).toBe(true);
    expect(manifest.matches(1, Buffer.from('d'))).toBe(false);
    expect(manifest.matches(1, Buffer.from('cc'))).toBe(false);
  });

  it.each([
    ['blocks longer than blocks may be', Buffer.concat([entry(600_000, 'ab')]), 600_000],
    ['blocks of no length', Buffer.concat([entry(0, ''), entry(3, 'abc')]), 3],
    ['blocks that are not as long as the content', Buffer.concat([entry(2, 'ab')]), 3],
  ])('with %s is malformed', (_, bytes, contentBytes) => {
    expect(code(() => new Manifest(...described(bytes, contentBytes)))).toBe('malformed');
  });

  it('of another snapshot is malformed', () => {
    const [description, bytes] = described(entry(2, 'ab'), 2);
    const other = Buffer.from(bytes);
    other[10] = (other[10] ?? 0) ^ 1;
    expect(code(() => new Manifest(description, other))).toBe('malformed');
    expect(code(() => new Manifest(description, bytes.subarray(1)))).toBe('malformed');
  });

  it('stands behind the content in the file', async () => {
    const { path, manifest } = await built(new State(someRecords(1_000_000, random), 9));
    const bytes = readFileSync(path);
    const { contentBytes } = manifest.description;
    expect(bytes.length).toBe(contentBytes + manifest.bytes.length + TRAILER_BYTES);
    expect(decodeTrailer(bytes.subarray(-TRAILER_BYTES))).toEqual(manifest.description);
  });
});
