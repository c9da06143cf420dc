/** Topics of several members in one process, over QUIC; the calls between members are made directly. */
import { afterAll, describe, expect, it } from 'vitest';

import { createIdentity } from '../../../transport/identity/index.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import type { CallContext, PeerConnection } from '../../../transport/rpc/rpc.js';
import { NodeTopics } from '../../../nodes/topics/node-topics.js';
import type { TopicsHost } from '../../../nodes/topics/node-topics.js';
import { Access, hashToken } from '../../../nodes/service/access.js';
import { until } from '../../waiting.js';

const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

interface Item {
  readonly message?: unknown;
  readonly author?: string;
  readonly from?: string;
}

class Member {
  readonly identity = createIdentity();
  readonly logged: string[] = [];
  readonly topics: NodeTopics;
  readonly access: Access;
  readonly #swarm: Swarm;

  constructor(
    swarm: Swarm,
    readonly nodeId: number,
    hasTopics: boolean,
  ) {
    this.#swarm = swarm;
    const listen = hasTopics ? { host: '127.0.0.1', port: 0 } : undefined;
    this.topics = new NodeTopics({ listen, log: (line) => this.logged.push(line) });
    this.access = new Access(
      (peerId) => swarm.isMember(peerId),
      () => ({
        client: hashToken('client'),
        join: hashToken('join'),
        operator: hashToken('operator'),
      }),
    );
    closing.push(() => this.topics.close());
  }

  get peerId(): string {
    return this.identity.peerId;
  }

  begin(): void {
    const { peerId, nodeId } = this;
    const swarm = this.#swarm;
    const host = {
      file: { nodeId, peerId, members: [] },
      control: {
        get members() {
          return new Map(
            swarm.members.map((one) => [
              one.nodeId,
              { nodeId: one.nodeId, peerId: one.peerId, host: '127.0.0.1' },
            ]),
          );
        },
      },
      peers: {
        call: async (to: number, method: string, payload: unknown) =>
          swarm.members.find((one) => one.nodeId === to)!.ask(method, payload, { peerId }),
      },
      isMember: (one: string) => swarm.isMember(one),
    };
    this.topics.begin(host as unknown as TopicsHost, this.identity);
  }

  client(peerId: string): { readonly peerId: string } {
    const connection = { peerId };
    this.access.admit(connection as PeerConnection, 'client');
    return connection;
  }

  async ask(method: string, payload: unknown, by: { readonly peerId: string }): Promise<unknown> {
    const handler = this.topics.handlers(this.access)[method];
    return handler?.(payload, { connection: by } as CallContext);
  }

  async publish(message: unknown, author = 'author', topic = 'jobs') {
    const asked = { topic, id: `${Math.random()}`, message };
    const answer = await this.ask('topics.publish', asked, this.client(author));
    return answer as { members: number; here: number };
  }

  /** What a client of this member hears; throws what the member refuses. */
  subscribe(topic = 'jobs', by = this.client('listener')): { items: Item[]; end: () => void } {
    const method = this.topics.methods(this.access)['topics.subscribe'];
    if (method?.kind !== 'server-stream') throw new Error('a subscription is a stream of answers');
    const ending = new AbortController();
    const context = { connection: by, signal: ending.signal } as CallContext;
    const answers = method.handler({ topic }, context) as AsyncIterable<Item>;
    const items: Item[] = [];
    void (async () => {
      for await (const item of answers) items.push(item);
    })();
    return { items, end: () => ending.abort() };
  }
}

class Swarm {
  readonly members: Member[] = [];

  constructor(withTopics: readonly boolean[]) {
    withTopics.forEach((hasTopics, at) => this.members.push(new Member(this, at + 1, hasTopics)));
    for (const member of this.members) member.begin();
  }

  isMember(peerId: string): boolean {
    return this.members.some((one) => one.peerId === peerId);
  }

  at(nodeId: number): Member {
    return this.members.find((one) => one.nodeId === nodeId)!;
  }

  async opened(): Promise<void> {
    await until('all listen', () =>
      this.members.every(({ logged }) => logged.some((line) => line.includes('listens on'))),
    );
  }
}

