/** Gossipsub among the members: opens `src/topics` with the identity of the node. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

import type { Topics } from '../../src/topics/index.js';
import type { HostPort, Identity } from '../../transport/identity/index.js';
import { channelNames, contentShape } from './content.js';
import type { TopicContent } from './content.js';

/** A message of another member. */
export interface Heard {
  readonly content: TopicContent;
  /** Peer id of the member in topics. */
  readonly from: string;
  readonly sentMs: number;
}

/** What a node needs of gossipsub. */
export interface Mesh {
  /** Where other members reach it. */
  readonly port: number;
  /** The peer id in topics that belongs to an Ed25519 public key. Throws `TopicError`. */
  peerIdOfKey(publicKey: Uint8Array): string;
  /** Resolves with how many members it was given to. Rejects with `TopicError`. */
  publish(channel: string, content: TopicContent): Promise<number>;
  /** Hears a channel from now on; returns what ends that. */
  hear(channel: string, heard: (message: Heard) => void): () => void;
  /** Keeps a connection to a member, or to where it has moved. */
  addPeer(host: string, port: number, topicPeerId: string): Promise<void>;
  removePeer(topicPeerId: string): void;
  close(): Promise<void>;
}

export interface MeshOptions {
  readonly identity: Identity;
  readonly listen: HostPort;
  /** By peer id in topics. */
  readonly allow: (topicPeerId: string) => boolean;
  readonly log: (message: string) => void;
}

/** One frame of gossipsub holds no more than half of this, and all of it comes at once. */
const HEARD_MAX = { messagesMax: 2_048, bytesMax: 16 * 1024 * 1024 };

/** Throws `TopicError` `not-installed` or `cannot-listen`. */
export async function openMesh({ identity, listen, allow, log }: MeshOptions): Promise<Mesh> {
  // Only a node with topics waits until libp2p is read.
  const { openTopics, topicPeerIdOfKey } = await import('../../src/topics/index.js');
  const problems = new Set<string>();
  const topics: Topics<Record<string, typeof contentShape>> = await openTopics({
    identity,
    listen: [`${await networkPart(listen.host)}/udp/${listen.port}/quic-v1`],
    topics: Object.fromEntries(channelNames().map((name) => [name, contentShape])),
    allow,
    // A member that is down is dialled again and again: once is enough to say so.
    onProblem: (sentence) => {
      const peer = sentence.split(' ', 1)[0] ?? '';
      if (problems.has(peer)) return;
      problems.add(peer);
      log(`topics: ${sentence}`);
    },
  });
  return {
    port: portOf(topics.addresses) ?? listen.port,
    peerIdOfKey: topicPeerIdOfKey,
    publish: (channel, content) => topics.publish(channel, content, { allowNobody: true }),
    hear: (channel, heard) => {
      const take = ({
        message,
        from,
        sentMs,
        droppedBefore,
      }: {
        readonly message: TopicContent;
        readonly from: string;
        readonly sentMs: number;
        readonly droppedBefore: number;
      }): void => {
        if (droppedBefore > 0) log(`topics: ${droppedBefore} messages were dropped: too many came`);
        heard({ content: message, from, sentMs });
      };
      const subscription = topics.subscribe(channel, take, HEARD_MAX);
      return () => subscription.close();
    },
    addPeer: async (host, port, topicPeerId) => {
      topics.addPeer(`${await networkPart(host)}/udp/${port}/quic-v1/p2p/${topicPeerId}`);
    },
    removePeer: (topicPeerId) => topics.removePeer(topicPeerId),
    close: () => topics.close(),
  };
}

/** A host as libp2p writes it. Names are looked up: addresses of QUIC there are numbers. */
async function networkPart(host: string): Promise<string> {
  const { address, family } =
    isIP(host) === 0 ? await lookup(host) : { address: host, family: isIP(host) };
  return `/ip${family}/${address}`;
}

function portOf(addresses: readonly string[]): number | undefined {
  const port = addresses.map((address) => /\/udp\/(\d+)\//.exec(address)?.[1]).find(Boolean);
  return port === undefined ? undefined : Number(port);
}
