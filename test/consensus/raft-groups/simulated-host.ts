import {
  type Entry,
  type Message,
  type NodeId,
  type Ready,
  RaftNode,
  type RestoredState,
  decodeConfChange,
  defaultRaftConfig,
} from '../../../consensus/raft/index.js';
import { type GroupId, Outbox, RaftGroups } from '../../../consensus/raft-groups/index.js';
import { InvariantViolation, type Invariants } from '../raft/invariants.js';
import type { Random } from '../raft/random.js';
import { type StoredState, store, storedState } from '../raft/stored-state.js';

/** What a host knows of the way to another one. */
interface Link {
  /** Steps since it was last reachable, and after how many that is reported. */
  silentSteps: number;
  readonly reportAfterSteps: number;
  reported: boolean;
  /** The start of the other one that was last seen. */
  incarnation: number;
}

/** An envelope on its way. */
export interface InFlight {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly bytes: Uint8Array;
}

/** What all hosts of a run share: chance, settings, and what was seen. */
export interface Seen {
  readonly random: Random;
  readonly invariants: ReadonlyMap<GroupId, Invariants>;
  /** Readies overlap (`asyncStorageWrites`). */
  readonly isAsync: boolean;
  readonly electionTicks: number;
  /** Messages sent, by group and node. */
  readonly sent: Map<string, number>;
  /** The greatest term in which anything of a group was applied. */
  readonly committedTerms: Map<GroupId, number>;
  /** What was committed when a read was asked for. */
  readonly readFloors: Map<string, number>;
  readonly counts: { quiesced: number; woke: number; readsAnswered: number };
}

/** A process with a member of each group, and the disk that outlives it. */
export class SimulatedHost {
  readonly id: NodeId;
  readonly #seen: Seen;
  readonly #disks: ReadonlyMap<GroupId, StoredState>;
  readonly #links = new Map<NodeId, Link>();
  /** Null while crashed. */
  groups: RaftGroups | null = null;
  pausedSteps = 0;
  #outbox: Outbox;
  /** Readies that are not done, in their order. */
  #underWay = new Map<GroupId, Ready[]>();
  #incarnation = 0;

