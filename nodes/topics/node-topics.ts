/**
 * Topics of a swarm at one of its nodes: what a client publishes here reaches the subscribers of this
 * node and, by gossipsub, those of the other members.
 *
 *   client --topics.publish--> node --signed, by channel--> members that want the channel
 *                                |                                      |
 *                                v                                      v
 *                        mailbox a subscriber                  mailbox a subscriber
 *                                |                                      |
 *                       topics.subscribe                       topics.subscribe
 */
import { createPublicKey } from 'node:crypto';

import { TopicError } from '../../src/topics/error.js';
import { formatHostPort } from '../../transport/identity/index.js';
import type { HostPort, Identity } from '../../transport/identity/index.js';
import type { CallContext, Handlers, Methods } from '../../transport/rpc/rpc.js';
import { messageOf } from '../errors.js';
import type { SwarmNode } from '../node.js';
import { othersOf } from '../remembered-members.js';
import type { Access } from '../service/access.js';
import { parseRequest, requests as common } from '../service/requests.js';
import { channelOf } from './content.js';
import { OPEN_RETRY_MS } from './limits.js';
import { MemberAddresses } from './member-addresses.js';
import { openMesh } from './mesh.js';
import type { Heard, Mesh } from './mesh.js';
import { asRpcError, requests, withoutTopics } from './requests.js';
import { Subscribers } from './subscribers.js';

const NOT_ASKED_FOR =
  'this node has no topics: start it with --topics-listen HOST:PORT (a UDP address of its own), or ask ' +
  'another member';
const ANY_HOST: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

export interface NodeTopicsOptions {
  /** The UDP address; without one the node has no topics. */
  readonly listen?: HostPort | undefined;
  readonly log: (message: string) => void;
}

/** What it needs of its node. */
export interface TopicsHost {
  readonly file: Pick<SwarmNode['file'], 'nodeId' | 'peerId' | 'members'>;
  readonly control: Pick<SwarmNode['control'], 'members'>;
  readonly peers: Pick<SwarmNode['peers'], 'call'>;
  isMember(peerId: string): boolean;
}

export class NodeTopics {
  readonly #options: NodeTopicsOptions;
  readonly #subscribers = new Subscribers((...change) => this.#channelChanged(...change));
  /** What ends the hearing of a channel. */
  readonly #heard = new Map<string, () => void>();
  #peerId = '';
  #publicKey: Uint8Array = new Uint8Array();
  #mesh: Mesh | undefined;
  #addresses: MemberAddresses | undefined;
  /** Why there are none, in a sentence. */
  #absence = NOT_ASKED_FOR;
  #opening: Promise<void> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;
  #onHeard: (heard: Heard) => void = () => undefined;

  /** Nothing is opened before `begin`. */
  constructor(options: NodeTopicsOptions) {
    this.#options = options;
  }

  /**
   * Opens the address and begins to look for the other members. A node whose topics cannot be opened
   * goes on without, says why to whoever asks, and tries again.
   */
  begin(host: TopicsHost, identity: Identity): void {
    const { listen } = this.#options;
    this.#peerId = host.file.peerId;
    if (listen === undefined) return;
    this.#absence = 'the topics of this node are being opened; try again in a moment';
    this.#publicKey = publicKeyOf(identity);
    this.#opening = this.#open(host, identity, listen);
  }

  /** Ends all subscriptions, so that their clients go to another member, and leaves. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#addresses?.stop();
    this.#subscribers.end();
    await this.#opening;
    await this.#mesh?.close();
  }

  /** Calls that last: a subscription. */
  methods(access: Access): Methods {
    return {
      'topics.subscribe': {
        kind: 'server-stream',
        handler: (payload, { connection, signal }) => {
          access.requireClient(connection);
          const { topic } = parseRequest(requests.subscribe, payload);
          this.#requireMesh();
          const mailbox = this.#subscribers.add(topic, connection.peerId, signal);
          return deliveries(mailbox);
        },
      },
    };
  }

