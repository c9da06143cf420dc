/** What operators ask of the members, applied in log order. */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';

import { applyControl, dropMember } from '../../../nodes/control-plane/apply.js';
import type { ControlCommand } from '../../../nodes/control-plane/apply.js';
import { newControlState } from '../../../nodes/control-plane/state.js';
import type { ControlState } from '../../../nodes/control-plane/state.js';
import { decodeControlState, encodeControlState } from '../../../nodes/wire/state-codec.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`membership: SEED=${seed}`);

/** A swarm of so many members, all of which serve. */
function swarmOf(count: number): ControlState {
  const state = newControlState({
    swarmId: 's',
    joinTokenHash: 'j',
    clientTokenHash: 'c',
    swarmVersion: 2,
    peerId: 'p1',
    host: 'h',
    port: 1,
  });
  for (let id = 2; id <= count; id += 1) {
    applyControl(state, id, { type: 'addMember', peerId: `p${id}`, host: 'h', port: id });
  }
  for (const member of state.members.values()) member.status = 'up';
  return state;
}

let state: ControlState;
const outcome = (command: ControlCommand): string | number => {
  const result = applyControl(state, 99, command);
  return result.ok ? result.value : result.refusal;
};

beforeEach(() => {
  state = swarmOf(3);
});

describe('a wish', () => {
  it('is kept: voters, drained, leaving, replaced, tokens', () => {
    expect(outcome({ type: 'setVoters', wanted: 7, goneAfterMs: 9_000 })).toBe(0);
    expect(outcome({ type: 'drainMember', nodeId: 2, drained: true })).toBe(2);
    expect(outcome({ type: 'leaveMember', nodeId: 3 })).toBe(3);
    const hash = 'f'.repeat(64);
    expect(outcome({ type: 'setToken', which: 'client', hash })).toBe(0);
    expect(outcome({ type: 'replaceMember', nodeId: 1, replaces: 3 })).toBe(1);
    expect(state).toMatchObject({
      clientTokenHash: hash,
      joinTokenHash: 'j',
      placement: {
        wanted: 7,
        goneAfterMs: 9_000,
        drained: new Set([2]),
        leaving: new Set([3]),
        replaces: new Map([[1, 3]]),
      },
    });
  });

  it('to drain or to leave is taken back by undrain', () => {
    outcome({ type: 'drainMember', nodeId: 2, drained: true });
    outcome({ type: 'leaveMember', nodeId: 2 });
    outcome({ type: 'drainMember', nodeId: 2, drained: false });
    expect([state.placement.drained.size, state.placement.leaving.size]).toEqual([0, 0]);
  });

  it('ends with the member', () => {
    outcome({ type: 'drainMember', nodeId: 2, drained: true });
    outcome({ type: 'leaveMember', nodeId: 2 });
    outcome({ type: 'replaceMember', nodeId: 3, replaces: 2 });
    outcome({ type: 'removeMember', nodeId: 2 });
    dropMember(state, 2);
    const { drained, leaving, replaces } = state.placement;
    expect([drained.size, leaving.size, replaces.size]).toEqual([0, 0, 0]);
  });

  const refusals: readonly (readonly [string, ControlCommand, string])[] = [
    [
      'an even number of voters',
      { type: 'setVoters', wanted: 4, goneAfterMs: 9_000 },
      'invalid-voters',
    ],
    ['voters gone at once', { type: 'setVoters', wanted: 3, goneAfterMs: 4_999 }, 'invalid-voters'],
    ['nobody to drain', { type: 'drainMember', nodeId: 9, drained: true }, 'unknown-member'],
    ['nobody who leaves', { type: 'leaveMember', nodeId: 9 }, 'unknown-member'],
    ['itself replaced', { type: 'replaceMember', nodeId: 2, replaces: 2 }, 'not-replaceable'],
    ['nobody replaced', { type: 'replaceMember', nodeId: 2, replaces: 9 }, 'not-replaceable'],
    ['a token as such', { type: 'setToken', which: 'join', hash: 'secret' }, 'invalid-token'],
    [
      'a new member for nobody',
      { type: 'addMember', peerId: 'new', host: 'h', port: 9, replaces: 9 },
      'not-replaceable',
    ],
  ];
  it.each(refusals)('for %s is refused', (_what, command, refusal) => {
    const before = encodeControlState(state);
    expect(outcome(command)).toBe(refusal);
    expect(encodeControlState(state)).toEqual(before);
  });

  it('for a circle, or a second successor, is refused', () => {
    outcome({ type: 'replaceMember', nodeId: 2, replaces: 3 });
    expect(outcome({ type: 'replaceMember', nodeId: 3, replaces: 2 })).toBe('not-replaceable');
    expect(outcome({ type: 'replaceMember', nodeId: 1, replaces: 3 })).toBe('not-replaceable');
  });

  it('to leave is refused to the last one that stays', () => {
    outcome({ type: 'leaveMember', nodeId: 2 });
    outcome({ type: 'leaveMember', nodeId: 3 });
    expect(outcome({ type: 'leaveMember', nodeId: 1 })).toBe('last-member');
  });

  it('is refused while a member of before is there', () => {
    state.commandVersion = 4;
    expect(outcome({ type: 'leaveMember', nodeId: 2 })).toBe('release-too-old');
    const join = { type: 'addMember', peerId: 'p9', host: 'h', port: 9 } as const;
    expect(outcome({ ...join, zone: 'z', replaces: 2 })).toBe(4);
    expect(state.members.get(4)?.zone).toBe('');
    expect(state.placement.replaces.size).toBe(0);
  });
});

