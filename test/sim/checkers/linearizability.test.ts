import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkLinearizability, type Operation } from '../../../sim/checkers/linearizability.js';
import type { SequentialModel } from '../../../sim/checkers/model.js';
import {
  keyValue,
  memoryRegister,
  register,
  type KeyValueInput,
  type KeyValueOutput,
  type MemoryInput,
  type MemoryOutput,
  type RegisterInput,
  type RegisterOutput,
} from '../../../sim/checkers/models.js';
import { isLinearizableByTrial } from './brute-force.js';
import { recordMemoryHistory } from './recording.js';
import { usedMs } from '../../waiting.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);

type RegisterRow = readonly [
  call: number,
  end: number | null,
  input: RegisterInput,
  output?: RegisterOutput,
];

const read = { kind: 'read' } as const;
const write = (value: number): RegisterInput => ({ kind: 'write', value });
const swap = (from: number, to: number): RegisterInput => ({ kind: 'compare-and-set', from, to });

function history(rows: readonly RegisterRow[]): Operation<RegisterInput, RegisterOutput>[] {
  return rows.map(([call, end, input, output = null], client) => ({
    client,
    key: 'r',
    input,
    output,
    callMicroseconds: call,
    returnMicroseconds: end,
  }));
}

const named: Record<string, readonly [expected: string, rows: readonly RegisterRow[]]> = {
  'an empty history': ['linearizable', []],
  'a read of what was written': [
    'linearizable',
    [
      [0, 1, write(1)],
      [2, 3, read, 1],
    ],
  ],
  'a stale read': [
    'not-linearizable',
    [
      [0, 1, write(1)],
      [2, 3, write(2)],
      [4, 5, read, 1],
    ],
  ],
  'a read of a write still open': [
    'linearizable',
    [
      [0, 9, write(1)],
      [2, 3, read, 1],
    ],
  ],
  'a read that goes back in time': [
    'not-linearizable',
    [
      [0, 9, write(1)],
      [1, 2, read, 1],
      [3, 4, read, null],
    ],
  ],
  'an unknown write that took effect much later': [
    'linearizable',
    [
      [0, null, write(1)],
      [1, 2, write(2)],
      [3, 4, read, 2],
      [5, 6, read, 1],
    ],
  ],
  'an unknown write that took effect twice': [
    'not-linearizable',
    [
      [0, null, write(1)],
      [1, 2, read, 1],
      [3, 4, write(2)],
      [5, 6, read, 1],
    ],
  ],
  'two equal unknown writes, each seen once': [
    'linearizable',
    [
      [0, null, write(1)],
      [0, null, write(1)],
      [1, 2, read, 1],
      [3, 4, write(2)],
      [5, 6, read, 1],
    ],
  ],
  'an unknown write seen before its call': [
    'not-linearizable',
    [
      [0, 1, read, 1],
      [2, null, write(1)],
    ],
  ],
  'a write undone by an equal open one': [
    'linearizable',
    [
      [0, 1, write(0)],
      [2, 9, write(0)],
      [3, 4, write(3)],
      [5, 6, read, 3],
      [7, 8, read, 0],
    ],
  ],
  'two swaps of the same value': [
    'not-linearizable',
    [
      [0, 1, write(1)],
      [2, 5, swap(1, 2), true],
      [2, 5, swap(1, 3), true],
    ],
  ],
  'a swap that fails though it must succeed': [
    'not-linearizable',
    [
      [0, 1, write(1)],
      [2, 3, swap(1, 2), false],
    ],
  ],
  'a failing swap helped by an unknown write': [
    'linearizable',
    [
      [0, 1, write(1)],
      [0, null, write(7)],
      [2, 3, swap(1, 2), false],
    ],
  ],
  'an unknown swap that must have happened': [
    'linearizable',
    [
      [0, 1, write(1)],
      [2, null, swap(1, 2)],
      [3, 4, read, 2],
    ],
  ],
  'a call at the microsecond of a return': [
    'linearizable',
    [
      [0, 5, write(1)],
      [5, 6, read, null],
    ],
  ],
};

