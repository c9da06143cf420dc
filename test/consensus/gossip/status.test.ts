import { describe, expect, it } from 'vitest';

import type { MemberStatus } from '../../../consensus/gossip/index.js';
import { Alone, admitted, claimOf, recordOf } from './swarm.js';

/** What can happen to what node 1 holds of node 2, which was heard of with incarnation 5. */
const EVENTS = {
  'a newer record': (one) => one.tell(3, recordOf(2, 9)),
  'the same record': (one) => one.tell(3, recordOf(2, 5)),
  'an older record': (one) => one.tell(3, recordOf(2, 4)),
  'a newer record of who leaves': (one) => one.tell(3, recordOf(2, 9, { hasLeft: true })),
  'a claim that it is suspect': (one) => one.tell(3, claim('suspect', 5)),
  'a claim that it is dead': (one) => one.tell(3, claim('dead', 5)),
  'a claim about an older incarnation': (one) => one.tell(3, claim('dead', 4)),
  'a claim about an incarnation nobody has heard of': (one) => one.tell(3, claim('dead', 9)),
  'time without an answer': (one) => one.pass(60_000),
  'an eviction': (one) => {
    const members = admitted([1, 3, 4]);
    one.take(one.core.step({ type: 'admission', members, nowMs: one.nowMs }));
  },
} as const satisfies Record<string, (one: Alone) => void>;

type Event = keyof typeof EVENTS;

function claim(kind: 'suspect' | 'dead', incarnation: number) {
  return claimOf({ kind, subject: 2, incarnation, accuser: 3 });
}

/** Node 1 knows 3 and 4, and holds 2 for this. */
function withStatus(status: MemberStatus): Alone {
  const one = new Alone([1, 2, 3, 4]);
  one.tell(3, recordOf(3, 5), recordOf(4, 5));
  if (status !== 'unknown') one.tell(3, recordOf(2, 5, { hasLeft: status === 'left' }));
  if (status === 'suspect' || status === 'dead') one.tell(4, claimBy4());
  if (status === 'dead') {
    one.pass(30_000);
    // They would be dead as well, since nobody answers here.
    one.tell(3, recordOf(3, 6), recordOf(4, 6));
  }
  expect(one.statusOf(2)).toBe(status);
  return one;
}

function claimBy4() {
  return claimOf({ kind: 'suspect', subject: 2, incarnation: 5, accuser: 4 });
}

const unchanged = (status: MemberStatus): Record<Event, MemberStatus> => ({
  'a newer record': 'alive',
  'the same record': status,
  'an older record': status,
  'a newer record of who leaves': 'left',
  'a claim that it is suspect': status,
  'a claim that it is dead': status,
  'a claim about an older incarnation': status,
  'a claim about an incarnation nobody has heard of': status,
  'time without an answer': status,
  'an eviction': 'unknown',
});

/** Every status by every event: a verdict of another one is a suspicion here (SPEC, G7). */
const TABLE: Record<MemberStatus, Record<Event, MemberStatus>> = {
  unknown: { ...unchanged('unknown'), 'the same record': 'alive', 'an older record': 'alive' },
  alive: {
    ...unchanged('alive'),
    'a claim that it is suspect': 'suspect',
    'a claim that it is dead': 'suspect',
    'time without an answer': 'dead',
  },
  suspect: { ...unchanged('suspect'), 'time without an answer': 'dead' },
  dead: unchanged('dead'),
  left: unchanged('left'),
};

describe('a member', () => {
  for (const [status, row] of Object.entries(TABLE) as [MemberStatus, (typeof TABLE)['dead']][]) {
    for (const [event, expected] of Object.entries(row) as [Event, MemberStatus][]) {
      it(`that is ${status} is ${expected} after ${event}`, () => {
        const one = withStatus(status);
        EVENTS[event](one);
        expect(one.statusOf(2)).toBe(expected);
      });
    }
  }
});

describe('what is not signed by its author', () => {
  it('is refused, and changes nothing', () => {
    const one = withStatus('alive');
    one.tell(3, recordOf(2, 99, { by: 3 }));
    one.tell(3, claimOf({ kind: 'dead', subject: 2, incarnation: 5, accuser: 4 }, 3));
    expect(one.statusOf(2)).toBe('alive');
    expect(one.core.member(2).incarnation).toBe(5);
    expect(one.refusals).toEqual(['forged', 'forged']);
  });

  it('is refused when it was signed for another swarm', () => {
    const one = withStatus('alive');
    one.tell(3, recordOf(2, 99, { swarm: 'another' }));
    expect(one.core.member(2).incarnation).toBe(5);
    expect(one.refusals).toEqual(['forged']);
  });

  it('does not make a node refute', () => {
    const one = withStatus('alive');
    const { incarnation } = one.core.member(1);
    one.tell(3, claimOf({ kind: 'dead', subject: 1, incarnation, accuser: 4 }, 3));
    one.tell(3, recordOf(1, 1_000_000, { by: 3 }));
    expect(one.core.member(1).incarnation).toBe(incarnation);
    expect(one.refusals).toEqual(['forged', 'forged']);
  });

  it('counts once for an accuser, however often it comes', () => {
    const one = withStatus('suspect');
    const before = one.core.nextMs;
    one.tell(3, claimBy4());
    one.tell(4, claimBy4());
    expect(one.core.nextMs).toBeLessThanOrEqual(before);
    one.sent.splice(0);
    expect(one.statusOf(2)).toBe('suspect');
  });
});