const refusalOf = async (answer: Promise<unknown>): Promise<RpcError> =>
  answer.then(
    () => Promise.reject(new Error('it was not refused')),
    (error: unknown) => error as RpcError,
  );

describe('the topics of nodes', () => {
  it('reach subscribers here and at other members, until a member is removed', async () => {
    const swarm = new Swarm([true, true]);
    await swarm.opened();
    const [first, second] = [swarm.at(1), swarm.at(2)];
    const [here, there, other] = [first.subscribe(), second.subscribe(), second.subscribe('x')];
    await until('both hear it', async () => {
      const { members } = await first.publish({ id: 1 }, 'author');
      return members === 1 && there.items.length > 1;
    });
    for (const { items } of [here, there]) {
      expect(items[0]).toEqual({ isSubscribed: true });
      expect(items.at(-1)).toMatchObject({
        message: { id: 1 },
        author: 'author',
        from: first.peerId,
      });
    }
    expect(other.items).toEqual([{ isSubscribed: true }]);
    await until('the other way', async () => {
      await second.publish('back', 'another');
      return here.items.find(({ message }) => message === 'back');
    });
    expect(here.items.at(-1)).toMatchObject({ author: 'another', from: second.peerId });

    // Whoever leaves is not counted any more.
    there.end();
    await until('nobody is there', async () => (await first.publish('on')).members === 0);

    const again = second.subscribe();
    await until('it is heard', async () => (await first.publish('on')).members === 1);
    swarm.members.splice(1, 1);
    await until('it is not connected', async () => (await first.publish('on')).members === 0);
    await first.publish('secret');
    const heard = here.items.length;
    expect(again.items.some(({ message }) => message === 'secret')).toBe(false);
    await second.publish('from outside').catch(() => undefined);
    await first.publish('inside');
    await until('the message from inside is here', () => here.items.length > heard);
    expect(here.items.some(({ message }) => message === 'from outside')).toBe(false);
  });

  it('are for clients alone, and addresses for members alone', async () => {
    const swarm = new Swarm([true]);
    await swarm.opened();
    const member = swarm.at(1);
    const stranger = { peerId: 'stranger' };
    const asked = { topic: 'jobs', id: '1', message: 1 };
    expect((await refusalOf(member.ask('topics.publish', asked, stranger))).code).toBe(
      'permission-denied',
    );
    expect(() => member.subscribe('jobs', stranger)).toThrow(/client.hello/);
    const client = member.client('client');
    expect((await refusalOf(member.ask('topics.address', {}, client))).code).toBe(
      'permission-denied',
    );
    expect(await member.ask('topics.address', {}, { peerId: member.peerId })).toMatchObject({
      host: '127.0.0.1',
    });
    for (const hostile of [
      { ...asked, topic: 'a b' },
      { ...asked, message: 'x'.repeat(100_000) },
      { ...asked, id: 7 },
      null,
    ]) {
      expect((await refusalOf(member.ask('topics.publish', hostile, client))).code).toBe(
        'malformed',
      );
    }
    expect(() => member.subscribe('')).toThrow(/is no name of a topic/);
    // An author is who has proven to be it, whatever the payload says.
    const { items } = member.subscribe();
    await member.ask('topics.publish', { ...asked, author: 'boss', from: 'boss' }, client);
    await until('it is here', () => items.length === 2);
    expect(items[1]).toMatchObject({ author: 'client', from: member.peerId });
  });

  it('are refused by a node without them, which says how to get them', async () => {
    const member = new Swarm([false]).at(1);
    const refusal = await refusalOf(member.publish(1));
    expect(refusal).toMatchObject({ code: 'refused', reason: 'no-topics' });
    expect(refusal.message).toMatch(/--topics-listen HOST:PORT/);
    expect(() => member.subscribe()).toThrow(/--topics-listen/);
    expect(member.logged).toEqual([]);
  });

  it('end when the node stops', async () => {
    const swarm = new Swarm([true]);
    await swarm.opened();
    const member = swarm.at(1);
    member.subscribe();
    await member.topics.close();
    expect(await refusalOf(member.publish(1))).toMatchObject({ reason: 'stopping' });
  });
});