describe('checkLinearizability', () => {
  it.each(Object.entries(named))('judges %s', (_, [expected, rows]) => {
    expect(checkLinearizability(register, history(rows)).verdict).toBe(expected);
  });

  it('judges each key apart and names the one that fails', () => {
    const good = history([
      [0, 1, write(1)],
      [2, 3, read, 1],
    ]);
    const bad = history([
      [0, 1, write(1)],
      [2, 3, read, 2],
    ]).map((row) => ({ ...row, key: 'bad' }));
    const result = checkLinearizability(register, [...good, ...bad]);
    expect(result).toMatchObject({ verdict: 'not-linearizable', key: 'bad' });
    expect(checkLinearizability(register, good).verdict).toBe('linearizable');
  });

  it('names the first answer that nothing explains, and the states before it', () => {
    const rows = history([
      [0, 1, write(1)],
      [2, 9, write(2)],
      [4, 6, read, 3],
      [10, 11, read, 4],
    ]);
    expect(checkLinearizability(register, rows).counterexample).toBe(
      [
        'key "r": no order of the operations up to 6 us explains',
        '  client 2: read = 3, called 4 us, returned 6 us',
        'states that are possible before it: 2 | 1',
        'the end of one order that gets this far:',
        '  client 0: write 1 = ok, called 0 us, returned 1 us',
        '  client 1: write 2 = ok, called 2 us, returned 9 us',
      ].join('\n'),
    );
  });

  it('refuses times that are no interval', () => {
    for (const rows of [[[3, 1, read]], [[Number.NaN, 1, read]]] as RegisterRow[][]) {
      expect(() => checkLinearizability(register, history(rows))).toThrow(/must be finite/);
    }
  });

  it('says unknown when the step limit is reached, never linearizable', () => {
    const rows = history([
      [0, 1, write(1)],
      [2, 3, write(2)],
      [4, 5, write(3)],
      [6, 7, read, 3],
    ]);
    expect(checkLinearizability(register, rows, { maxSteps: 1 })).toMatchObject({
      verdict: 'unknown',
      key: 'r',
    });
    expect(checkLinearizability(register, rows, { maxSteps: 10 }).verdict).toBe('linearizable');
  });

  it('finds a violation although another key runs out of steps', () => {
    const open = Array.from({ length: 12 }, (_, index): RegisterRow => [0, 99, write(index)]);
    const hard = history([...open, [100, 101, read, 77]]).map((row) => ({ ...row, key: 'hard' }));
    const bad = history([[0, 1, read, 5]]);
    const options = { maxSteps: 1000 };
    expect(checkLinearizability(register, hard, options).verdict).toBe('unknown');
    expect(checkLinearizability(register, [...hard, ...bad], options).verdict).toBe(
      'not-linearizable',
    );
  });
});

describe('large histories', () => {
  it(`are judged in seconds (SEED=${seed})`, () => {
    const operations = recordMemoryHistory(seed, 16, 40, 400);
    const started = usedMs();
    expect(checkLinearizability(memoryRegister, operations).verdict).toBe('linearizable');
    // A read near the end gives a value that was overwritten long before.
    const late = operations.findLastIndex(
      ({ input, returnMicroseconds: end }) => input.kind === 'get' && end !== null,
    );
    const first = operations.find(
      ({ key, input, returnMicroseconds: end }) =>
        key === operations[late]!.key && input.kind === 'insert' && end !== null,
    );
    const output = (first!.input as { content: string }).content;
    const damaged = operations.with(late, { ...operations[late]!, output });
    expect(checkLinearizability(memoryRegister, damaged)).toMatchObject({
      verdict: 'not-linearizable',
      key: operations[late]!.key,
    });
    expect(usedMs() - started).toBeLessThan(10_000);
  });

  it('with hundreds of unknown outcomes on one key', () => {
    const lost = Array.from({ length: 300 }, (_, index): RegisterRow => [
      index,
      null,
      index % 2 === 0 ? write(index % 7) : swap(index % 5, index % 7),
    ]);
    const reads = Array.from({ length: 300 }, (_, index): RegisterRow => [
      1000 + 2 * index,
      1001 + 2 * index,
      read,
      index % 7,
    ]);
    const all = history([...lost, ...reads]);
    expect(checkLinearizability(register, all, { maxSteps: 500_000 }).verdict).toBe('unknown');
    const few = checkLinearizability(register, history([...lost, ...reads.slice(0, 60)]));
    expect(few.verdict).toBe('linearizable');
  });
});

