import { describe, expect, it } from 'vitest';

import { Broadcasts } from '../../../consensus/gossip/broadcasts.js';
import { BROADCASTS_MAX } from '../../../consensus/gossip/limits.js';
import type { Item } from '../../../consensus/gossip/types.js';
import { claimOf, recordOf } from './swarm.js';

const nothing = (): boolean => false;
const all = 1_000_000;

function names(items: readonly Item[]): string[] {
  return items.map((item) =>
    item.kind === 'record'
      ? `record ${item.record.id} ${item.record.incarnation}`
      : `${item.claim.kind} ${item.claim.subject} by ${item.claim.accuser}`,
  );
}

describe('news', () => {
  it('is told a bounded number of times, what was told least often first', () => {
    const news = new Broadcasts();
    news.add(recordOf(1, 1));
    expect(names(news.take(all, 3, nothing))).toEqual(['record 1 1']);
    news.add(recordOf(2, 1));
    expect(names(news.take(all, 3, nothing))).toEqual(['record 2 1', 'record 1 1']);
    expect(names(news.take(all, 3, nothing))).toEqual(['record 2 1', 'record 1 1']);
    expect(names(news.take(all, 3, nothing))).toEqual(['record 2 1']);
    expect(news.size).toBe(0);
  });

  it('gives way to newer news of the same member', () => {
    const news = new Broadcasts();
    const accusation = { subject: 1, incarnation: 1 } as const;
    news.add(recordOf(1, 1));
    news.add(claimOf({ ...accusation, kind: 'suspect', accuser: 2 }));
    news.add(claimOf({ ...accusation, kind: 'suspect', accuser: 3 }));
    news.add(claimOf({ ...accusation, kind: 'dead', accuser: 2 }));
    news.add(claimOf({ ...accusation, kind: 'dead', accuser: 3 }));
    expect(news.size).toBe(4);
    news.add(recordOf(1, 2));
    expect(names(news.take(all, 9, nothing))).toEqual(['record 1 2']);
  });

  it('takes no more bytes than there are, and leaves out what is told already', () => {
    const news = new Broadcasts();
    for (let id = 1; id <= 20; id += 1) news.add(recordOf(id, 1));
    const { length } = recordOf(1, 1).bytes;
    const first = news.take(length * 3 + 10, 9, (item) => names([item])[0] === 'record 2 1');
    expect(names(first)).toEqual(['record 1 1', 'record 3 1', 'record 4 1']);
    expect(news.take(length - 1, 9, nothing)).toEqual([]);
    expect(names(news.take(length, 9, nothing))).toEqual(['record 2 1']);
  });

  it('is bounded: what was told most often makes room', () => {
    const news = new Broadcasts();
    const item = recordOf(1, 1);
    for (let id = 1; id <= BROADCASTS_MAX + 5; id += 1) {
      news.add({ ...item, record: { ...item.record, id } });
    }
    expect(news.size).toBe(BROADCASTS_MAX);
  });
});
