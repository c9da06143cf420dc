/** The libp2p node below: this project's QUIC, and gossipsub with signatures and scores. */
import type { GossipSub, Message, TopicValidatorFn } from '@libp2p/gossipsub';
import type { Libp2p, PrivateKey } from '@libp2p/interface';
import { quicTransport } from '../../transport/libp2p/index.js';
import { TopicError, messageOf } from './error.js';
import { FRAME_BYTES_MAX, FRAME_MESSAGES_MAX, PEERS_MAX, UNSENT_BYTES_MAX } from './limits.js';
import { SEEN_MS, scoreParameters, thresholds } from './score-parameters.js';

/** What the class has and its interface leaves out. */
interface Router extends GossipSub {
  getScore(peerId: string): number;
  readonly streamsOutbound: ReadonlyMap<string, unknown>;
}

export type GossipNode = Libp2p<{ pubsub: Router }>;

export interface GossipNodeOptions {
  readonly key: PrivateKey;
  readonly listen: readonly string[];
  /** All topics there will be: others are neither kept nor relayed. */
  readonly gossipTopics: readonly string[];
  readonly isAllowed: (peerId: string) => boolean;
  readonly offences: (peerId: string) => number;
  /** Decides about a message of a peer before it goes on. */
  readonly judge: (relay: string, message: Message) => 'accept' | 'ignore' | 'reject';
}

/** A peer of which nothing is heard for so long is gone. */
const IDLE_TIMEOUT_MS = 8_000;
const KEEP_ALIVE_MS = 2_000;
/** Connections of one address that may be half made, and made in a second. */
const INCOMING_MAX = 64;
const CONTROL_IDS_MAX = 5_000;

/** Throws `TopicError` `not-installed` or `cannot-listen`. */
export async function openGossipNode(options: GossipNodeOptions): Promise<GossipNode> {
  const { createLibp2p, gossipsub, identify } = await loadLibp2p();
  const { isAllowed } = options;
  let node: GossipNode | undefined;
  try {
    const created = await createLibp2p({
      start: false,
      privateKey: options.key,
      addresses: { listen: [...options.listen] },
      transports: [
        quicTransport({
          settings: { idleTimeoutMs: IDLE_TIMEOUT_MS, keepAliveMs: KEEP_ALIVE_MS },
        }),
      ],
      connectionManager: {
        maxConnections: 2 * PEERS_MAX,
        maxIncomingPendingConnections: INCOMING_MAX,
        inboundConnectionThreshold: INCOMING_MAX,
      },
      // QUIC keeps its connections alive, and ends those of which nothing is heard.
      connectionMonitor: { enabled: false },
      connectionGater: {
        denyDialMultiaddr: () => false,
        denyDialPeer: (peer) => !isAllowed(peer.toString()),
        denyInboundUpgradedConnection: (peer) => !isAllowed(peer.toString()),
        denyOutboundUpgradedConnection: (peer) => !isAllowed(peer.toString()),
      },
      services: {
        identify: identify(),
        pubsub: gossipsub({
          globalSignaturePolicy: 'StrictSign',
          allowedTopics: [...options.gossipTopics],
          scoreParams: scoreParameters(options.gossipTopics, options.offences),
          scoreThresholds: thresholds,
          seenTTL: SEEN_MS,
          fallbackToFloodsub: false,
          emitSelf: false,
          // Heartbeats, of a second each, in which a message can still be asked for.
          mcacheLength: 10,
          mcacheGossip: 6,
          // A peer that sends faster than messages are judged waits: nothing of it is read.
          awaitRpcHandler: true,
          awaitRpcMessageHandler: true,
          maxInboundDataLength: FRAME_BYTES_MAX,
          maxOutboundBufferSize: UNSENT_BYTES_MAX,
          decodeRpcLimits: {
            maxSubscriptions: CONTROL_IDS_MAX,
            maxMessages: FRAME_MESSAGES_MAX,
            maxIhaveMessageIDs: CONTROL_IDS_MAX,
            maxIwantMessageIDs: CONTROL_IDS_MAX,
            maxIdontwantMessageIDs: 512,
            maxControlMessages: CONTROL_IDS_MAX,
            maxPeerInfos: 0,
          },
        }),
      },
    });
    node = created as unknown as GossipNode;
    const judge = ((relay, message) =>
      options.judge(relay.toString(), message)) as TopicValidatorFn;
    for (const topic of options.gossipTopics) {
      node.services.pubsub.topicValidators.set(topic, judge);
    }
    await node.start();
    return node;
  } catch (cause) {
    await node?.stop();
    const where = options.listen.join(', ');
    const why = `topics cannot be opened on ${where}: ${messageOf(cause)}`;
    throw new TopicError('cannot-listen', why, { cause });
  }
}

/** Only who opens topics needs these packages, and waits for them to be read. */
async function loadLibp2p() {
  try {
    const [{ createLibp2p }, { gossipsub }, { identify }] = await Promise.all([
      import('libp2p'),
      import('@libp2p/gossipsub'),
      import('@libp2p/identify'),
    ]);
    return { createLibp2p, gossipsub, identify };
  } catch (cause) {
    const why =
      'topics need packages that are not installed: npm install libp2p@3 @libp2p/gossipsub@17 ' +
      `@libp2p/identify@4 (${messageOf(cause)})`;
    throw new TopicError('not-installed', why, { cause });
  }
}
