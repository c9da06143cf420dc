/** Members without files and network: what they write and send waits until a test lets it through. */
import { NamespaceCore } from '../../../nodes/available/namespace-core.js';
import type { NamespaceRecord, ReadRecords } from '../../../nodes/available/namespace-records.js';

export const value = { content: 'x', metadata: {}, by: 'p', atMs: 1, vector: null };
export const nothing: ReadRecords = { replica: undefined, snapshot: null, updates: [] };

/** A member whose disk does what it is told to. */
export class Held {
  /** Its time of day. */
  nowMs = 1_000_000;
  readonly core: NamespaceCore;
  readonly written: NamespaceRecord[] = [];
  readonly sent: Uint8Array[] = [];
  #last = 0;

  constructor(nodeId: number, read: ReadRecords, isUnsure: boolean) {
    const options = { name: 'n', nodeId, freshReplica: `${nodeId}.x`, pieceBytes: 1_000_000 };
    this.core = new NamespaceCore(
      { ...options, read, rename: false, isUnsure },
      {
        nowMs: () => this.nowMs,
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
export function exchange(one: Held, other: Held, isOneSynced = true): void {
  one.core.compare([2]);
  other.core.compare([1]);
  for (let round = 0; round < 10; round += 1) {
    for (const bytes of one.sent.splice(0)) other.core.receive(1, bytes);
    for (const bytes of other.sent.splice(0)) one.core.receive(2, bytes);
    other.persist();
    if (isOneSynced) one.persist();
  }
}
