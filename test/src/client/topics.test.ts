/** Topics of a client at members that say what the test wants. */
import { describe, expect, it } from 'vitest';

import type { Links } from '../../../src/client/links.js';
import { DEFAULT_SETTINGS } from '../../../src/client/settings.js';
import { Topics } from '../../../src/client/topics.js';
import { TOPIC_MESSAGES_AHEAD_MAX } from '../../../src/client/limits.js';
import { PushSource } from '../../../transport/rpc/push-source.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import { until } from '../../waiting.js';

const GONE = new RpcError('unavailable', 'the connection was lost');
const WITHOUT = new RpcError('refused', 'start it with --topics-listen', { reason: 'no-topics' });
const BEFORE = new RpcError('unknown-method', 'topics.subscribe is not known');

/** One member; its subscriptions deliver what the test pushes. */
class Member {
  readonly subscriptions: PushSource<unknown>[] = [];
  refusal: RpcError | undefined;
  asked = 0;

  constructor(readonly peerId: string) {}

  readonly connection = {
    serverStream: (_method: string, _payload: unknown, { signal }: { signal: AbortSignal }) => {
      this.asked += 1;
      const source = new PushSource<unknown>();
      if (this.refusal !== undefined) {
        source.end(this.refusal);
        return source;
      }
      signal.addEventListener('abort', () => source.end(new RpcError('cancelled', 'closed')));
      source.push({ isSubscribed: true });
      this.subscriptions.push(source);
      return source;
    },
  };

  get source(): PushSource<unknown> {
    return this.subscriptions.at(-1)!;
  }

  deliver(message: unknown, id = `${Math.random()}`, droppedBefore = 0): void {
    const delivery = { id, message, author: 'author', from: this.peerId, sentMs: 7, droppedBefore };
    this.source.push(delivery);
  }
}

function clientOf(...members: Member[]): Topics {
  let turn = -1;
  const links = {
    settings: DEFAULT_SETTINGS,
    callers: (only?: string) =>
      members.filter(({ peerId }) => only === undefined || peerId === only),
    nextTurn: () => (turn += 1),
    changed: async () => undefined,
  };
  const ask = async (): Promise<never> => {
    throw new Error('these tests do not publish');
  };
  return new Topics(links as unknown as Links, ask);
}

describe('a subscription', () => {
  it('goes on at another member, and says that there is a gap', async () => {
    const [one, two] = [new Member('one'), new Member('two')];
    const subscription = await clientOf(one, two).subscribe('jobs');
    expect(subscription.servedBy).toBe('one');
    const reader = subscription[Symbol.asyncIterator]();
    one.deliver(1);
    expect((await reader.next()).value).toMatchObject({ message: 1, gapBefore: false });
    one.source.end(GONE);
    await until('the other one serves it', () => subscription.servedBy === 'two');
    two.deliver(2);
    two.deliver(3);
    expect((await reader.next()).value).toMatchObject({ message: 2, gapBefore: true });
    expect((await reader.next()).value).toMatchObject({ message: 3, gapBefore: false });
    expect(subscription.moves).toBe(1);
    // A member that stops ends its streams.
    two.source.end();
    await until('the first one serves it', () => subscription.servedBy === 'one');
    subscription.close();
    expect(await reader.next()).toMatchObject({ done: true });
  });

  it('passes over members without topics, and over those of a release before', async () => {
    const members = ['one', 'two', 'three'].map((peerId) => new Member(peerId));
    members[0]!.refusal = WITHOUT;
    members[1]!.refusal = BEFORE;
    const subscription = await clientOf(...members).subscribe('jobs');
    expect(subscription.servedBy).toBe('three');
    subscription.close();
  });

  it('is refused when no member has topics, and not tried for long', async () => {
    const members = ['one', 'two'].map((peerId) => new Member(peerId));
    for (const member of members) member.refusal = WITHOUT;
    const refused = clientOf(...members).subscribe('jobs');
    await expect(refused).rejects.toMatchObject({ code: 'refused', reason: 'no-topics' });
    await expect(refused).rejects.toThrow(/--topics-listen/);
    expect(members.map(({ asked }) => asked)).toEqual([1, 1]);
  });

  it('is refused for good to who may not listen', async () => {
    const member = new Member('one');
    member.refusal = new RpcError('permission-denied', 'say client.hello first');
    const refused = clientOf(member).subscribe('jobs');
    await expect(refused).rejects.toMatchObject({ code: 'permission-denied' });
    await expect(clientOf().subscribe('a b')).rejects.toMatchObject({ code: 'invalid' });
  });

  it('delivers a message that was sent again once', async () => {
    const member = new Member('one');
    const subscription = await clientOf(member).subscribe('jobs');
    const reader = subscription[Symbol.asyncIterator]();
    member.deliver('first', 'a');
    member.deliver('first', 'a', 2);
    member.deliver('second', 'b', 3);
    expect((await reader.next()).value).toMatchObject({ message: 'first', droppedBefore: 0 });
    expect((await reader.next()).value).toMatchObject({ message: 'second', droppedBefore: 5 });
    subscription.close();
  });

  it('leaves out what the schema refuses', async () => {
    const member = new Member('one');
    const schema = {
      parse: (value: unknown): number => {
        if (typeof value === 'number') return value + 1;
        throw new Error('no number');
      },
    };
    const subscription = await clientOf(member).subscribe('jobs', { schema });
    for (const message of ['text', null, 1]) member.deliver(message);
    const reader = subscription[Symbol.asyncIterator]();
    expect((await reader.next()).value).toMatchObject({ message: 2 });
    expect(subscription.refused).toBe(2);
    subscription.close();
  });

  it('reads no further ahead than a bound: the member drops what is too much', async () => {
    const member = new Member('one');
    const subscription = await clientOf(member).subscribe('jobs');
    const total = TOPIC_MESSAGES_AHEAD_MAX + 10;
    for (let n = 0; n < total; n += 1) member.deliver(n);
    await until('it has read ahead', () => member.source.size === 10);
    const reader = subscription[Symbol.asyncIterator]();
    for (let n = 0; n < total; n += 1) {
      expect((await reader.next()).value).toMatchObject({ message: n });
    }
    subscription.close();
  });

  it('ends with an error when a member delivers what is no message', async () => {
    const member = new Member('one');
    const subscription = await clientOf(member).subscribe('jobs');
    member.source.push({ nonsense: true });
    const reader = subscription[Symbol.asyncIterator]();
    await expect(reader.next()).rejects.toMatchObject({ code: 'failed' });
  });
});
