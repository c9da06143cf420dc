import { gossipsub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { PeerId } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { encodeEnvelope } from '../../../src/topics/envelope.js';
import { libp2pKeyOf } from '../../../src/topics/identity.js';
import { openTopics, topicPeerId, type Topics } from '../../../src/topics/index.js';
import { thresholds } from '../../../src/topics/score-parameters.js';
import { createIdentity, type Identity } from '../../../transport/identity/index.js';
import { quicTransport } from '../../../transport/libp2p/index.js';
import { until } from '../../waiting.js';

const LOOPBACK = '/ip4/127.0.0.1/udp/0/quic-v1';
const GOSSIP_TOPIC = 'agentic-flow/topics/1/tasks';
const schemas = { tasks: z.object({ id: z.number().int() }) };
type Tasks = Topics<typeof schemas>;

const opened: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

async function open(
  identity: Identity,
  members: readonly Identity[],
  peers: readonly Tasks[] = [],
): Promise<Tasks> {
  const allowed = new Set(members.map(topicPeerId));
  const topics = await openTopics({
    identity,
    listen: [LOOPBACK],
    topics: schemas,
    peers: peers.map(({ addresses }) => addresses[0]!),
    allow: (peerId) => allowed.has(peerId),
  });
  opened.push(topics);
  return topics;
}

/** Methods of gossipsub that are private there: an attacker is not stopped by that. */
interface RawGossip {
  publish(topic: string, data: Uint8Array): Promise<unknown>;
  sendRpc(peerId: string, rpc: object): boolean;
  getSubscribers(topic: string): PeerId[];
  subscribe(topic: string): void;
}

/** A member that runs gossipsub by itself and sends what it likes. */
async function openAttacker(identity: Identity, victim: Tasks): Promise<RawGossip> {
  const node = await createLibp2p({
    privateKey: libp2pKeyOf(identity),
    transports: [quicTransport()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify(), pubsub: gossipsub() },
  });
  opened.push({ close: async () => await node.stop() });
  await node.dial(multiaddr(victim.addresses[0]!));
  const gossip = node.services.pubsub as unknown as RawGossip;
  gossip.subscribe(GOSSIP_TOPIC);
  await until('the attacker is a neighbour', () =>
    gossip.getSubscribers(GOSSIP_TOPIC).some((peer) => peer.toString() === victim.peerId),
  );
  return gossip;
}

function scoreOf(topics: Tasks, identity: Identity): number | undefined {
  const peerId = topicPeerId(identity);
  return topics.report().peers.find((peer) => peer.peerId === peerId)?.score;
}

function bytesOf(sequence: number, body: unknown = { id: 1 }): Uint8Array {
  return encodeEnvelope('tasks', { epoch: 1, sequence, sentMs: Date.now(), body });
}

const [alice, bob, mallory, stranger] = [
  createIdentity(),
  createIdentity(),
  createIdentity(),
  createIdentity(),
];
const members = [alice, bob, mallory];

describe('topics', () => {
  it('deliver what is published, typed, and say when nobody hears it', async () => {
    const first = await open(alice, members);
    await expect(first.publish('tasks', { id: 1 })).rejects.toMatchObject({
      code: 'no-subscribers',
    });
    expect(await first.publish('tasks', { id: 1 }, { allowNobody: true })).toBe(0);
    const second = await open(bob, members, [first]);
    const subscription = second.subscribe('tasks');
    await until('bob is known to subscribe', () => first.subscribers('tasks').length === 1);
    expect(await first.publish('tasks', { id: 7 })).toBe(1);
    for await (const { message, from, sequence, droppedBefore } of subscription) {
      const expected = { message: { id: 7 }, from: first.peerId, sequence: 3, droppedBefore: 0 };
      expect({ message, from, sequence, droppedBefore }).toEqual(expected);
      break;
    }
    await until('bob is known to have left', () => first.subscribers('tasks').length === 0);
  });

  it('hand messages to a handler one by one, and what it throws to whoever asks', async () => {
    const first = await open(alice, members);
    const second = await open(bob, members, [first]);
    const seen: number[] = [];
    const subscription = second.subscribe('tasks', ({ message }) => {
      seen.push(message.id);
      if (message.id === 2) throw new Error('two');
    });
    const finished = expect(subscription.finished).rejects.toThrow('two');
    await until('bob is known to subscribe', () => first.subscribers('tasks').length === 1);
    for (const id of [1, 2, 3]) await first.publish('tasks', { id }, { allowNobody: true });
    await finished;
    expect(seen).toEqual([1, 2]);
  });

  it('refuse what cannot be used, and say what to do', async () => {
    const first = await open(alice, members);
    await expect(first.publish('tasks', { id: 1.5 })).rejects.toThrow(
      'does not fit the schema of topic tasks: id: ',
    );
    const other = first as unknown as Topics<{ other: z.ZodType }>;
    await expect(other.publish('other', 1)).rejects.toThrow('there are: tasks');
    expect(() => first.addPeer('/ip4/127.0.0.1/udp/1/quic-v1')).toThrow('p2p/PEER_ID');
    await first.close();
    await expect(first.publish('tasks', { id: 1 })).rejects.toMatchObject({ code: 'closed' });
    const options = { identity: alice, listen: [LOOPBACK], allow: () => true };
    await expect(openTopics({ ...options, topics: { 'no good': z.string() } })).rejects.toThrow(
      '"no good" is no name of a topic',
    );
    await expect(
      openTopics({ ...options, topics: schemas, listen: ['/ip4/192.0.2.1/udp/1/quic-v1'] }),
    ).rejects.toMatchObject({ code: 'cannot-listen' });
  });

  it('connect no stranger', async () => {
    const first = await open(alice, members);
    const outside = await open(stranger, [...members, stranger], [first]);
    const second = await open(bob, members, [first]);
    second.subscribe('tasks');
    await until('a member is connected', () => first.report().peers.length > 0);
    await expect(outside.publish('tasks', { id: 1 })).rejects.toMatchObject({
      code: 'no-subscribers',
    });
    expect(first.report().peers.map(({ peerId }) => peerId)).toEqual([second.peerId]);
  });
});

/** Each attack goes on until its author is shut out; `attempt` counts from 1. */
const attacks: Readonly<
  Record<string, (gossip: RawGossip, victim: Tasks, attempt: number) => unknown>
> = {
  'a message that does not fit the schema': (gossip, _, attempt) =>
    gossip.publish(GOSSIP_TOPIC, bytesOf(attempt, { id: 'x' })),
  'bytes that are no message': (gossip) => gossip.publish(GOSSIP_TOPIC, Buffer.from('junk')),
  'a message that is too large': (gossip) => gossip.publish(GOSSIP_TOPIC, Buffer.alloc(100 * 1024)),
  'its own message again and again': (gossip) => gossip.publish(GOSSIP_TOPIC, bytesOf(1)),
  'a message in the name of another': (gossip, victim, attempt) => {
    const seqno = Buffer.alloc(8);
    seqno.writeBigUInt64BE(BigInt(attempt));
    const from = libp2pKeyOf(bob).publicKey.toMultihash().bytes;
    const signature = Buffer.alloc(64, attempt);
    const forged = { from, seqno, signature, topic: GOSSIP_TOPIC, data: bytesOf(attempt) };
    return gossip.sendRpc(victim.peerId, { subscriptions: [], messages: [forged] });
  },
};

describe('a member that sends', () => {
  it.each(Object.entries(attacks))('%s is shut out, and the rest goes on', async (_, attack) => {
    const victim = await open(alice, members);
    const relayed = await open(bob, members, [victim]);
    const got: number[] = [];
    victim.subscribe('tasks', ({ message, from }) => {
      if (from === relayed.peerId) got.push(message.id);
    });
    const passedOn: string[] = [];
    relayed.subscribe('tasks', ({ from, sequence }) => {
      passedOn.push(`${from} ${sequence}`);
    });
    const attacker = await openAttacker(mallory, victim);
    await until('bob is connected', () => relayed.subscribers('tasks').length > 0);

    let attempt = 0;
    await until('the attacker is shut out', async () => {
      attempt += 1;
      await attack(attacker, victim, attempt);
      return (scoreOf(victim, mallory) ?? 0) < thresholds.graylistThreshold;
    });
    expect(scoreOf(victim, bob)).toBeGreaterThanOrEqual(0);
    expect(scoreOf(relayed, alice)).toBeGreaterThanOrEqual(0);
    await relayed.publish('tasks', { id: 5 });
    await until('the message of another member has come', () => got.includes(5));
    // Its first message is all that may have gone on, and only where it was a good one.
    expect(passedOn.filter((one) => one !== `${topicPeerId(mallory)} 1`)).toEqual([]);
    const good = attack === attacks['its own message again and again'] ? 1 : 0;
    await until('what was good has come', () => passedOn.length >= good);
    expect(passedOn).toHaveLength(good);
  });

  it('a flood of good messages is held to the rate', async () => {
    const victim = await open(alice, members);
    victim.subscribe('tasks');
    const attacker = await openAttacker(mallory, victim);
    let sequence = 0;
    await until('the flood is refused and its author shut out', async () => {
      const burst = Array.from({ length: 200 }, () => {
        sequence += 1;
        return attacker.publish(GOSSIP_TOPIC, bytesOf(sequence));
      });
      await Promise.allSettled(burst);
      const { refused } = victim.report();
      const score = scoreOf(victim, mallory) ?? 0;
      return (refused['too-fast'] ?? 0) > 0 && score < thresholds.graylistThreshold;
    });
    const other = await open(bob, members, [victim]);
    await until('another member is heard', async () => {
      await other.publish('tasks', { id: 1 }, { allowNobody: true });
      return victim.report().peers.some(({ peerId, score }) => {
        return peerId === other.peerId && score >= 0;
      });
    });
  });
});
