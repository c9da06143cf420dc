/** Snapshots in blocks: asked for one by one, asked for again, and gone on with. */
import { describe, expect, it } from 'vitest';
import { type Message, createMessage } from '../../../consensus/raft/message.js';
import { limits } from '../../../sim/raft/limits.js';
import type { SnapshotMessage } from '../../../sim/raft/messages.js';
import { SnapshotTransfers } from '../../../sim/raft/snapshot-transfers.js';

const confState = {
  voters: [1, 2],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};
const prepared = { meta: { index: 7, term: 2, confState }, state: 'abcdefgh' };
const message = createMessage({ type: 'snapshot', to: 2, from: 1, term: 3 });

/** A giver and a taker; what they send waits until it is delivered or lost. */
class Pair {
  readonly sent: SnapshotMessage[] = [];
  readonly arrived: Message[] = [];
  readonly giver: SnapshotTransfers;
  readonly taker: SnapshotTransfers;

  constructor(snapshotBlocks: number) {
    const send = (_to: string, sent: SnapshotMessage) => this.sent.push(sent);
    this.giver = new SnapshotTransfers({ snapshotBlocks }, send, () => undefined);
    this.taker = new SnapshotTransfers({ snapshotBlocks }, send, (each) => this.arrived.push(each));
  }

  offer(): void {
    this.giver.give('taker', message, prepared);
  }

  /** Delivers the only message that is under way. */
  deliver(): SnapshotMessage['type'] {
    const [only] = this.lose();
    if (only?.type === 'snapshot-wanted') {
      expect(this.giver.giveBlock('taker', only.index, only.block)).toBe(true);
    } else if (only !== undefined && only.type !== 'snapshot-arrived')
      this.taker.receive('giver', only);
    return only?.type ?? 'snapshot-arrived';
  }

  lose(): SnapshotMessage[] {
    expect(this.sent).toHaveLength(1);
    return this.sent.splice(0);
  }

  tick(times: number): void {
    for (let tick = 0; tick < times; tick += 1) this.taker.tick();
  }
}

describe('a snapshot', () => {
  it('of one block comes with the message for the core', () => {
    const pair = new Pair(1);
    pair.offer();
    expect(pair.deliver()).toBe('snapshot-transfer');
    expect(pair.arrived).toMatchObject([{ term: 3, snapshot: { index: 7 } }]);
    expect(pair.taker.stateOf(prepared.meta)).toBe('abcdefgh');
    expect(pair.lose()).toEqual([{ type: 'snapshot-arrived', index: 7 }]);
  });

  it('of several is put together of them, the message for the core last', () => {
    const pair = new Pair(3);
    pair.offer();
    const types = Array.from({ length: 7 }, () => pair.deliver());
    const block = ['snapshot-wanted', 'snapshot-block'];
    expect(types).toEqual(['snapshot-offer', ...block, ...block, ...block]);
    expect(pair.arrived).toHaveLength(1);
    expect(pair.taker.stateOf(prepared.meta)).toBe('abcdefgh');
  });

  it('has no blocks but those of what was offered last', () => {
    const pair = new Pair(3);
    expect(pair.giver.giveBlock('taker', 7, 0)).toBe(false);
    pair.offer();
    pair.lose();
    expect(pair.giver.giveBlock('taker', 6, 0)).toBe(false);
    expect(pair.giver.giveBlock('other', 7, 0)).toBe(false);
    expect(pair.sent).toEqual([]);
  });

  it('goes on with the block that did not come', () => {
    const pair = new Pair(3);
    pair.offer();
    for (let count = 0; count < 4; count += 1) pair.deliver();
    expect(pair.lose()).toMatchObject([{ type: 'snapshot-block', block: 1 }]);
    pair.tick(limits.blockTicksMax);
    expect(pair.sent).toMatchObject([{ type: 'snapshot-wanted', block: 1 }]);
  });

  it('that is offered again goes on where it was, and another one begins', () => {
    const pair = new Pair(3);
    pair.offer();
    for (let count = 0; count < 4; count += 1) pair.deliver();
    pair.lose();
    pair.offer();
    pair.deliver();
    expect(pair.lose()).toMatchObject([{ type: 'snapshot-wanted', index: 7, block: 1 }]);
    const later = { ...prepared, meta: { ...prepared.meta, index: 9 } };
    pair.giver.give('taker', message, later);
    pair.deliver();
    expect(pair.lose()).toMatchObject([{ type: 'snapshot-wanted', index: 9, block: 0 }]);
  });

  it('whose giver has another one by now is not answered', () => {
    const pair = new Pair(3);
    pair.offer();
    pair.deliver();
    const wanted = pair.lose();
    const later = { ...prepared, meta: { ...prepared.meta, index: 9 } };
    pair.giver.give('taker', message, later);
    pair.lose();
    for (const each of wanted) pair.giver.receive('taker', each as never);
    expect(pair.sent).toEqual([]);
  });
});
