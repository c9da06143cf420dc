import { describe, expect, it } from 'vitest';

import { defaultRaftConfig, foundingState } from '../../../consensus/raft/index.js';
import type { Message } from '../../../consensus/raft/index.js';
import type { Command } from '../../../nodes/control-plane/command.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import { Replica } from '../../../nodes/replica/replica.js';
import type { Reply } from '../../../nodes/replica/replica.js';
import type { InsertMemory } from '../../../src/memory/engine.js';
import { decodeCommand, encodeCommand } from '../../../nodes/wire/command-codec.js';
import { ModelEngine, emptyContent } from '../../../sim/scenarios/model-engine.js';

const codec = { encode: encodeCommand, decode: decodeCommand };

/** Replicas in one thread: disks are instant, and messages arrive unless a node is cut off. */
class Group {
  readonly replicas = new Map<number, Replica>();
  readonly engines = new Map<number, ModelEngine>();
  readonly replies: Reply[] = [];
  readonly reads: string[] = [];
  cutOff = 0;
  /** All nodes of a group read the same clock; 50 ms pass between two ticks. */
  readonly time = {
    clockMs: 1e9,
    tickMs: 50,
    nowMs: () => this.time.clockMs,
    timeOfDayMs: () => this.time.clockMs,
  };
  #messages: Message[] = [];

  constructor(ids: readonly number[]) {
    for (const id of ids) {
      const control = newControlState({
        swarmId: 's',
        joinTokenHash: 'j',
        clientTokenHash: 'c',
        swarmVersion: 1,
        peerId: 'peer-1',
        host: 'h',
        port: 1,
      });
      for (const other of ids.slice(1)) {
        const member = { ...control.members.get(1)!, nodeId: other, peerId: `peer-${other}` };
        control.members.set(other, member);
      }
      const config = defaultRaftConfig({ id, random: () => (id - 1) / ids.length });
      this.replicas.set(id, new Replica(config, foundingState(ids), control, codec, this.time));
      this.engines.set(id, new ModelEngine('v1', emptyContent(1)));
    }
  }

  get leader(): Replica {
    const leader = [...this.replicas.values()].find(
      (one) => one.status().role === 'leader' && one.status().id !== this.cutOff,
    );
    if (leader === undefined) throw new Error('there is a leader');
    return leader;
  }

  tick(times: number): void {
    for (let i = 0; i < times; i += 1) {
      this.time.clockMs += this.time.tickMs;
      for (const replica of this.replicas.values()) replica.tick();
      this.settle();
    }
  }

  settle(): void {
    for (let busy = true; busy;) {
      busy = false;
      for (const replica of this.replicas.values()) {
        while (replica.hasReady()) {
          busy = true;
          this.#round(replica);
        }
      }
      const messages = this.#messages;
      this.#messages = [];
      for (const message of messages) {
        if (message.to === this.cutOff || message.from === this.cutOff) continue;
        busy = true;
        this.replicas.get(message.to)?.receive(message);
      }
    }
  }

  #round(replica: Replica): void {
    const ready = replica.ready();
    this.#messages.push(...ready.messages, ...ready.messagesAfterPersist);
    const batch = replica.beginApply(ready.committedEntries);
    const engine = this.engines.get(replica.status().id)!;
    const outcomes = batch.firstIndex === 0 ? [] : engine.apply(batch.commands, batch.lastIndex);
    const { replies, reads } = replica.finishApply(outcomes);
    this.replies.push(...replies);
    this.reads.push(...reads);
    replica.advance();
  }
}

const insert = (session: number, sequence: number, content: string): Command => ({
  type: 'memory',
  session,
  owner: 'client',
  sequence,
  command: {
    type: 'insertMemory',
    id: 'a',
    content,
    metadata: {},
    vector: null,
    timestampMs: 1,
  },
});

function insertOf({ command }: Extract<Command, { type: 'memory' }>): InsertMemory {
  if (command.type !== 'insertMemory') throw new Error('the write is an insert');
  return command;
}

function groupWithSession() {
  const group = new Group([1, 2, 3]);
  group.tick(20);
  expect(group.leader.propose(1, { type: 'openSession', owner: 'client' })).toBeUndefined();
  group.settle();
  const [reply] = group.replies.splice(0);
  if (reply === undefined || !('result' in reply)) throw new Error('the session is open');
  return { group, session: reply.result.index };
}

