/** Who votes in a large swarm: steps towards the rules, and that they end. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  GONE_AFTER_MS_MIN,
  canGoWithoutSuccessor,
  nextPlacement,
} from '../../../nodes/replica/placement.js';
import type {
  PlacementMember,
  PlacementRules,
  PlacementStep,
} from '../../../nodes/replica/placement.js';

const GONE_MS = 30_000;

function member(nodeId: number, more: Partial<PlacementMember> = {}): PlacementMember {
  return {
    nodeId,
    zone: '',
    isVoter: false,
    isLeader: false,
    serves: true,
    isUnwanted: false,
    lagEntries: 0,
    silentMs: 0,
    replaces: 0,
    ...more,
  };
}

function voter(nodeId: number, more: Partial<PlacementMember> = {}): PlacementMember {
  return member(nodeId, { isVoter: true, isLeader: nodeId === 1, ...more });
}

const three: PlacementRules = { wanted: 3, goneAfterMs: GONE_MS };

interface Row {
  readonly what: string;
  readonly members: readonly PlacementMember[];
  readonly rules?: PlacementRules;
  readonly step: PlacementStep | undefined;
}

const rows: readonly Row[] = [
  {
    what: 'a learner that has caught up takes a free place',
    members: [voter(1), member(2)],
    step: { promote: 2, demote: 0 },
  },
  {
    what: 'nobody who lags, is silent, does not serve or is drained',
    members: [
      voter(1),
      member(2, { lagEntries: 65 }),
      member(3, { silentMs: 4_000 }),
      member(4, { serves: false }),
      member(5, { isUnwanted: true }),
    ],
    step: undefined,
  },
  {
    what: 'a learner stays one when all places are taken',
    members: [voter(1), voter(2), voter(3), member(4)],
    step: undefined,
  },
  {
    what: 'a voter that is silent for a short time keeps its place',
    members: [voter(1), voter(2), voter(3, { silentMs: GONE_MS - 1 }), member(4)],
    step: undefined,
  },
  {
    what: 'a voter that is gone is replaced in one change',
    members: [voter(1), voter(2), voter(3, { silentMs: GONE_MS }), member(4)],
    step: { promote: 4, demote: 3 },
  },
  {
    what: 'a voter that is gone stays one while nobody can take its place',
    members: [voter(1), voter(2), voter(3, { silentMs: GONE_MS }), member(4, { lagEntries: 900 })],
    step: undefined,
  },
  {
    what: 'the one that was joined in its place comes first',
    members: [
      voter(1),
      voter(2),
      voter(3, { silentMs: GONE_MS }),
      member(4),
      member(5, { replaces: 3 }),
    ],
    step: { promote: 5, demote: 3 },
  },
  {
    what: 'of two that have to go, the one that is gone goes first',
    members: [voter(1), voter(2, { isUnwanted: true }), voter(3, { silentMs: GONE_MS }), member(4)],
    step: { promote: 4, demote: 3 },
  },
  {
    what: 'a leader that is drained has to hand over before its vote moves',
    members: [voter(1, { isUnwanted: true }), voter(2), voter(3), member(4)],
    step: undefined,
  },
  {
    what: 'a new voter comes from the zone with the fewest',
    members: [
      voter(1, { zone: 'a' }),
      voter(2, { zone: 'b' }),
      member(3, { zone: 'a' }),
      member(4, { zone: 'b' }),
      member(5, { zone: 'c' }),
    ],
    step: { promote: 5, demote: 0 },
  },
  {
    what: 'a vote moves from a zone that has two more',
    members: [
      voter(1, { zone: 'a' }),
      voter(2, { zone: 'a' }),
      voter(3, { zone: 'b' }),
      member(4, { zone: 'c' }),
    ],
    step: { promote: 4, demote: 2 },
  },
  {
    what: 'zones that differ by one stay as they are',
    members: [
      voter(1, { zone: 'a' }),
      voter(2, { zone: 'a' }),
      voter(3, { zone: 'b' }),
      member(4, { zone: 'b' }),
    ],
    step: undefined,
  },
  {
    what: 'of too many voters one of the fullest zone goes, and not the leader',
    members: [
      voter(1, { zone: 'a' }),
      voter(2, { zone: 'b' }),
      voter(3, { zone: 'c' }),
      voter(4, { zone: 'a' }),
    ],
    step: { promote: 0, demote: 4 },
  },
  {
    what: 'of too many voters one that is gone goes before all others',
    members: [voter(1), voter(2, { silentMs: GONE_MS }), voter(3), voter(4)],
    step: { promote: 0, demote: 2 },
  },
  {
    what: 'no step leaves fewer voters that are there than a majority needs',
    members: [
      voter(1),
      voter(2, { silentMs: 10_000 }),
      voter(3, { silentMs: 10_000 }),
      voter(4),
      voter(5, { isUnwanted: true }),
    ],
    rules: { ...three, wanted: 4 },
    step: undefined,
  },
  {
    what: 'without a number everybody votes, and nobody is demoted',
    members: [voter(1), voter(2), voter(3, { silentMs: GONE_MS }), member(4), member(5)],
    rules: { wanted: 0, goneAfterMs: GONE_MS },
    step: { promote: 4, demote: 0 },
  },
];

describe('one step', () => {
  for (const { what, members, rules = three, step } of rows) {
    it(what, () => expect(nextPlacement(members, rules)).toEqual(step));
  }

  it('a member can go alone while a majority of the others is there', () => {
    const silent = { silentMs: 10_000 };
    expect(canGoWithoutSuccessor([voter(1), voter(2), voter(3)], 3)).toBe(true);
    expect(canGoWithoutSuccessor([voter(1), voter(2, silent), voter(3)], 3)).toBe(false);
  });
});

/** A swarm as the leader sees it, which steps and events change. */
type World = Map<number, PlacementMember>;
type Event =
  | { readonly type: 'die' | 'revive' | 'drain' | 'undrain' | 'leave'; readonly at: number }
  | { readonly type: 'join'; readonly zone: string }
  | { readonly type: 'want'; readonly wanted: number };

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    type: fc.constantFrom('die', 'die', 'revive', 'drain', 'undrain', 'leave'),
    at: fc.nat(),
  }),
  fc.record({ type: fc.constant('join'), zone: fc.constantFrom('a', 'b', 'c', 'd') }),
  fc.record({ type: fc.constant('want'), wanted: fc.constantFrom(3, 5, 7) }),
);

