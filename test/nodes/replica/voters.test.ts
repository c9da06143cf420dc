/** A leader's upkeep of the membership in a swarm of 100: one change at a time, until nothing is left. */
import { describe, expect, it } from 'vitest';

import type { ConfChange, RaftStatus } from '../../../consensus/raft/index.js';
import { applyControl, dropMember } from '../../../nodes/control-plane/apply.js';
import type { ControlCommand } from '../../../nodes/control-plane/apply.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import { nextUpkeep } from '../../../nodes/replica/upkeep.js';

const GONE_MS = 30_000;

/** A leader with its control state and configuration; what it proposes is applied at once. */
class World {
  readonly control = newControlState({
    swarmId: 's',
    joinTokenHash: 'j',
    clientTokenHash: 'c',
    swarmVersion: 2,
    peerId: 'p1',
    host: 'h',
    port: 1,
  });
  voters = [1];
  learners: number[] = [];
  leader = 1;
  readonly silent = new Set<number>();
  readonly lagging = new Set<number>();
  /** What was proposed, in words. */
  log: string[] = [];
  #index = 1;

  constructor(members: number, zones: readonly string[] = ['']) {
    this.say(1, zones[0]!);
    for (let id = 2; id <= members; id += 1) this.join(zones[(id - 1) % zones.length]!);
  }

  apply(command: ControlCommand): number {
    this.#index += 1;
    const result = applyControl(this.control, this.#index, command);
    if (!result.ok) throw new Error(result.refusal);
    return result.value;
  }

  join(zone: string, replaces = 0): number {
    const peerId = `p${this.control.nextNodeId}`;
    const id = this.apply({ type: 'addMember', peerId, host: 'h', port: 1, zone, replaces });
    this.say(id, zone);
    return id;
  }

  say(nodeId: number, zone: string): void {
    const { host, port } = this.control.members.get(nodeId)!;
    this.apply({
      type: 'setMember',
      nodeId,
      status: 'up',
      host,
      port,
      commandVersion: 5,
      release: 'r',
      zone,
    });
  }

  /** Proposes and applies until there is nothing to propose; returns the log of it. */
  settle(): string[] {
    this.log = [];
    for (let steps = 0; steps < 1_000; steps += 1) {
      const upkeep = nextUpkeep(this.control, this.#status(), 0, 0, (nodeId) =>
        this.silent.has(nodeId) ? GONE_MS : 0,
      );
      if (upkeep === undefined) return this.log;
      if (upkeep.type === 'transfer') {
        this.log.push(`lead ${upkeep.to}`);
        this.leader = upkeep.to;
      } else if (upkeep.type === 'membership') this.#change(upkeep.change);
      else {
        this.log.push(
          `${upkeep.command.type} ${'nodeId' in upkeep.command ? upkeep.command.nodeId : ''}`,
        );
        this.apply(upkeep.command as ControlCommand);
      }
    }
    throw new Error(`no end: ${this.log.slice(-6).join(', ')}`);
  }

  /** Every single step must leave a majority of voters that are there. */
  #change({ changes }: ConfChange): void {
    this.log.push(changes.map(({ type, node }) => `${type} ${node}`).join(' + '));
    for (const { type, node } of changes) {
      this.voters = this.voters.filter((id) => id !== node);
      this.learners = this.learners.filter((id) => id !== node);
      if (type === 'addVoter') this.voters.push(node);
      if (type === 'addLearner') this.learners.push(node);
      if (type === 'remove') dropMember(this.control, node);
    }
    const there = this.voters.filter((id) => !this.silent.has(id)).length;
    expect(there * 2).toBeGreaterThan(this.voters.length);
  }

  #status(): RaftStatus {
    const members = [...this.voters, ...this.learners];
    const progress = new Map(
      members.map((id) => [
        id,
        {
          match: this.lagging.has(id) ? 0 : this.#index,
          state: 'replicate',
          recentActive: !this.silent.has(id),
        },
      ]),
    );
    const { voters, learners } = this;
    return {
      id: this.leader,
      role: 'leader',
      transferTarget: 0,
      commit: this.#index + 100,
      confState: { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false },
      progress: new Map(
        [...progress].map(([id, one]) => [
          id,
          { ...one, match: this.lagging.has(id) ? 0 : this.#index + 100 },
        ]),
      ),
    } as unknown as RaftStatus;
  }

  get zones(): string[] {
    return this.voters.map((id) => this.control.members.get(id)!.zone).sort();
  }
}

const ZONES = ['a', 'b', 'c', 'd', 'e'];

