/**
 * Where the topics of the other members are. Each member asks every other one over the connection that
 * it has anyway; the answer holds the key of the member, from which both its peer ids follow, so that
 * nobody can speak for another. A member that has no topics, or runs a release before them, is asked
 * again every 10 s.
 */
import { peerIdFromPublicKey } from '../../transport/identity/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { messageOf } from '../errors.js';
import { parseRequest } from '../service/requests.js';
import { ASK_AGAIN_MS, ASK_INTERVAL_MS, ASK_TIMEOUT_MS } from './limits.js';
import { answers } from './requests.js';
import type { MemberAnswer } from './requests.js';

/** Another member, and where the swarm reaches it. */
export interface OtherMember {
  readonly nodeId: number;
  readonly peerId: string;
  readonly host: string;
}

export interface MemberAddressPorts {
  others(): Iterable<OtherMember>;
  call(nodeId: number, method: string, payload: unknown, timeoutMs: number): Promise<unknown>;
  peerIdOfKey(publicKey: Uint8Array): string;
  addPeer(host: string, port: number, topicPeerId: string): Promise<void>;
  removePeer(topicPeerId: string): void;
  log(message: string): void;
}

interface Known {
  readonly peerId: string;
  isAsked: boolean;
  askAtMs: number;
  topicPeerId: string | undefined;
  /** What was given to `addPeer`. */
  address: string | undefined;
  /** What was logged last of it. */
  problem: string | undefined;
}

export class MemberAddresses {
  readonly #ports: MemberAddressPorts;
  readonly #known = new Map<number, Known>();
  /** Peer ids of members by those in topics. */
  readonly #peerIds = new Map<string, string>();
  readonly #timer: NodeJS.Timeout;
  #isStopped = false;

  constructor(ports: MemberAddressPorts) {
    this.#ports = ports;
    this.#timer = setInterval(() => this.#askAll(), ASK_INTERVAL_MS);
    this.#askAll();
  }

  /** Peer id of the member that has this one in topics; undefined for anybody else. */
  peerIdOf(topicPeerId: string): string | undefined {
    return this.#peerIds.get(topicPeerId);
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  #askAll(): void {
    const others = new Map([...this.#ports.others()].map((other) => [other.nodeId, other]));
    for (const [nodeId, known] of this.#known) {
      if (others.get(nodeId)?.peerId !== known.peerId) this.#forget(nodeId, known);
    }
    for (const other of others.values()) {
      let known = this.#known.get(other.nodeId);
      if (known === undefined) {
        known = {
          peerId: other.peerId,
          isAsked: false,
          askAtMs: 0,
          topicPeerId: undefined,
          address: undefined,
          problem: undefined,
        };
        this.#known.set(other.nodeId, known);
      }
      if (!known.isAsked && performance.now() >= known.askAtMs) void this.#ask(other, known);
    }
  }

  #forget(nodeId: number, { topicPeerId }: Known): void {
    this.#known.delete(nodeId);
    if (topicPeerId === undefined) return;
    this.#peerIds.delete(topicPeerId);
    this.#ports.removePeer(topicPeerId);
  }

  async #ask(member: OtherMember, known: Known): Promise<void> {
    known.isAsked = true;
    try {
      const answer = await this.#ports.call(member.nodeId, 'topics.address', {}, ASK_TIMEOUT_MS);
      await this.#take(member, known, parseRequest(answers.address, answer));
      known.askAtMs = performance.now() + ASK_AGAIN_MS;
      known.problem = undefined;
    } catch (error) {
      this.#failed(member.nodeId, known, error);
    } finally {
      known.isAsked = false;
    }
  }

  async #take(member: OtherMember, known: Known, answer: MemberAnswer): Promise<void> {
    const { publicKey, port } = answer;
    if (peerIdFromPublicKey(publicKey) !== member.peerId) {
      throw new Error('it answered with the key of somebody else');
    }
    const isCurrent = this.#known.get(member.nodeId) === known && !this.#isStopped;
    if (!isCurrent) return;
    const topicPeerId = this.#ports.peerIdOfKey(publicKey);
    known.topicPeerId = topicPeerId;
    this.#peerIds.set(topicPeerId, member.peerId);
    const host = answer.host ?? member.host;
    const address = `${host} ${port}`;
    if (known.address === address) return;
    await this.#ports.addPeer(host, port, topicPeerId);
    known.address = address;
  }

  #failed(nodeId: number, known: Known, error: unknown): void {
    const isReached = error instanceof RpcError && error.code !== 'unavailable';
    if (isReached) known.askAtMs = performance.now() + ASK_AGAIN_MS;
    // Without topics, or of a release before them: its own log says so.
    if (error instanceof RpcError && error.code !== 'malformed') return;
    const problem = messageOf(error);
    if (problem === known.problem || this.#isStopped) return;
    known.problem = problem;
    this.#ports.log(`topics: the address of node ${nodeId} cannot be used: ${problem}`);
  }
}
