/**
 * Gossip of one node of a swarm: whom Raft has admitted, over the connections that the node has
 * anyway. Members of a release without it are never heard of and stay unknown; nothing is concluded
 * from that.
 */
import type { MemberId, MemberStatus } from '../../consensus/gossip/index.js';
import type { Liveness } from '../replica/silence.js';
import type { Identity } from '../../transport/identity/index.js';
import type { ControlState } from '../control-plane/state.js';
import type { NodeFile } from '../data-directory.js';
import type { Peers } from '../peers.js';
import { GossipDriver } from './driver.js';
import { decodeMetadata, encodeMetadata } from './metadata.js';
import type { GossipMetadata } from './metadata.js';

/** What it needs of its node. */
export interface GossipHost {
  readonly file: Pick<NodeFile, 'nodeId' | 'swarmId' | 'zone'>;
  readonly control: Pick<ControlState, 'members'>;
  readonly peers: Pick<Peers, 'tell'>;
  memberIdOf(peerId: string): MemberId | undefined;
}

export interface NodeGossipOptions {
  readonly identity: Identity;
  /** Name of the release; empty when the node does not know it. */
  readonly release: string;
  readonly log: (message: string) => void;
}

/** What `swarm status` tells of a member. */
export interface GossipMemberStatus {
  readonly status: MemberStatus;
  readonly forMs: number;
  /** Null when nothing was heard, or nothing that this release reads. */
  readonly metadata: GossipMetadata | null;
}

export class NodeGossip {
  readonly #host: GossipHost;
  readonly #driver: GossipDriver;
  #takesPart = false;

  constructor(host: GossipHost, { identity, release, log }: NodeGossipOptions) {
    this.#host = host;
    const { nodeId, swarmId, zone = '' } = host.file;
    this.#driver = new GossipDriver({
      nodeId,
      swarmId,
      identity,
      metadata: encodeMetadata({ release, zone, started: Math.floor(Date.now() / 1_000) }),
      send: (to, via, bytes) => host.peers.tell(to, via, 'gossip.message', bytes),
      changed: ({ id, status }) => {
        if (status === 'dead') log(`node ${id} answers nobody: it is taken for dead`);
      },
      refused: (from, refusal) => log(`gossip of node ${from} was refused: ${refusal}`),
    });
  }

  /**
   * Call when the members of the swarm may have changed, once this node has caught up: one that starts
   * is busy for seconds at a time, and would be taken for dead meanwhile.
   */
  updateMembers(): void {
    this.#takesPart = true;
    const members = [...this.#host.control.members.values()];
    this.#driver.admit(new Map(members.map(({ nodeId, peerId }) => [nodeId, peerId])));
  }

  /** From whoever the transport has proven to be `peerId`; what a stranger sends is dropped. */
  receive(peerId: string, via: 'datagram' | 'stream', bytes: Uint8Array): void {
    const from = this.#takesPart ? this.#host.memberIdOf(peerId) : undefined;
    if (from !== undefined) this.#driver.receive(from, via, bytes);
  }

  statusOf(nodeId: MemberId): GossipMemberStatus {
    const { status, metadata } = this.#driver.member(nodeId);
    const forMs = Math.round(this.#driver.sinceMs(nodeId));
    return { status, forMs, metadata: decodeMetadata(metadata) };
  }

  /** For the leader: what others say of a member that it may not reach itself. */
  livenessOf(nodeId: MemberId): Liveness | undefined {
    const { status } = this.#driver.member(nodeId);
    if (status === 'alive' || status === 'suspect') return { isAlive: true };
    if (status === 'dead') return { isAlive: false, forMs: this.#driver.sinceMs(nodeId) };
    return undefined;
  }

  leave(): Promise<void> {
    return this.#driver.leave();
  }

  stop(): void {
    this.#driver.stop();
  }
}