const swarm = fc.record({
  zones: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 100, maxLength: 500 }),
  wanted: fc.constantFrom(3, 5, 7),
  events: fc.array(event, { maxLength: 60 }),
});

function voters(world: World): PlacementMember[] {
  return [...world.values()].filter(({ isVoter }) => isVoter);
}

function isLive({ silentMs }: PlacementMember): boolean {
  return silentMs === 0;
}

function hasQuorum(world: World): boolean {
  return voters(world).filter(isLive).length * 2 > voters(world).length;
}

function change(world: World, nodeId: number, more: Partial<PlacementMember>): void {
  const before = world.get(nodeId);
  if (before !== undefined) world.set(nodeId, { ...before, ...more });
}

/** Steps until there is none; returns how many. */
function settle(world: World, rules: PlacementRules): number {
  for (let steps = 0; steps <= world.size; steps += 1) {
    const step = nextPlacement([...world.values()], rules);
    if (step === undefined) return steps;
    const before = voters(world).length;
    expect(step.promote !== 0 || step.demote !== 0).toBe(true);
    change(world, step.promote, { isVoter: true });
    change(world, step.demote, { isVoter: false });
    expect(hasQuorum(world)).toBe(true);
    if (before <= rules.wanted) expect(voters(world).length).toBeGreaterThanOrEqual(before);
  }
  throw new Error('the steps have no end');
}

/** What an event does; a majority stays, since without one there is no leader to take steps. */
function happen(world: World, happened: Event): number {
  if (happened.type === 'want') return happened.wanted;
  if (happened.type === 'join') {
    const nodeId = Math.max(...world.keys()) + 1;
    world.set(nodeId, member(nodeId, { zone: happened.zone }));
    return 0;
  }
  const ids = [...world.keys()];
  // Half of the events meet voters, which are few.
  const among = happened.at % 2 === 0 ? voters(world).map(({ nodeId }) => nodeId) : ids;
  const nodeId = among[happened.at % among.length]!;
  const before = world.get(nodeId)!;
  if (before.isLeader) return 0;
  if (happened.type === 'die') change(world, nodeId, { silentMs: GONE_MS });
  else if (happened.type === 'revive') change(world, nodeId, { silentMs: 0 });
  else if (happened.type === 'undrain') change(world, nodeId, { isUnwanted: false });
  else change(world, nodeId, { isUnwanted: true });
  if (!hasQuorum(world)) world.set(nodeId, before);
  return 0;
}