describe('replica', () => {
  it('applies a command on every node, and answers where it was proposed', () => {
    const { group, session } = groupWithSession();
    group.leader.propose(7, insert(session, 1, 'text'));
    group.settle();
    group.tick(2);
    expect(group.replies).toMatchObject([{ request: 7, result: { ok: true } }]);
    for (const engine of group.engines.values()) expect(engine.get('a')?.content).toBe('text');
  });

  it('answers a retry with the index of the first try, and does not apply it again', () => {
    const { group, session } = groupWithSession();
    group.leader.propose(1, insert(session, 1, 'first'));
    group.leader.propose(2, insert(session, 1, 'first'));
    group.settle();
    group.leader.propose(3, insert(session, 1, 'first'));
    group.settle();
    const indexes = group.replies.map((reply) => ('result' in reply ? reply.result.index : 0));
    expect(indexes).toHaveLength(3);
    expect(new Set(indexes).size).toBe(1);
  });

  it('passes retries over when an engine is fed from the log', () => {
    const { group, session } = groupWithSession();
    const from = group.leader.appliedIndex + 1;
    group.leader.propose(1, insert(session, 1, 'old'));
    group.leader.propose(2, insert(session, 2, 'new'));
    group.leader.propose(3, insert(session, 2, 'new'));
    group.leader.propose(4, insert(session, 1, 'old'));
    group.settle();
    const batch = group.leader.replay(from, 1e6);
    expect(batch.commands.map(({ index }) => index)).toEqual([from, from + 1]);
    expect(batch.lastIndex).toBe(group.leader.appliedIndex);
  });

  it('tells the proposer when it lost the leadership, and a new leader applies the retry once', () => {
    const { group, session } = groupWithSession();
    const old = group.leader;
    group.cutOff = old.status().id;
    old.propose(5, insert(session, 1, 'kept'));
    group.tick(40);
    expect(group.replies).toEqual([{ request: 5, lost: 'leader-changed' }]);
    group.replies.length = 0;
    group.leader.propose(6, insert(session, 1, 'kept'));
    group.settle();
    group.cutOff = 0;
    group.tick(40);
    expect(group.replies).toMatchObject([{ request: 6, result: { ok: true } }]);
    for (const engine of group.engines.values()) expect(engine.get('a')?.content).toBe('kept');
  });

  it('serves a linearizable read on a follower, and none on a leader that was deposed', () => {
    const { group } = groupWithSession();
    const old = group.leader;
    const follower = [...group.replicas.values()].find((one) => one !== old);
    follower?.readIndex('follower');
    group.settle();
    expect(group.reads).toEqual(['follower']);
    group.cutOff = old.status().id;
    old.readIndex('deposed');
    group.tick(40);
    expect(group.reads).toEqual(['follower']);
  });
});

describe('the time of a leader', () => {
  const ONE_HOUR_TICKS = (3_600_000 / 50) * 1.1;
  const sessionsOf = (group: Group): number[] =>
    [...group.replicas.values()].map(({ control }) => control.sessions.size);

  it('expires an idle session on every node, and then leaves the log alone', () => {
    const { group } = groupWithSession();
    group.tick(ONE_HOUR_TICKS);
    expect(sessionsOf(group)).toEqual([0, 0, 0]);
    const { lastIndex } = group.leader.status();
    group.tick(ONE_HOUR_TICKS);
    expect(group.leader.status().lastIndex).toBe(lastIndex);
  });

  it('is in the log a few times in the time-out, not once a tick', () => {
    const { group } = groupWithSession();
    const { lastIndex } = group.leader.status();
    group.tick(3_000_000 / 50);
    expect(sessionsOf(group)).toEqual([1, 1, 1]);
    expect(group.leader.status().lastIndex - lastIndex).toBeLessThanOrEqual(8);
    expect(group.leader.control.clockMs).toBeGreaterThan(2_500_000);
  });

  it.each([24 * 3_600_000, -24 * 3_600_000, Number.NaN])(
    'does not follow a clock that jumps by %i ms',
    (jumpMs) => {
      const { group, session } = groupWithSession();
      for (let jump = 0; jump < 10; jump += 1) {
        group.time.clockMs += jumpMs;
        group.tick(5);
        if (Number.isNaN(jumpMs)) group.time.clockMs = 1_000;
        group.leader.propose(jump, insert(session, jump + 1, 'text'));
        group.settle();
      }
      expect(group.leader.control.clockMs).toBeLessThan(10_000);
      expect(sessionsOf(group)).toEqual([1, 1, 1]);
    },
  );

  it('goes on from the replicated clock when another node leads', () => {
    const { group, session } = groupWithSession();
    group.tick(20_000);
    const before = group.leader.control.clockMs;
    expect(before).toBeGreaterThan(500_000);
    group.cutOff = group.leader.status().id;
    group.tick(60);
    group.leader.propose(9, insert(session, 1, 'text'));
    group.settle();
    const after = group.leader.control.clockMs;
    expect(after).toBeGreaterThanOrEqual(before);
    expect(after).toBeLessThan(before + 10_000);
  });
});

