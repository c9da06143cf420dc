import { describe, expect, it } from 'vitest';

import { Subscribers } from '../../../nodes/topics/subscribers.js';
import type { Delivered } from '../../../nodes/topics/subscribers.js';
import { channelOf } from '../../../nodes/topics/content.js';
import {
  MAILBOX_BYTES_MAX,
  MAILBOX_MESSAGES_MAX,
  SUBSCRIPTIONS_MAX,
  SUBSCRIPTIONS_PER_PEER_MAX,
} from '../../../nodes/topics/limits.js';

const never = new AbortController().signal;

function opened() {
  const changes: string[] = [];
  const subscribers = new Subscribers((channel, isWanted) => {
    changes.push(`${isWanted ? '+' : '-'}${channel}`);
  });
  const publish = (topic: string, message: unknown): number =>
    subscribers.deliver({ topic, author: 'author', id: '1', message }, 'member', 7);
  return { subscribers, changes, publish };
}

async function take(
  mailbox: AsyncIterable<Delivered & { readonly droppedBefore: number }>,
  count: number,
) {
  const taken: (Delivered & { readonly droppedBefore: number })[] = [];
  for await (const one of mailbox) if (taken.push(one) === count) break;
  return taken;
}

describe('subscribers of a node', () => {
  it('each get the messages of their topic', async () => {
    const { subscribers, publish } = opened();
    const jobs = [subscribers.add('jobs', 'a', never), subscribers.add('jobs', 'b', never)];
    const news = subscribers.add('news', 'a', never);
    expect(publish('jobs', 'one')).toBe(2);
    expect(publish('news', 'two')).toBe(1);
    expect(publish('none', 'three')).toBe(0);
    const common = { author: 'author', id: '1', from: 'member', sentMs: 7, droppedBefore: 0 };
    for (const mailbox of jobs) {
      expect(await take(mailbox, 1)).toEqual([{ ...common, message: 'one' }]);
    }
    expect(await take(news, 1)).toEqual([{ ...common, message: 'two' }]);
  });

  it('that are slow lose the oldest messages, and are told how many', async () => {
    const { subscribers, publish } = opened();
    const slow = subscribers.add('jobs', 'a', never);
    for (let n = 0; n < MAILBOX_MESSAGES_MAX + 3; n += 1) publish('jobs', n);
    expect(slow.length).toBe(MAILBOX_MESSAGES_MAX);
    const [first] = await take(slow, 1);
    expect(first).toMatchObject({ message: 3, droppedBefore: 3 });
    const large = subscribers.add('news', 'a', never);
    const text = 'x'.repeat(60_000);
    for (let n = 0; n < 20; n += 1) publish('news', text);
    expect(large.length).toBe(Math.floor(MAILBOX_BYTES_MAX / (text.length + 3)));
  });

  it('tell which channels are wanted, once for all topics of one', () => {
    const { subscribers, changes } = opened();
    const first = channelOf('jobs');
    const same = Array.from({ length: 200 }, (_, n) => `topic-${n}`).find(
      (name) => channelOf(name) === first,
    );
    const mailboxes = ['jobs', 'jobs', same ?? ''].map((name) => {
      return subscribers.add(name, 'a', never);
    });
    expect(changes).toEqual([`+${first}`]);
    expect([...subscribers.channels()]).toEqual([first]);
    for (const mailbox of mailboxes) mailbox.close();
    expect(changes).toEqual([`+${first}`, `-${first}`]);
    expect(subscribers.count).toBe(0);
  });

  it('are let go when their call ends', async () => {
    const { subscribers, publish } = opened();
    const gone = new AbortController();
    const mailbox = subscribers.add('jobs', 'a', gone.signal);
    const reading = take(mailbox, 1);
    gone.abort();
    expect(await reading).toEqual([]);
    subscribers.add('jobs', 'a', gone.signal);
    expect(publish('jobs', 1)).toBe(0);
    expect(subscribers.count).toBe(0);
  });

  it('are bounded, for one peer and for all', () => {
    const { subscribers } = opened();
    const mailboxes = Array.from({ length: SUBSCRIPTIONS_PER_PEER_MAX }, (_, n) =>
      subscribers.add(`topic-${n}`, 'a', never),
    );
    expect(() => subscribers.add('one-more', 'a', never)).toThrow(/a has 64 subscriptions/);
    for (let n = subscribers.count; n < SUBSCRIPTIONS_MAX; n += 1) {
      subscribers.add('jobs', `peer-${n}`, never);
    }
    expect(() => subscribers.add('jobs', 'z', never)).toThrow(/the node has 512 subscriptions/);
    mailboxes[0]?.close();
    subscribers.add('jobs', 'a', never);
    expect(subscribers.count).toBe(SUBSCRIPTIONS_MAX);
  });

  it('read what they hold when the node ends them', async () => {
    const { subscribers, publish } = opened();
    const mailbox = subscribers.add('jobs', 'a', never);
    publish('jobs', 1);
    subscribers.end();
    expect(await take(mailbox, 2)).toMatchObject([{ message: 1 }]);
  });
});