it('a member that is joined in the place of another stands in its zone', () => {
  state.members.get(2)!.zone = 'rack-2';
  const join = { type: 'addMember', peerId: 'p9', host: 'h', port: 9, replaces: 2 } as const;
  expect(outcome(join)).toBe(4);
  expect(state.members.get(4)?.zone).toBe('rack-2');
  expect(state.placement.replaces.get(4)).toBe(2);
});

describe('any sequence of wishes', () => {
  const nodeId = fc.integer({ min: 0, max: 8 });
  const command: fc.Arbitrary<ControlCommand> = fc.oneof(
    fc.record({
      type: fc.constant('setVoters' as const),
      wanted: fc.nat({ max: 8 }),
      goneAfterMs: fc.nat({ max: 60_000 }),
    }),
    fc.record({ type: fc.constant('drainMember' as const), nodeId, drained: fc.boolean() }),
    fc.record({ type: fc.constant('leaveMember' as const), nodeId }),
    fc.record({ type: fc.constant('replaceMember' as const), nodeId, replaces: nodeId }),
    fc.record({ type: fc.constant('removeMember' as const), nodeId }),
    fc.record({
      type: fc.constant('addMember' as const),
      peerId: fc.constantFrom('x', 'y', 'z'),
      host: fc.constant('h'),
      port: fc.constant(1),
      replaces: nodeId,
    }),
  );

  it('names members only, keeps one who stays, and has one form in bytes', () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 60 }),
        fc.infiniteStream(fc.boolean()),
        (commands, drops) => {
          const tried = swarmOf(5);
          for (const [at, one] of commands.entries()) {
            applyControl(tried, at + 10, one);
            if (drops.next().value === true) {
              for (const id of tried.members.keys()) dropMember(tried, id);
            }
            const { drained, leaving, replaces } = tried.placement;
            const named = [...drained, ...leaving, ...replaces.keys(), ...replaces.values()];
            for (const id of named) expect(tried.members.has(id)).toBe(true);
            expect(new Set(replaces.values()).size).toBe(replaces.size);
            const staying = [...tried.members.values()].filter(
              ({ status }) => status !== 'removing',
            );
            expect(staying.length).toBeGreaterThan(0);
            expect(decodeControlState(encodeControlState(tried))).toEqual(tried);
          }
        },
      ),
      { seed, numRuns: 200 },
    );
  });
});
