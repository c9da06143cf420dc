import { gossipsub, type GossipSub } from '@libp2p/gossipsub';
import { identify, type Identify } from '@libp2p/identify';
import type { Libp2p } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';
import { WITHIN, addressOf, eventOf, startNode } from './nodes.js';

const NODES = 5;
const TOPIC = 'swarm';

type Node = Libp2p<{ identify: Identify; pubsub: GossipSub }>;

/** A method that the class has and its type leaves out. */
interface Meshed {
  getMeshPeers(topic: string): string[];
}

interface Message {
  readonly topic: string;
  readonly data: Uint8Array;
}

describe('gossipsub over QUIC', () => {
  it('brings a message of each node to all others, along a line of five', async () => {
    const nodes: Node[] = await Promise.all(
      Array.from({ length: NODES }, () =>
        startNode({ services: { identify: identify(), pubsub: gossipsub() } }),
      ),
    );
    for (const node of nodes) node.services.pubsub.subscribe(TOPIC);
    // Each knows its neighbours only: what reaches the end of the line was passed on.
    for (const [index, node] of nodes.entries()) {
      const next = nodes[index + 1];
      if (next !== undefined) await node.dial(addressOf(next));
    }
    // Until both sides of each connection have taken the other into their mesh.
    const neighbours = (): number[] =>
      nodes.map(
        ({ services }) => (services.pubsub as unknown as Meshed).getMeshPeers(TOPIC).length,
      );
    await expect.poll(neighbours, WITHIN).toEqual([1, 2, 2, 2, 1]);

    for (const [index, sender] of nodes.entries()) {
      const text = `message of node ${index}`;
      const others = nodes.filter((node) => node !== sender);
      const received = others.map(({ services }) =>
        eventOf<Message>(
          services.pubsub,
          'message',
          ({ topic, data }) => topic === TOPIC && Buffer.from(data).toString() === text,
        ),
      );
      await sender.services.pubsub.publish(TOPIC, Buffer.from(text));
      expect(await Promise.all(received)).toHaveLength(NODES - 1);
    }
  });
});
