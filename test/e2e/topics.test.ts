/** Topics on real processes: all subscribers get what is published, whatever member is killed. */
import { describe, expect, it } from 'vitest';

import { createIdentity, parsePeerAddress } from '../../transport/identity/index.js';
import { SwarmClient } from '../../src/client/index.js';
import type { TopicDelivery, TopicSubscription } from '../../src/client/index.js';
import { run, runJson } from './support/processes.js';
import { until } from '../waiting.js';
import { Swarm } from './support/swarm.js';

/** Any free port: members tell each other which it is. */
const WITH_TOPICS = { env: { AGENTIC_FLOW_TOPICS_LISTEN: '127.0.0.1:0' } };

/** A client with the client token that knows all members. */
async function connectTo(swarm: Swarm, identity = createIdentity()): Promise<SwarmClient> {
  const seeds = swarm.members.map(({ address }) => parsePeerAddress(address));
  return SwarmClient.connect({ seeds, token: swarm.created.clientToken, identity });
}

/** What a subscription has delivered so far. */
function gathered(subscription: TopicSubscription<unknown>): TopicDelivery<unknown>[] {
  const deliveries: TopicDelivery<unknown>[] = [];
  void (async () => {
    for await (const delivery of subscription) deliveries.push(delivery);
  })();
  return deliveries;
}

describe('the topics of a swarm', () => {
  it('reach the subscribers of all members, and go on when members are killed', async () => {
    const swarm = await Swarm.start({ nodes: 3, spawn: WITH_TOPICS });
    const author = createIdentity();
    const publisher = await connectTo(swarm, author);
    const client = await connectTo(swarm);
    const peerOf = (nodeId: number): string => swarm.member(nodeId).peerId;
    const heard = await Promise.all(
      [1, 2, 3].map(async (nodeId) =>
        gathered(await client.topics.subscribe('news', { only: peerOf(nodeId) })),
      ),
    );
    let published = 0;
    /** Publishes at one member until each of these has got something that was published since. */
    const reaches = async (from: number, deliveries: readonly TopicDelivery<unknown>[][]) => {
      const since = published;
      const isHeard = (each: TopicDelivery<unknown>[]): boolean =>
        each.some(({ message }) => (message as { n: number }).n > since);
      await until(`all have heard from node ${from}`, async () => {
        published += 1;
        await publisher.topics.publish('news', { n: published }, { only: peerOf(from) });
        return deliveries.every(isHeard);
      });
    };
    await reaches(1, heard);
    for (const each of heard) {
      expect(each.at(-1)).toMatchObject({
        author: author.peerId,
        from: peerOf(1),
        droppedBefore: 0,
        gapBefore: false,
      });
    }
    await reaches(2, heard);

    await swarm.member(3).process.kill();
    await reaches(1, heard.slice(0, 2));
    await reaches(2, heard.slice(0, 2));

    // Members take turns, so that one of a few is served by node 2.
    const roaming = await until('a subscription at node 2', async () => {
      const subscription = await client.topics.subscribe('news');
      if (subscription.servedBy === peerOf(2)) return subscription;
      subscription.close();
      return undefined;
    });
    const deliveries = gathered(roaming);
    await reaches(1, [deliveries]);
    const before = deliveries.length;
    await swarm.member(2).process.kill();
    // Node 1 is alone and leads nobody: topics need no majority.
    await reaches(1, [deliveries]);
    const after = deliveries.slice(before).filter(({ gapBefore }) => gapBefore);
    expect(after).toHaveLength(1);
    expect(roaming).toMatchObject({ servedBy: peerOf(1), moves: 1 });
    await publisher.close();
    await client.close();
  }, 600_000);

  it('have commands, and a node without them says how to get them', async () => {
    const swarm = await Swarm.start({ nodes: 1, spawn: WITH_TOPICS });
    const through = swarm.through(1, swarm.created.clientToken);
    const listening = run(['topic', 'listen', 'jobs', '--count', '1', '--json', ...through]);
    let isOver = false;
    listening.finally(() => (isOver = true)).catch(() => undefined);
    await until('the listener has got a message', async () => {
      if (isOver) return true;
      const job = ['topic', 'publish', 'jobs', '{"id":7}', '--parse'];
      const published = await runJson<{ members: number }>([...job, ...through]);
      expect(published.members).toBe(0);
      return false;
    });
    const { code, stdout, stderr } = await listening;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ message: { id: 7 }, droppedBefore: 0 });
    expect(stderr).toMatch(/listens to jobs at /);

    const badName = await run(['topic', 'publish', 'no name', 'text', ...through]);
    expect(badName).toMatchObject({ code: 1, stdout: '' });
    expect(badName.stderr).toMatch(/"no name" is no name of a topic/);
    const notJson = await run(['topic', 'publish', 'jobs', '{', '--parse', ...through]);
    expect(notJson).toMatchObject({ code: 1, stdout: '' });

    const without = await Swarm.start({ nodes: 1 });
    const data = ['--data', without.member(1).directory];
    for (const command of [
      ['topic', 'publish', 'jobs', 'text'],
      ['topic', 'listen', 'jobs'],
    ]) {
      const refused = await run([...command, ...data]);
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toMatch(/this node has no topics: start it with --topics-listen/);
    }
  }, 600_000);
});
