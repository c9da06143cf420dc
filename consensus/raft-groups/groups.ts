/**
 * The groups that one node is a member of, as one pure state machine. What a round costs depends on
 * the groups in which something happens, and not on those that are there:
 *
 *     tick ------------> groups that are awake
 *     step, receive ---> the group named          -> those with something to do -> takeReadies
 *     peerGone --------> groups awake, and those asleep under that leader
 *
 * A group that sleeps does not notice by itself that its leader is gone. Whoever drives this says
 * so by `peerGone`, and by `peerBack` when the peer can be reached again; a group that falls asleep
 * under a leader of which it is known already is woken at once.
 */
import type {
  ConfChange,
  ConfState,
  NodeId,
  RaftInput,
  RaftNode,
  RaftRefusal,
  Ready,
} from '../raft/index.js';
import type { Envelope, GroupId } from './envelope.js';
import { GroupsError } from './error.js';
import { GROUPS_MAX } from './limits.js';

/** What a group has to do. */
export interface GroupReady {
  readonly group: GroupId;
  readonly ready: Ready;
}

interface Member {
  readonly group: GroupId;
  readonly node: RaftNode;
  /** The leader it sleeps under; 0 while it is awake. */
  sleepsUnder: NodeId;
}

/** See the head of this file. */
export class RaftGroups {
  readonly id: NodeId;
  readonly #groupsMax: number;
  readonly #members = new Map<GroupId, Member>();
  readonly #awake = new Set<Member>();
  /** By the leader they sleep under, this node included. */
  readonly #asleep = new Map<NodeId, Set<Member>>();
  readonly #dirty = new Set<Member>();
  readonly #gone = new Set<NodeId>();

  /** `id` is this node, a member of every group. */
  constructor(id: NodeId, options: { readonly groupsMax?: number } = {}) {
    this.id = id;
    this.#groupsMax = Math.min(options.groupsMax ?? GROUPS_MAX, GROUPS_MAX);
  }

  /** Groups that are there. */
  get size(): number {
    return this.#members.size;
  }

  /** Groups that ticks are for. */
  get awakeCount(): number {
    return this.#awake.size;
  }

  /** Whether `takeReadies` would return anything. */
  get hasReadies(): boolean {
    return this.#dirty.size > 0;
  }

  /** Adds this node's member of a group. Throws `GroupsError`. */
  add(group: GroupId, node: RaftNode): void {
    if (!Number.isSafeInteger(group) || group < 1) {
      throw new GroupsError('bad-group-id', `a group has an id from 1 to 2^53-1, not ${group}`);
    }
    if (node.status().id !== this.id) {
      throw new GroupsError('wrong-node', `this is node ${this.id}, not ${node.status().id}`);
    }
    if (this.#members.has(group)) {
      throw new GroupsError('group-exists', `group ${group} is there already`);
    }
    if (this.#members.size >= this.#groupsMax) {
      const max = this.#groupsMax;
      throw new GroupsError('too-many-groups', `a node takes part in at most ${max} groups`);
    }
    const member: Member = { group, node, sleepsUnder: 0 };
    this.#members.set(group, member);
    this.#awake.add(member);
    this.#settle(member);
  }

  /** Forgets a group; false if it is not there. A ready that was taken is no longer waited for. */
  remove(group: GroupId): boolean {
    const member = this.#members.get(group);
    if (member === undefined) return false;
    this.#members.delete(group);
    this.#dirty.delete(member);
    this.#awake.delete(member);
    if (member.sleepsUnder !== 0) this.#asleep.get(member.sleepsUnder)?.delete(member);
    return true;
  }

  /** The node of a group, to look at: inputs go through `step`. */
  get(group: GroupId): RaftNode | undefined {
    return this.#members.get(group)?.node;
  }

  /** One tick for every group that is awake. `nowMs` as in `RaftInput`. */
  tick(nowMs?: number): void {
    const input: RaftInput = nowMs === undefined ? { type: 'tick' } : { type: 'tick', nowMs };
    for (const member of this.#awake) {
      member.node.step(input);
      this.#settle(member);
    }
  }

  /** Gives an input to a group. */
  step(group: GroupId, input: RaftInput): RaftRefusal | 'unknown-group' | undefined {
    const member = this.#members.get(group);
    if (member === undefined) return 'unknown-group';
    const refusal = member.node.step(input);
    this.#settle(member);
    return refusal;
  }

  /**
   * Takes what a peer says. Messages of groups that are not here are dropped; returns the ids of
   * those groups. Throws `GroupsError` if the envelope is for another node.
   */
  receive(envelope: Envelope, nowMs?: number): GroupId[] {
    if (envelope.to !== this.id) {
      throw new GroupsError('wrong-node', `an envelope for ${envelope.to} came to ${this.id}`);
    }
    const time = nowMs === undefined ? {} : { nowMs };
    const unknown = new Set<GroupId>();
    for (const { group, message } of envelope.messages) {
      const refusal = this.step(group, { type: 'message', message, ...time });
      if (refusal === 'unknown-group') unknown.add(group);
    }
    return [...unknown];
  }

  /** Takes the readies of all groups that have one. Each is dealt with as `Ready` says. */
  takeReadies(): GroupReady[] {
    const readies: GroupReady[] = [];
    for (const member of this.#dirty) {
      this.#dirty.delete(member);
      const { group, node } = member;
      if (node.hasReady()) readies.push({ group, ready: node.ready() });
    }
    return readies;
  }

  /** `RaftNode.advance`, without `asyncStorageWrites`. A group removed meanwhile is passed over. */
  advance(group: GroupId): void {
    const member = this.#members.get(group);
    if (member === undefined) return;
    member.node.advance();
    this.#settle(member);
  }

  /** `RaftNode.applyConfChange`; undefined if the group was removed meanwhile. */
  applyConfChange(group: GroupId, change: ConfChange | null): ConfState | undefined {
    const member = this.#members.get(group);
    if (member === undefined) return undefined;
    const confState = member.node.applyConfChange(change);
    this.#settle(member);
    return confState;
  }

  /** A peer's node cannot be reached any more. Groups that it leads begin to wait for another. */
  peerGone(peer: NodeId): void {
    this.#gone.add(peer);
    for (const member of [...this.#awake, ...(this.#asleep.get(peer) ?? [])]) {
      member.node.step({ type: 'unreachable', peer });
      this.#settle(member);
    }
  }

  /** A peer that was gone can be reached. */
  peerBack(peer: NodeId): void {
    this.#gone.delete(peer);
  }

  /** Moves a group to where it belongs after an input. */
  #settle(member: Member): void {
    const { node } = member;
    // A group may fall asleep late, under a leader that is gone: nobody would say so again.
    if (node.isQuiescent && this.#gone.has(node.leader)) {
      node.step({ type: 'unreachable', peer: node.leader });
    }
    if (node.hasReady()) this.#dirty.add(member);
    const sleepsUnder = node.isQuiescent ? node.leader : 0;
    if (sleepsUnder === member.sleepsUnder) return;
    if (member.sleepsUnder !== 0) this.#asleep.get(member.sleepsUnder)?.delete(member);
    member.sleepsUnder = sleepsUnder;
    if (sleepsUnder === 0) {
      this.#awake.add(member);
      return;
    }
    this.#awake.delete(member);
    let sleepers = this.#asleep.get(sleepsUnder);
    if (sleepers === undefined) this.#asleep.set(sleepsUnder, (sleepers = new Set()));
    sleepers.add(member);
  }
}
