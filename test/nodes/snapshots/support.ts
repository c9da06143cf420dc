/** States to make snapshots of, and folders for them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll } from 'vitest';

import type { SnapshotView } from '../../../nodes/snapshots/build.js';
import { RandomStream } from '../../../sim/world/random.js';
import type { DumpRecord } from '../../../src/memory/engine.js';

const root = mkdtempSync(join(tmpdir(), 'agentic-flow-snapshots-'));
let folders = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A path that is not there yet. */
export function scratch(name: string): string {
  folders += 1;
  return join(root, `${folders}-${name}`);
}

/** The seed of this run: printed, and taken back from `SEED`. */
export function seedOf(name: string): number {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
  console.log(`${name}: SEED=${seed}`);
  return seed;
}

/** A row of about so many bytes. */
export function rowOf(id: number, bytes: number, random: RandomStream): DumpRecord {
  const blob = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) blob.writeUInt32LE(random.uint32(), at);
  return { table: 'patterns', row: { id: `row-${id}`, blob: new Uint8Array(blob) } };
}

/** A state that a test may change; views taken before do not change with it. */
export class State {
  records: DumpRecord[];
  index: number;
  openViews = 0;

  constructor(records: readonly DumpRecord[], index: number) {
    this.records = [...records];
    this.index = index;
  }

  view(): SnapshotView {
    const { records, index } = this;
    const copy = [...records];
    const close = (): void => {
      this.openViews -= 1;
    };
    this.openViews += 1;
    const confState = {
      voters: [1, 2, 3],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    };
    return {
      meta: { index, term: 2, confState },
      controlState: new Uint8Array([1, 2, 3]),
      dump: { appliedIndex: index, records: () => copy.values(), close },
    };
  }
}

/** Rows of 100 bytes to 20 KB, together about `bytes`. */
export function someRecords(bytes: number, random: RandomStream): DumpRecord[] {
  const records: DumpRecord[] = [];
  let left = bytes;
  while (left > 0) {
    const length = random.integer(100, 20_000);
    records.push(rowOf(records.length, length, random));
    left -= length;
  }
  return records;
}

/** A record with plain arrays in place of bytes, to be compared. */
export function plain({ table, row, vector }: DumpRecord): unknown {
  const columns = Object.entries(row).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
  ]);
  return { table, columns, vector };
}