describe('memories that expire', () => {
  it('are deleted at one index on every node, unless they were put anew before it', () => {
    const { group, session } = groupWithSession();
    const put = (sequence: number, id: string, expiresAtMs?: number): Command => {
      const write = insert(session, sequence, 'text') as Extract<Command, { type: 'memory' }>;
      return { ...write, command: { ...insertOf(write), id, expiresAtMs } };
    };
    group.leader.propose(1, put(1, 'a', 100));
    group.leader.propose(2, put(2, 'b', 100));
    group.settle();
    // A leader that has looked, and a client that was faster.
    const expire = (id: string): Command => ({ type: 'expireMemory', id, timestampMs: 150 });
    group.leader.propose(3, put(3, 'b', 200));
    group.leader.propose(4, expire('a'));
    group.leader.propose(5, expire('b'));
    group.replies.splice(0);
    group.settle();
    group.tick(2);
    expect(group.replies).toMatchObject([
      { request: 3, result: { ok: true } },
      { request: 4, result: { ok: true } },
      { request: 5, result: { ok: false, refusal: 'not-found' } },
    ]);
    for (const engine of group.engines.values()) {
      expect(engine.get('a')).toBeUndefined();
      expect(engine.get('b')).toMatchObject({ expiresAtMs: 200 });
    }
    // Whoever is staged later is fed the same.
    const { commands, lastIndex } = group.leader.replay(2, 1e6);
    const late = new ModelEngine('v2', emptyContent(1));
    late.apply(commands, lastIndex);
    expect(late.fingerprint()).toBe(group.engines.get(1)?.fingerprint());
  });
});

describe('a swarm of a release before', () => {
  it('gets commands of a version when every member has said that it reads them', () => {
    const group = new Group([1, 2, 3]);
    for (const { control } of group.replicas.values()) {
      control.commandVersion = 1;
      for (const member of control.members.values()) member.commandVersion = 1;
    }
    group.tick(20);
    const versions = (): number[] =>
      [...group.replicas.values()].map(({ control }) => control.commandVersion);
    const say = (nodeId: number, commandVersion?: number): void => {
      const told = { type: 'setMember', nodeId, status: 'up', host: 'h', port: 1 } as const;
      group.leader.propose(
        nodeId,
        commandVersion === undefined ? told : { ...told, commandVersion },
      );
      group.tick(5);
    };
    for (const nodeId of [1, 2, 3]) say(nodeId);
    expect(versions()).toEqual([1, 1, 1]);
    say(1, 2);
    say(3, 2);
    expect(versions()).toEqual([1, 1, 1]);
    group.leader.propose(7, { type: 'openSession', owner: 'client' });
    group.settle();
    expect(group.leader.control.clockMs).toBe(0);
    say(2, 2);
    expect(versions()).toEqual([2, 2, 2]);
    for (const nodeId of [1, 2]) say(nodeId, 3);
    expect(versions()).toEqual([2, 2, 2]);
    // A member of a later release reads more than anybody here writes.
    say(3, 5);
    expect(versions()).toEqual([3, 3, 3]);
    for (const nodeId of [1, 2]) say(nodeId, 4);
    expect(versions()).toEqual([4, 4, 4]);
  });
});
