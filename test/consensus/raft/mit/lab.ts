import { strict as assert } from 'node:assert';
import type { NodeId } from '../../../../consensus/raft/index.js';
import { Cluster, type ClusterSettings, type Process } from './cluster.js';

/** The course gives an election one second, and more of them until a leader must be there. */
export const ELECTION_MS = 1000;
const LEADER_TRIES = 10;
const LEADER_TRY_MS = 450;
const LEADER_TRY_SPREAD_MS = 100;
/** A command has two seconds to be agreed on by the leader that took it, ten in all. */
const AGREEMENT_MS = 2000;
const AGREEMENT_TRIES_MS = 10_000;
const POLL_MS = 20;
const NO_LEADER_POLL_MS = 50;
/** Waiting for an index doubles from 10 ms to a second, 30 times. */
const WAITS = 30;
const WAIT_FIRST_MS = 10;
const WAIT_LAST_MS = 1000;
/** No scenario may take longer. */
const SCENARIO_MS_MAX = 120_000;

/** What a scenario cost. */
export interface Cost {
  readonly virtualMs: number;
  readonly requests: number;
  readonly bytes: number;
  readonly snapshots: number;
}

/** The checks that the tester of MIT 6.5840 has, with its bounds. Ids are 1 to n here. */
export class Lab extends Cluster {
  private lastAsked = 0;
  private commandsMade = 0;

  constructor(
    readonly size: number,
    settings: Omit<ClusterSettings, 'size'>,
  ) {
    super({ ...settings, size });
  }

  /** The node `steps` after `id`, in a ring. */
  after(id: NodeId, steps: number): NodeId {
    return ((id - 1 + steps) % this.size) + 1;
  }

  /** Any node. */
  anyone(): NodeId {
    return this.random.pick(this.ids);
  }

  /** A command that nobody has proposed before. */
  newCommand(): string {
    return `x${(this.commandsMade += 1)}`;
  }

  /** The only leader among the connected nodes, of the latest term in which they have one. */
  oneLeader(): NodeId {
    for (let tries = 0; tries < LEADER_TRIES; tries += 1) {
      this.sleep(LEADER_TRY_MS + this.random.next() * LEADER_TRY_SPREAD_MS);
      let latest = { term: 0, leader: 0 };
      for (const id of this.reachable()) {
        const { role, term } = this.node(id).status();
        if (role !== 'leader') continue;
        assert.notEqual(term, latest.term, `${id} and ${latest.leader} both lead term ${term}`);
        if (term > latest.term) latest = { term, leader: id };
      }
      if (latest.leader !== 0) return latest.leader;
    }
    assert.fail('a leader is expected among the connected nodes, and there is none');
  }

  noLeader(): void {
    for (const id of this.reachable()) {
      assert.ok(!this.node(id).isLeader, `node ${id} leads without a majority`);
    }
  }

  /** The term, on which all connected nodes have to agree. */
  oneTerm(): number {
    const terms = new Set(this.reachable().map((id) => this.node(id).status().term));
    assert.equal(terms.size, 1, `connected nodes are in terms ${[...terms].join(', ')}`);
    return [...terms][0] as number;
  }

  /** How many nodes have applied `index`, and the command there, the same on all of them. */
  committed(index: number): { count: number; command: string | undefined } {
    let count = 0;
    let command: string | undefined;
    for (const id of this.ids) {
      if (!this.isRunning(id)) continue;
      const found = this.applied(id).find((applied) => applied.index === index);
      if (found === undefined) continue;
      if (count > 0) assert.equal(found.command, command, `two commands at index ${index}`);
      count += 1;
      command = found.command;
    }
    return { count, command };
  }

  /** How many commands up to `index` any node has applied: the course's index of a command. */
  ordinal(index: number): number {
    const counts = this.ids.map(
      (id) => this.applied(id).filter((applied) => applied.index <= index).length,
    );
    return Math.max(...counts);
  }

  /** Commands that any node has applied. */
  get commandsApplied(): number {
    return this.ordinal(Infinity);
  }

  /** Proposes to one node after the other until one takes it. Returns the index, or undefined. */
  private ask(command: string): number | undefined {
    for (const _ of this.ids) {
      this.lastAsked = this.after(this.lastAsked, 1);
      const id = this.lastAsked;
      const index = this.reachable().includes(id) ? this.propose(id, command) : undefined;
      if (index !== undefined) return index;
    }
    return undefined;
  }

  /**
   * Has a command agreed on by at least `expected` nodes; if `mayRetry`, by asking again when a
   * leader did not make it. Returns its index.
   */
  *agreeing(command: string, expected: number, mayRetry: boolean): Process<number> {
    const begunMs = this.clock.nowMs;
    while (this.clock.nowMs - begunMs < AGREEMENT_TRIES_MS) {
      const index = this.ask(command);
      if (index === undefined) {
        yield NO_LEADER_POLL_MS;
        continue;
      }
      const askedMs = this.clock.nowMs;
      while (this.clock.nowMs - askedMs < AGREEMENT_MS) {
        const there = this.committed(index);
        if (there.count >= expected && there.command === command) return index;
        yield POLL_MS;
      }
      assert.ok(mayRetry, `${command} is not agreed on by ${expected} nodes within 2 s`);
    }
    assert.fail(`${command} is not agreed on by ${expected} nodes within 10 s`);
  }

  /** `agreeing` as a step of the script. */
  agree(command: string, expected: number, mayRetry = true): number {
    return this.complete(this.agreeing(command, expected, mayRetry));
  }

  /**
   * Waits until `expected` nodes have applied `index` and returns the command; undefined if a term
   * after `term` has begun meanwhile.
   */
  wait(index: number, expected: number, term = Infinity): string | undefined {
    let pauseMs = WAIT_FIRST_MS;
    for (let waits = 0; waits < WAITS && this.committed(index).count < expected; waits += 1) {
      this.sleep(pauseMs);
      pauseMs = Math.min(2 * pauseMs, WAIT_LAST_MS);
      if (this.reachable().some((id) => this.node(id).status().term > term)) return undefined;
    }
    const { count, command } = this.committed(index);
    assert.ok(count >= expected, `${count} nodes have applied ${index}, ${expected} are expected`);
    return command;
  }

  /** Starts what is down, connects all, and makes the network reliable. */
  repair(): void {
    for (const id of this.ids) if (!this.isRunning(id)) this.start(id);
    this.wire.connect(...this.ids);
    this.wire.isReliable = true;
  }

  /** Ends a scenario: what was applied agrees, and it did not take too long. */
  end(): Cost {
    const longest = this.ids.map((id) => this.applied(id)).sort((a, b) => b.length - a.length)[0]!;
    for (const id of this.ids) {
      const own = this.applied(id);
      assert.deepEqual(own, longest.slice(0, own.length), `node ${id} applied something else`);
    }
    const { nowMs: virtualMs } = this.clock;
    assert.ok(virtualMs <= SCENARIO_MS_MAX, `a scenario of ${virtualMs} virtual ms is too long`);
    const { requests, bytes, snapshots } = this.wire;
    return { virtualMs, requests, bytes, snapshots };
  }
}