/** Small histories with much overlap; times and values are few so that collisions are many. */
function smallHistory<Input, Output>(
  call: fc.Arbitrary<readonly [Input, Output]>,
): fc.Arbitrary<Operation<Input, Output>[]> {
  const operation = fc
    .record({
      call,
      callMicroseconds: fc.integer({ min: 0, max: 12 }),
      length: fc.integer({ min: 0, max: 6 }),
      isUnknown: fc.boolean(),
      isKnownToo: fc.boolean(),
    })
    .map((row) => ({
      client: 0,
      key: 'k',
      input: row.call[0],
      output: row.call[1],
      callMicroseconds: row.callMicroseconds,
      returnMicroseconds:
        row.isUnknown && row.isKnownToo ? null : row.callMicroseconds + row.length,
    }));
  return fc.array(operation, { maxLength: 7 });
}

function agreesWithTrial<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  call: fc.Arbitrary<readonly [Input, Output]>,
): void {
  const seen = { linearizable: 0, 'not-linearizable': 0, unknown: 0 };
  fc.assert(
    fc.property(smallHistory(call), (operations) => {
      const { verdict } = checkLinearizability(model, operations);
      seen[verdict] += 1;
      const byTrial = isLinearizableByTrial(model, operations);
      expect(verdict).toBe(byTrial ? 'linearizable' : 'not-linearizable');
    }),
    { seed, numRuns: 4000 },
  );
  // Both verdicts must occur, or the comparison shows nothing.
  expect(Math.min(seen.linearizable, seen['not-linearizable'])).toBeGreaterThan(200);
}

describe(`agreement with trial of every order (SEED=${seed})`, () => {
  const small = fc.integer({ min: 0, max: 2 });

  it('for the register', () => {
    agreesWithTrial<RegisterOutput, RegisterInput, RegisterOutput>(
      register as SequentialModel<RegisterOutput, RegisterInput, RegisterOutput>,
      fc.oneof(
        fc.tuple(fc.constant(read), fc.option(small)),
        fc.tuple(small.map(write), fc.constant(null)),
        fc.tuple(
          fc.tuple(small, small).map(([from, to]) => swap(from, to)),
          fc.boolean(),
        ),
      ),
    );
  });

  it('for the key-value store', () => {
    const text = fc.constantFrom('a', 'b', 'ab');
    const seenText = fc.constantFrom('', 'a', 'b', 'ab', 'ba', 'aba');
    agreesWithTrial<string, KeyValueInput, KeyValueOutput>(
      keyValue,
      fc.oneof(
        fc.tuple(fc.constant({ kind: 'get' } as const), seenText),
        fc.tuple(
          fc.record({ kind: fc.constantFrom('put', 'append'), value: text }),
          fc.constant(null),
        ),
      ),
    );
  });

  it('for the memory register', () => {
    const content = fc.constantFrom('x', 'y');
    agreesWithTrial<string | null, MemoryInput, MemoryOutput>(
      memoryRegister,
      fc.oneof(
        fc.tuple(fc.constant({ kind: 'get' } as const), fc.option(content)),
        fc.tuple(
          content.map((value) => ({ kind: 'insert', content: value }) as const),
          fc.constant(null),
        ),
      ),
    );
  });
});
