import { RaftNode, defaultRaftConfig, foundingState } from '../consensus/raft/index.js';
import {
  type EncodedEnvelope,
  Outbox,
  RaftGroups,
  decodeEnvelope,
} from '../consensus/raft-groups/index.js';
import type { Bench, Measurements } from './harness.js';

const members = [1, 2, 3];
const quiesceTicks = 5;

/**
 * What groups in which nothing happens cost: the time of a tick of the busiest node, heartbeats and
 * answers included, and the bytes it sends in a tick; with and without quiescence. Three nodes in
 * one thread, of which node 1 leads all groups, no disk and no network, envelopes encoded and
 * decoded. `wake` is the time from a proposal in a group that sleeps to its commit on all three.
 */
export function raftGroupsBench(counts = [1_000, 10_000], ticksPerRound = 20): Bench {
  const subject = (count: number, sleeps: boolean): Bench['subjects'][number] => {
    let swarm: Swarm | undefined;
    return {
      name: `${count} ${sleeps ? 'asleep' : 'awake'}`,
      prepare: () => {
        swarm = new Swarm(count, sleeps);
      },
      run: (): Measurements => {
        if (swarm === undefined) throw new Error('the groups are made before they run');
        return swarm.measure(ticksPerRound);
      },
    };
  };
  return {
    description:
      'a tick of a node that leads 1,000 or 10,000 groups in which nothing happens, and what it sends',
    roundsDefault: 5,
    metrics: { tick: 'us', sent: 'bytes/tick', wake: 'us' },
    subjects: counts.flatMap((count) => [subject(count, false), subject(count, true)]),
    ratios: counts.map((count) => {
      return { metric: 'tick', subject: `${count} asleep`, peer: `${count} awake` };
    }),
  };
}

class Swarm {
  readonly #count: number;
  readonly #sleeps: boolean;
  readonly #groups = new Map(members.map((id) => [id, new RaftGroups(id)]));
  readonly #outboxes = new Map(members.map((id) => [id, new Outbox(id)]));
  readonly #leader: RaftGroups;
  #bytesOfLeader = 0;
  #next = 0;

  constructor(count: number, sleeps: boolean) {
    this.#count = count;
    this.#sleeps = sleeps;
    this.#leader = this.#groups.get(1)!;
    for (const [id, groups] of this.#groups) {
      for (let group = 1; group <= count; group += 1) {
        const config = defaultRaftConfig({
          id,
          random: () => 0.5,
          quiesceTicks: sleeps ? quiesceTicks : 0,
        });
        groups.add(group, new RaftNode(config, foundingState(members)));
      }
    }
    for (let group = 1; group <= count; group += 1) this.#leader.step(group, { type: 'campaign' });
    this.#settle();
    for (let i = 0; i < quiesceTicks + 2; i += 1) this.#tick();
    if (this.#leader.awakeCount !== (sleeps ? 0 : count)) {
      throw new Error(`${this.#leader.awakeCount} of ${count} groups are awake`);
    }
  }

  /** Throws if the groups have not done what is measured. */
  measure(ticks: number): Measurements {
    this.#bytesOfLeader = 0;
    let leaderMs = 0;
    for (let i = 0; i < ticks; i += 1) leaderMs += this.#tick();
    const isSilent = this.#bytesOfLeader === 0;
    if (isSilent !== this.#sleeps) throw new Error('only groups that sleep are silent');
    const sent = this.#bytesOfLeader / ticks;
    const all = { tick: (leaderMs * 1000) / ticks, wake: this.#wake() };
    return isSilent ? all : { ...all, sent };
  }

  /** A proposal in one group; what it woke falls asleep again before the next round. */
  #wake(): number {
    const group = (this.#next % this.#count) + 1;
    this.#next += 1;
    const startedMs = performance.now();
    const refusal = this.#leader.step(group, { type: 'propose', data: [new Uint8Array(64)] });
    this.#settle();
    const tookMs = performance.now() - startedMs;
    for (const groups of this.#groups.values()) {
      const { commit, lastIndex } = groups.get(group)!.status();
      if (refusal !== undefined || commit !== lastIndex) throw new Error('it was not committed');
    }
    if (this.#sleeps) for (let i = 0; i < quiesceTicks + 2; i += 1) this.#tick();
    return tookMs * 1000;
  }

  /** One tick of all nodes; returns the milliseconds in which node 1 worked. */
  #tick(): number {
    let leaderMs = 0;
    for (const [id, groups] of this.#groups) {
      const startedMs = performance.now();
      groups.tick();
      if (id === 1) leaderMs += performance.now() - startedMs;
    }
    return leaderMs + this.#settle();
  }

  /** Lets the nodes take turns until none has anything to do; a write counts as durable at once. */
  #settle(): number {
    let leaderMs = 0;
    let envelopes = new Map<number, EncodedEnvelope[]>(members.map((id) => [id, []]));
    for (let isBusy = true; isBusy;) {
      isBusy = false;
      const sent = new Map<number, EncodedEnvelope[]>(members.map((id) => [id, []]));
      for (const [id, groups] of this.#groups) {
        const startedMs = performance.now();
        const said = this.#run(id, groups, envelopes.get(id)!);
        if (id === 1) leaderMs += performance.now() - startedMs;
        for (const envelope of said) sent.get(envelope.to)!.push(envelope);
        isBusy ||= said.length > 0 || groups.hasReadies;
      }
      envelopes = sent;
    }
    return leaderMs;
  }

  #run(id: number, groups: RaftGroups, received: readonly EncodedEnvelope[]): EncodedEnvelope[] {
    const outbox = this.#outboxes.get(id)!;
    for (const { bytes } of received) groups.receive(decodeEnvelope(bytes));
    for (const { group, ready } of groups.takeReadies()) {
      for (const message of ready.messages) outbox.post(group, message);
      for (const message of ready.messagesAfterPersist) outbox.post(group, message);
      groups.advance(group);
    }
    const said = outbox.take();
    if (id === 1) for (const { bytes } of said) this.#bytesOfLeader += bytes.length;
    return said;
  }
}
