import { describe, expect, it } from 'vitest';

import {
  longestGapMs,
  percentileMs,
  phaseOf,
  registerHistory,
} from '../../../examples/rolling-migration/history.js';
import { insert, operation, TIMES } from './facts.js';

function took(milliseconds: number) {
  return operation({ callMicroseconds: 0, returnMicroseconds: milliseconds * 1000 });
}

function endedAt(milliseconds: number, error: string | null = null) {
  return operation({ callMicroseconds: 0, returnMicroseconds: milliseconds * 1000, error });
}

describe('percentiles', () => {
  const hundred = Array.from({ length: 100 }, (_each, at) => took(100 - at));
  const rows: readonly [string, ReturnType<typeof took>[], number, number][] = [
    ['of nothing', [], 50, 0],
    ['of one', [took(7)], 99, 7],
    ['the middle of a hundred', hundred, 50, 50],
    ['the 99th of a hundred', hundred, 99, 99],
    ['of two, the second', [took(1), took(9)], 99, 9],
  ];
  for (const [name, operations, percent, expected] of rows) {
    it(name, () => expect(percentileMs(operations, percent)).toBe(expected));
  }
});

describe('the longest gap', () => {
  const rows: readonly [string, ReturnType<typeof took>[], number][] = [
    ['is the whole load when nothing succeeded', [], 3_000],
    ['lies between two successes', [endedAt(900), endedAt(2_500), endedAt(2_900)], 1_600],
    ['lies before the first', [endedAt(1_700), endedAt(2_500)], 1_700],
    ['lies after the last', [endedAt(400), endedAt(800)], 2_200],
    ['is not ended by a failure', [endedAt(100), endedAt(1_500, 'no'), endedAt(2_900)], 2_800],
    ['does not depend on the order', [endedAt(2_900), endedAt(1_000), endedAt(2_000)], 1_000],
  ];
  for (const [name, operations, expected] of rows) {
    it(name, () => expect(longestGapMs(operations, TIMES)).toBe(expected));
  }
});

it('an operation belongs to the phase in which it was called', () => {
  const calls = [999_999, 1_000_000, 1_999_999, 2_000_000];
  const phases = calls.map((moment) => phaseOf(operation({ callMicroseconds: moment }), TIMES));
  expect(phases).toEqual(['steady', 'rollout', 'rollout', 'after']);
});

describe('the history for the checker', () => {
  it('leaves out what saw nothing, and leaves the fate of a failed insert open', () => {
    const history = registerHistory(
      [
        operation({ kind: 'search' }),
        operation({ kind: 'addEdge' }),
        operation({ kind: 'get', error: 'no answer' }),
        insert('x', 'one', null),
        insert('x', 'two', 5),
        operation({ kind: 'get', id: 'x', content: 'two' }),
      ],
      new Map(),
    );
    expect(history.map((each) => [each.input, each.returnMicroseconds === null])).toEqual([
      [{ kind: 'insert', content: 'one' }, true],
      [{ kind: 'insert', content: 'two' }, false],
      [{ kind: 'get' }, false],
    ]);
  });

  it('begins with what v1 held, for the ids that were touched', () => {
    const initial = new Map([
      ['v1-a', 'alpha'],
      ['v1-b', 'beta'],
    ]);
    const history = registerHistory([operation({ id: 'v1-a', content: 'alpha' })], initial);
    expect(history.map((each) => each.key)).toEqual(['v1-a', 'v1-a']);
    expect(history[1]).toMatchObject({
      input: { kind: 'insert', content: 'alpha' },
      callMicroseconds: -2,
      returnMicroseconds: -1,
    });
  });
});