describe('100 to 500 members', () => {
  it('reach the rules whatever happens, in few steps, and stay there', () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
    console.log(`placement: SEED=${seed}`);
    fc.assert(
      fc.property(swarm, ({ zones, wanted, events }) => {
        const world: World = new Map(zones.map((zone, i) => [i + 1, member(i + 1, { zone })]));
        change(world, 1, { isVoter: true, isLeader: true });
        let rules: PlacementRules = { wanted, goneAfterMs: GONE_MS };
        expect(settle(world, rules)).toBe(wanted - 1);
        for (const happened of events) {
          const now = happen(world, happened);
          if (now > 0) rules = { ...rules, wanted: now };
          // A change of the number takes as many steps as it differs; all else a swap or two.
          expect(settle(world, rules)).toBeLessThanOrEqual(now > 0 ? 4 + 2 : 2);
          expect(voters(world).length).toBe(rules.wanted);
          expectSpread(world);
        }
      }),
      { seed, numRuns: 60 },
    );
  });

  it('lose no vote by silence that is shorter than the rules say', () => {
    const world: World = new Map();
    for (let nodeId = 1; nodeId <= 100; nodeId += 1) world.set(nodeId, member(nodeId));
    change(world, 1, { isVoter: true, isLeader: true });
    settle(world, { wanted: 5, goneAfterMs: GONE_MS });
    for (const { nodeId } of voters(world)) {
      change(world, nodeId, { silentMs: GONE_AFTER_MS_MIN - 1 });
      expect(settle(world, { wanted: 5, goneAfterMs: 0 })).toBe(0);
      change(world, nodeId, { silentMs: 0 });
    }
  });
});

/** No zone has two voters more than one that has a member who could vote. */
function expectSpread(world: World): void {
  const members = [...world.values()];
  const counts = new Map<string, number>();
  for (const { zone, isVoter } of members) {
    counts.set(zone, (counts.get(zone) ?? 0) + (isVoter ? 1 : 0));
  }
  const free = members.filter((one) => !one.isVoter && !one.isUnwanted && isLive(one));
  const fewest = Math.min(...free.map(({ zone }) => counts.get(zone) ?? 0));
  for (const { zone, isVoter, isLeader, isUnwanted, silentMs } of members) {
    if (!isVoter) continue;
    // With hundreds to choose from, nobody votes who should not.
    expect({ isUnwanted, silentMs }).toEqual({ isUnwanted: false, silentMs: 0 });
    if (!isLeader) expect((counts.get(zone) ?? 0) - fewest).toBeLessThan(2);
  }
}

describe('a step that may not be done now', () => {
  const no = (): boolean => false;

  it('waits when it can, and not when a voter is gone', () => {
    const growing = [voter(1), member(2)];
    const shrinking = [voter(1), voter(2), voter(3), voter(4)];
    const moving = ['a', 'a', 'a', 'b'].map((zone, at) =>
      at < 3 ? voter(at + 1, { zone }) : member(4, { zone }),
    );
    for (const members of [growing, shrinking, moving]) {
      expect(nextPlacement(members, three)).toBeDefined();
      expect(nextPlacement(members, three, no)).toBeUndefined();
    }
    const gone = [voter(1), voter(2), voter(3, { silentMs: GONE_MS }), member(4)];
    expect(nextPlacement(gone, three, no)).toEqual({ promote: 4, demote: 3 });
  });

  it('is asked of those who vote after it', () => {
    const asked: number[][] = [];
    nextPlacement([voter(1), voter(2), voter(3), voter(4)], three, (voters) => {
      asked.push([...voters]);
      return true;
    });
    expect(asked).toEqual([[1, 2, 3]]);
  });
});