describe('a swarm of 100', () => {
  it('has five voters, one in each zone; all others are learners', () => {
    const world = new World(100, ZONES);
    const log = world.settle();
    expect(world.zones).toEqual(ZONES);
    expect(world.learners.length).toBe(95);
    // Each was a learner first, and nobody more than had to was made a voter.
    expect(log.filter((line) => line.startsWith('addVoter')).length).toBe(4);
    expect(world.settle()).toEqual([]);
  });

  it('makes nobody a voter who is cordoned, as long as that lasts', () => {
    const world = new World(10, ['']);
    for (const member of world.control.members.values()) member.cordoned = member.nodeId !== 7;
    world.settle();
    expect(world.voters).toEqual([1, 7]);
    for (const member of world.control.members.values()) member.cordoned = false;
    world.settle();
    expect(world.voters).toHaveLength(5);
  });

  it('follows the number that is wanted, up and down', () => {
    const world = new World(100, ZONES);
    world.settle();
    for (const wanted of [7, 3, 5, 7]) {
      world.apply({ type: 'setVoters', wanted, goneAfterMs: GONE_MS });
      world.settle();
      expect(world.voters.length).toBe(wanted);
      expect(world.voters).toContain(world.leader);
    }
  });

  it('gives the vote of a member that is gone to another of its zone, in one change', () => {
    const world = new World(100, ZONES);
    world.settle();
    world.silent.add(3);
    expect(world.settle()).toEqual(['addVoter 8 + addLearner 3']);
    world.silent.delete(3);
    expect(world.settle()).toEqual([]);
  });

  it('survives the loss of voters one after the other, down to the last that can be replaced', () => {
    const world = new World(100, ZONES);
    world.settle();
    for (let lost = 0; lost < 90; lost += 1) {
      world.silent.add(world.voters.find((id) => id !== world.leader)!);
      expect(world.settle().length).toBe(1);
      expect(world.voters.filter((id) => world.silent.has(id))).toEqual([]);
    }
  });

  it('drains the leader: leadership first, then the vote', () => {
    const world = new World(100, ZONES);
    world.settle();
    world.apply({ type: 'drainMember', nodeId: 1, drained: true });
    const log = world.settle();
    expect(log[0]).toMatch(/^lead [2-5]$/);
    expect(log.slice(1)).toEqual(['addVoter 6 + addLearner 1']);
    world.apply({ type: 'drainMember', nodeId: 1, drained: false });
    expect(world.settle()).toEqual([]);
  });

  it('lets a voter leave: its vote moves, then it is removed', () => {
    const world = new World(100, ZONES);
    world.settle();
    world.apply({ type: 'leaveMember', nodeId: 2 });
    expect(world.settle()).toEqual(['addVoter 7 + addLearner 2', 'removeMember 2', 'remove 2']);
    expect(world.control.members.size).toBe(99);
    expect(world.control.placement.leaving.size).toBe(0);
  });

  it('replaces a dead member by a new one that has caught up, and not before', () => {
    const world = new World(100, ZONES);
    world.settle();
    world.lagging.add(101);
    world.silent.add(4);
    const id = world.join('', 4);
    expect(world.control.members.get(id)?.zone).toBe('');
    expect(world.settle()).toEqual(['addLearner 101', 'addVoter 9 + addLearner 4']);
    world.lagging.delete(101);
    expect(world.settle()).toEqual(['removeMember 4', 'remove 4']);
    expect(world.control.placement.replaces.size).toBe(0);
  });
});

describe('a small swarm', () => {
  it('of three lets one leave without a successor, and the vote of a removed one goes at once', () => {
    const world = new World(4);
    world.settle();
    expect(world.voters).toEqual([1, 2, 3, 4]);
    world.apply({ type: 'leaveMember', nodeId: 3 });
    expect(world.settle()).toEqual(['removeMember 3', 'remove 3']);
    world.apply({ type: 'removeMember', nodeId: 4 });
    expect(world.settle()).toEqual(['remove 4']);
  });

  it('keeps a vote that its quorum needs until the one that is silent is back', () => {
    const world = new World(3);
    world.settle();
    world.silent.add(2);
    world.apply({ type: 'leaveMember', nodeId: 3 });
    expect(world.settle()).toEqual([]);
    world.apply({ type: 'removeMember', nodeId: 3 });
    expect(world.settle()).toEqual([]);
    world.silent.delete(2);
    expect(world.settle()).toEqual(['remove 3']);
  });

  it('of five with three voters replaces the voter whose host is gone', () => {
    const world = new World(5);
    world.apply({ type: 'setVoters', wanted: 3, goneAfterMs: GONE_MS });
    world.settle();
    world.silent.add(2);
    expect(world.settle()).toEqual(['addVoter 4 + addLearner 2']);
    world.join('', 2);
    // What is gone is removed once the new one has caught up; it had lost its vote before.
    expect(world.settle()).toEqual(['addLearner 6', 'removeMember 2', 'remove 2']);
  });

  it('that wants everybody to vote has no learners', () => {
    const world = new World(9);
    world.apply({ type: 'setVoters', wanted: 0, goneAfterMs: GONE_MS });
    world.settle();
    expect(world.voters.length).toBe(9);
  });
});