describe('who is evicted', () => {
  it('stays away, whoever tells of it, and is not listened to', () => {
    const one = withStatus('alive');
    EVENTS['an eviction'](one);
    one.tell(3, recordOf(2, 6));
    expect(one.statusOf(2)).toBe('unknown');
    one.tell(2, recordOf(2, 7), claimOf({ kind: 'dead', subject: 3, incarnation: 5, accuser: 2 }));
    one.tell(4, claimOf({ kind: 'dead', subject: 3, incarnation: 5, accuser: 2 }));
    expect(one.statusOf(3)).toBe('alive');
    expect(one.refusals).toEqual(['not-admitted', 'stranger', 'not-admitted']);
    one.sent.splice(0);
    one.pass(20_000);
    expect(one.sent.map(({ to }) => to)).not.toContain(2);
    expect(one.core.members().map(({ id }) => id)).toEqual([1, 3, 4]);
  });

  it('comes back under another number, and not by what it has said under the old one', () => {
    const one = withStatus('alive');
    const members = new Map([...admitted([1, 3, 4]), [7, 'peer-2'] as const]);
    one.take(one.core.step({ type: 'admission', members, nowMs: one.nowMs }));
    one.tell(3, recordOf(2, 99));
    expect(one.statusOf(7)).toBe('unknown');
    expect(one.refusals).toEqual(['not-admitted']);
  });
});

describe('a node', () => {
  it('refutes what is claimed of it, with a greater incarnation, and is less sure of itself', () => {
    const one = withStatus('alive');
    const { incarnation } = one.core.member(1);
    one.tell(3, claimOf({ kind: 'suspect', subject: 1, incarnation, accuser: 4 }));
    expect(one.core.member(1).incarnation).toBe(incarnation + 1);
    expect(one.core.awareness).toBe(1);
    // Of the incarnation before, which it has refuted already.
    one.tell(3, claimOf({ kind: 'dead', subject: 1, incarnation, accuser: 3 }));
    expect(one.core.member(1).incarnation).toBe(incarnation + 1);
  });

  it('refutes what somebody has claimed who is evicted, since others may believe it still', () => {
    const one = withStatus('alive');
    EVENTS['an eviction'](one);
    const { incarnation } = one.core.member(1);
    one.tell(3, claimOf({ kind: 'suspect', subject: 1, incarnation, accuser: 2 }));
    expect(one.core.member(1).incarnation).toBe(incarnation + 1);
  });

  it('goes beyond the incarnation of a process before it, of which others tell', () => {
    const one = withStatus('alive');
    one.tell(3, recordOf(1, 500, { metadata: new Uint8Array([9]) }));
    expect(one.core.member(1).incarnation).toBe(501);
    expect(one.core.member(1).metadata).toEqual(new Uint8Array([1]));
  });

  it('does not refute once it has left', () => {
    const one = withStatus('alive');
    one.take(one.core.step({ type: 'leave', nowMs: one.nowMs }));
    const { incarnation, status } = one.core.member(1);
    expect(status).toBe('left');
    one.tell(3, claimOf({ kind: 'dead', subject: 1, incarnation, accuser: 4 }));
    expect(one.core.member(1).incarnation).toBe(incarnation);
  });

  it('tells a member that it takes for dead so with every message', () => {
    const one = withStatus('dead');
    one.sent.splice(0);
    one.hear(2, { type: 'ping', sequence: 77, items: [] });
    const [answer] = one.messages();
    expect(answer).toMatchObject({ to: 2, message: { type: 'ack', sequence: 77, target: 1 } });
    const [accusation, record] = answer!.message.items;
    expect(accusation).toMatchObject({ claim: { kind: 'dead', subject: 2, incarnation: 5 } });
    expect(record).toMatchObject({ record: { id: 2, incarnation: 5 } });
  });

  it('does not hold against others the time in which it did not run', () => {
    const one = withStatus('suspect');
    one.nowMs += 3_600_000;
    one.take(one.core.step({ type: 'tick', nowMs: one.nowMs }));
    expect(['suspect', 'alive', 'alive']).toEqual([2, 3, 4].map((id) => one.statusOf(id)));
    expect(one.core.awareness).toBe(1);
    one.pass(30_000);
    expect(one.statusOf(2)).toBe('dead');
  });
});