  handlers(access: Access): Handlers {
    return {
      'topics.publish': async (payload, { connection }: CallContext) => {
        access.requireClient(connection);
        const asked = parseRequest(requests.publish, payload);
        return this.#publish({ ...asked, author: connection.peerId });
      },
      'topics.address': (payload, { connection }: CallContext) => {
        access.requireMember(connection);
        parseRequest(common.nothing, payload);
        const { port } = this.#requireMesh();
        const { host = '' } = this.#options.listen ?? {};
        return { publicKey: this.#publicKey, host: ANY_HOST.has(host) ? null : host, port };
      },
    };
  }

  async #publish(content: Parameters<Mesh['publish']>[1]): Promise<object> {
    const mesh = this.#requireMesh();
    try {
      const members = await mesh.publish(channelOf(content.topic), content);
      // Gossipsub gives nothing back to who publishes.
      const here = this.#subscribers.deliver(content, this.#peerId, Date.now());
      return { members, here };
    } catch (error) {
      throw asRpcError(error);
    }
  }

  #requireMesh(): Mesh {
    if (this.#isClosed) throw asRpcError(new TopicError('closed', 'the node is stopping'));
    if (this.#mesh !== undefined) return this.#mesh;
    throw withoutTopics(this.#absence);
  }

  async #open(host: TopicsHost, identity: Identity, listen: HostPort): Promise<void> {
    const { log } = this.#options;
    try {
      const mesh = await openMesh({
        identity,
        listen,
        log,
        allow: (topicPeerId) => this.#memberOf(host, topicPeerId) !== undefined,
      });
      this.#mesh = mesh;
      if (this.#isClosed) return;
      this.#addresses = new MemberAddresses({
        others: () => othersOf(host).values(),
        call: (...question) => host.peers.call(...question),
        peerIdOfKey: (publicKey) => mesh.peerIdOfKey(publicKey),
        addPeer: (...peer) => mesh.addPeer(...peer),
        removePeer: (topicPeerId) => mesh.removePeer(topicPeerId),
        log,
      });
      this.#onHeard = (heard) => this.#deliver(host, heard);
      for (const channel of this.#subscribers.channels()) this.#channelChanged(channel, true);
      log(`topics: listens on ${formatHostPort({ host: listen.host, port: mesh.port })}`);
    } catch (error) {
      const isMissing = error instanceof TopicError && error.code === 'not-installed';
      const again = isMissing ? 'start the node again after that' : 'it is tried again';
      const why = `this node has no topics: ${messageOf(error)}; ${again}`;
      if (why !== this.#absence) log(why);
      this.#absence = why;
      if (isMissing || this.#isClosed) return;
      this.#retry = setTimeout(() => {
        this.#opening = this.#open(host, identity, listen);
      }, OPEN_RETRY_MS);
    }
  }

  /** The member that signs with this peer id of topics, as long as it is one. */
  #memberOf(host: TopicsHost, topicPeerId: string): string | undefined {
    const peerId = this.#addresses?.peerIdOf(topicPeerId);
    return peerId !== undefined && host.isMember(peerId) ? peerId : undefined;
  }

  #deliver(host: TopicsHost, { content, from, sentMs }: Heard): void {
    const member = this.#memberOf(host, from);
    if (member !== undefined) this.#subscribers.deliver(content, member, sentMs);
  }

  #channelChanged(channel: string, isWanted: boolean): void {
    this.#heard.get(channel)?.();
    this.#heard.delete(channel);
    if (!isWanted || this.#mesh === undefined || this.#isClosed) return;
    const end = this.#mesh.hear(channel, (heard) => this.#onHeard(heard));
    this.#heard.set(channel, end);
  }
}

/** First that it has begun, then what comes. */
async function* deliveries(mailbox: AsyncIterable<object>): AsyncGenerator<object> {
  yield { isSubscribed: true };
  yield* mailbox;
}

function publicKeyOf({ privateKeyPem }: Identity): Uint8Array {
  const { x = '' } = createPublicKey(privateKeyPem).export({ format: 'jwk' });
  return new Uint8Array(Buffer.from(x, 'base64url'));
}
