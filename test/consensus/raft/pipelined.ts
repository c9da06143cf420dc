import { type Ready, type RaftConfig, decodeConfChange } from '../../../consensus/raft/index.js';
import type { RestoredState } from '../../../consensus/raft/index.js';
import { Single } from './single.js';

/** Whether anything of a ready waits for the disk. */
function hasWrite({ hardState, entries, snapshot, messagesAfterPersist, receipt }: Ready): boolean {
  const isWritten = hardState !== undefined || entries.length > 0 || snapshot !== undefined;
  return isWritten || messagesAfterPersist.length > 0 || receipt !== null;
}

/**
 * One node with asynchronous storage writes, whose disk and application do nothing before the test
 * says so. Readies are taken as soon as there are any.
 */
export class Pipelined extends Single {
  /** Readies that are not durable, oldest first. */
  readonly writing: Ready[] = [];
  /** Readies whose entries are not applied, oldest first. */
  readonly applying: Ready[] = [];

  constructor(restored: RestoredState, fields: Partial<RaftConfig> = {}) {
    super(restored, { asyncStorageWrites: true, ...fields });
  }

  override settle(): this {
    while (this.node.hasReady()) {
      const ready = this.node.ready();
      this.readies.push(ready);
      this.sent.push(...ready.messages);
      if (hasWrite(ready)) this.writing.push(ready);
      if (ready.committedEntries.length > 0) this.applying.push(ready);
    }
    return this;
  }

  /** The oldest `count` writes are durable. */
  write(count = 1): this {
    for (const ready of this.writing.splice(0, count)) {
      for (const message of ready.messagesAfterPersist) {
        if (message.to === message.from) this.node.step({ type: 'ownAnswer', message });
        else this.sent.push(message);
      }
      if (ready.receipt !== null) this.node.step({ type: 'written', receipt: ready.receipt });
    }
    return this.settle();
  }

  /** Everything that was written is durable, and what comes of it. */
  writeAll(): this {
    while (this.writing.length > 0) this.write();
    return this;
  }

  /** The oldest `count` applications are done. */
  apply(count = 1): this {
    for (const ready of this.applying.splice(0, count)) {
      for (const entry of ready.committedEntries) {
        this.applied.push(entry);
        if (entry.type === 'confChange') this.node.applyConfChange(decodeConfChange(entry.data));
      }
      const index = ready.committedEntries.at(-1)?.index ?? 0;
      this.node.step({ type: 'applied', index });
    }
    return this.settle();
  }

  /** Campaigns, wins with the votes of `voters`, and has its first entry on its disk. */
  override lead(...voters: number[]): this {
    this.node.step({ type: 'campaign' });
    this.settle().writeAll();
    for (const from of voters) this.receive(from, { type: 'voteResponse' });
    this.writeAll();
    this.sent = [];
    return this;
  }

  /** Indexes handed out for application and not applied. */
  get handedOut(): number[] {
    return this.applying.flatMap((ready) => ready.committedEntries.map(({ index }) => index));
  }
}
