/** What is read after a failure of the disk may be in the memory of the system alone. */
import { expect, it } from 'vitest';

import { NamespaceCore } from '../../../nodes/available/namespace-core.js';
import type { NamespaceRecord, ReadRecords } from '../../../nodes/available/namespace-records.js';

const value = { content: 'x', metadata: {}, by: 'p', atMs: 1, vector: null };
const nothing: ReadRecords = { replica: undefined, snapshot: null, updates: [] };

/** A member whose disk does what it is told to. */
class Held {
  readonly core: NamespaceCore;
  readonly written: NamespaceRecord[] = [];
  readonly sent: Uint8Array[] = [];
  #last = 0;

  constructor(nodeId: number, read: ReadRecords, isUnsure: boolean) {
    const options = { name: 'n', nodeId, freshReplica: `${nodeId}.x`, pieceBytes: 1_000_000 };
    this.core = new NamespaceCore(
      { ...options, read, rename: false, isUnsure },
      {
        nowMs: () => 1_000_000,
        write: (record, number) => {
          this.written.push(record);
          this.#last = number;
        },
        send: (_, bytes) => this.sent.push(bytes),
        sendState: () => undefined,
        changed: () => undefined,
        log: () => undefined,
      },
    );
  }

  persist(): void {
    this.core.persisted(this.#last);
  }
}

/** Both tell each other what they have until neither says more. */
function exchange(one: Held, other: Held): void {
  one.core.compare([2]);
  other.core.compare([1]);
  for (let round = 0; round < 10; round += 1) {
    for (const bytes of one.sent.splice(0)) other.core.receive(1, bytes);
    for (const bytes of other.sent.splice(0)) one.core.receive(2, bytes);
    other.persist();
  }
}

it('nobody hears of it before it is written again', () => {
  const before = new Held(1, nothing, false);
  before.core.put('a', value, { resolve: () => undefined, reject: () => undefined });
  const updates = before.written.flatMap((record) =>
    record.kind === 'update' ? [record.bytes] : [],
  );
  expect(updates).toHaveLength(1);
  const unsure = new Held(1, { ...nothing, replica: '1.x', updates }, true);
  expect(unsure.core.ids).toEqual(['a']);
  const other = new Held(2, nothing, false);
  exchange(unsure, other);
  expect(other.core.ids).toEqual([]);
  expect(unsure.written.length).toBeGreaterThan(0);
  unsure.persist();
  exchange(unsure, other);
  expect(other.core.ids).toEqual(['a']);
});