  constructor(id: NodeId, seen: Seen, initial: () => RestoredState) {
    this.id = id;
    this.#seen = seen;
    this.#outbox = new Outbox(id);
    this.#disks = new Map(
      [...seen.invariants.keys()].map((group) => [group, storedState(initial())]),
    );
  }

  start(): void {
    const groups = new RaftGroups(this.id);
    const { random, counts, electionTicks, isAsync } = this.#seen;
    this.groups = groups;
    this.#outbox = new Outbox(this.id);
    this.#incarnation += 1;
    this.#links.clear();
    for (const [group, { hardState, snapshot, entries, applied, confState }] of this.#disks) {
      const config = defaultRaftConfig({
        id: this.id,
        random: () => random.next(),
        electionTicks,
        quiesceTicks: 3,
        asyncStorageWrites: isAsync,
        trace: ({ type }) => {
          if (type === 'quiesced' || type === 'woke') counts[type] += 1;
        },
      });
      const restored: RestoredState = { hardState, snapshot, entries: [...entries], applied };
      const state = confState === undefined ? restored : { ...restored, confState };
      groups.add(group, new RaftNode(config, state));
    }
  }

  /** Of the writes under way, as many as chance will are on the disk, from the first one on. */
  crash(): void {
    for (const [group, readies] of this.#underWay) {
      for (const ready of readies) {
        if (this.#seen.random.chance(0.5)) break;
        store(this.#disk(group), ready);
      }
    }
    this.groups = null;
    this.#underWay.clear();
  }

  #disk(group: GroupId): StoredState {
    return this.#disks.get(group) as StoredState;
  }

  /** The duty of a driver: to report who is gone, and who is back. */
  watch(hosts: readonly SimulatedHost[], isReachable: (other: SimulatedHost) => boolean): void {
    const { groups } = this;
    if (groups === null) return;
    for (const other of hosts) {
      if (other === this) continue;
      const link = this.#link(other);
      if (!isReachable(other)) {
        link.silentSteps += 1;
        if (link.reported || link.silentSteps < link.reportAfterSteps) continue;
        link.reported = true;
        groups.peerGone(other.id);
        continue;
      }
      link.silentSteps = 0;
      const hasRestarted = link.incarnation !== other.#incarnation;
      link.incarnation = other.#incarnation;
      if (hasRestarted && !link.reported) groups.peerGone(other.id);
      if (hasRestarted || link.reported) groups.peerBack(other.id);
      link.reported = false;
    }
  }

  #link(other: SimulatedHost): Link {
    const known = this.#links.get(other.id);
    if (known !== undefined) return known;
    const reportAfterSteps = 10 + this.#seen.random.below(40);
    const incarnation = other.#incarnation;
    const link: Link = { silentSteps: 0, reportAfterSteps, reported: false, incarnation };
    this.#links.set(other.id, link);
    return link;
  }

  /** Takes what there is to do; it stays under way until `finish`. */
  take(): void {
    const { groups } = this;
    const { invariants, counts, readFloors } = this.#seen;
    for (const { group, ready } of groups?.takeReadies() ?? []) {
      invariants.get(group)?.checkEntries(groups?.get(group) as RaftNode, ready.entries);
      this.#underWay.set(group, [...(this.#underWay.get(group) ?? []), ready]);
      this.#post(group, ready.messages);
      for (const { context, index } of ready.readStates) {
        counts.readsAnswered += 1;
        const floor = readFloors.get(context) as number;
        if (index >= floor) continue;
        throw new InvariantViolation(`a read asked for at ${floor} is answered with ${index}`);
      }
    }
  }

  /** Does the first ready of a group that is under way; false if there is none. */
  finish(group: GroupId): boolean {
    const { groups } = this;
    const ready = this.#underWay.get(group)?.shift();
    if (groups === null || ready === undefined) return false;
    const { isAsync, invariants } = this.#seen;
    store(this.#disk(group), ready);
    this.#post(
      group,
      ready.messagesAfterPersist.filter(({ to }) => to !== this.id),
    );
    if (ready.snapshot !== undefined) {
      invariants.get(group)?.checkSnapshot(this.id, ready.snapshot.index, ready.snapshot.term);
    }
    for (const message of ready.messagesAfterPersist) {
      if (message.to === this.id) groups.step(group, { type: 'ownAnswer', message });
    }
    if (ready.receipt !== null) groups.step(group, { type: 'written', receipt: ready.receipt });
    this.#apply(groups, group, ready.committedEntries);
    const last = ready.committedEntries.at(-1);
    if (!isAsync) groups.advance(group);
    else if (last !== undefined) groups.step(group, { type: 'applied', index: last.index });
    return true;
  }

  #apply(groups: RaftGroups, group: GroupId, entries: readonly Entry[]): void {
    const { invariants, committedTerms } = this.#seen;
    const disk = this.#disk(group);
    for (const entry of entries) {
      invariants.get(group)?.checkApplied(this.id, entry);
      const term = groups.get(group)?.status().term ?? 0;
      committedTerms.set(group, Math.max(term, committedTerms.get(group) ?? 0));
      disk.applied = entry.index;
      if (entry.type !== 'confChange') continue;
      disk.confState = groups.applyConfChange(group, decodeConfChange(entry.data));
    }
  }

  #post(group: GroupId, messages: readonly Message[]): void {
    const { sent } = this.#seen;
    const key = `${group}/${this.id}`;
    for (const message of messages) {
      sent.set(key, (sent.get(key) ?? 0) + 1);
      this.#outbox.post(group, message);
    }
  }

  /** The envelopes of this round. */
  flush(): InFlight[] {
    return this.#outbox.take().map(({ to, bytes }) => ({ from: this.id, to, bytes }));
  }
}
