/** Both engines follow one log, through restarts and through each other's dumps. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type {
  JsonObject,
  LoggedCommand,
  MemoryEngine,
  SearchQuery,
} from '../../../src/memory/engine.js';
import { openV1Engine } from '../../../src/memory/v1-engine.js';
import { openV2Engine } from '../../../src/memory/v2-engine.js';
import { fakeVector, logged, MODEL, scratch, seed, v1RowsOf } from './support.js';

const id = fc.constantFrom('a', 'b', 'c', 'A', 'ünï', "it's", ' ');
const text = fc.oneof(
  fc.constantFrom('red fox', 'red fox jumps', 'blue sky', '', 'NUL \0 inside', 'half \ud800'),
  fc.string({ unit: 'binary', maxLength: 30 }),
);
const metadata = fc.oneof(
  fc.constant({}),
  fc.constant({ title: 'red title', tags: ['x'], domain: 'd', confidence: 0.2 }),
  fc
    .object({ maxDepth: 2, withBigInt: false })
    .map((o) => JSON.parse(JSON.stringify(o)) as JsonObject),
);
const timestampMs = fc.integer({ min: 0, max: 2 ** 42 });
/** Mostly never; else at few times, so that what expires then is often due. */
const expiry = fc.constantFrom(undefined, undefined, 1000, 2000, -1, 0.5);
const vector = fc.oneof(
  fc.constant(null),
  text.map((t) => ({ model: MODEL, values: fakeVector(t) })),
  text.map((t) => ({ model: 'other', values: fakeVector(t, 8) })),
);
const command = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('insertMemory' as const),
      id,
      content: text,
      metadata,
      vector,
      timestampMs,
      expiresAtMs: expiry,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('addEdge' as const),
      from: id,
      to: id,
      relation: fc.constantFrom('refines', 'contradicts'),
      weight: fc.oneof(
        fc.constantFrom(0, 1, 2, -1, Number.NaN),
        fc.double({ min: 0, max: 1, noNaN: true }),
      ),
      timestampMs,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('deleteMemory' as const), id, timestampMs }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('expireMemory' as const),
      id,
      timestampMs: fc.constantFrom(999, 1000, 3000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('deleteEdge' as const),
      from: id,
      to: id,
      relation: fc.constantFrom('refines', 'contradicts'),
      timestampMs,
    }),
  },
);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('apply' as const),
      commands: fc.array(command, { maxLength: 6 }),
      idle: fc.nat(2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('exchange' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replay' as const), back: fc.nat(10) }) },
);

interface Pair {
  v1: MemoryEngine;
  v2: MemoryEngine;
}

const IDS = ['a', 'b', 'c', 'A', 'ünï', "it's", ' ', 'nobody', 'a\0', '\ud800'];
const QUERIES = [
  { text: 'red fox', vector: null, limit: 5 },
  { text: 'red sky title', vector: { model: MODEL, values: fakeVector('red fox') }, limit: 3 },
  { text: 'blue', vector: { model: 'other', values: fakeVector('sky', 8) }, limit: 10 },
  { text: 'red sky', vector: null, limit: 2, mode: 'text' },
  { text: 'red', vector: { model: MODEL, values: fakeVector('sky') }, limit: 4, mode: 'hybrid' },
  { text: 'fox', vector: null, limit: 3, diversity: { lambda: 0.5 } },
  { text: 'red fox', vector: null, limit: 5, aliveAtMs: 1000 },
  { text: 'red', vector: null, limit: 9, aliveAtMs: 5000, filter: { domain: 'd' } },
] satisfies SearchQuery[];

function expectEqual({ v1, v2 }: Pair): void {
  expect(v2.appliedIndex).toBe(v1.appliedIndex);
  for (const known of IDS) {
    expect(v2.get(known)).toEqual(v1.get(known));
    expect(v2.edges(known)).toEqual(v1.edges(known));
  }
  for (const nowMs of [0, 1000, 5000]) {
    expect(v2.expired(nowMs, 9).sort()).toEqual(v1.expired(nowMs, 9).sort());
  }
  expect(v2.list({ limit: 9 })).toEqual(v1.list({ limit: 9 }));
  expect(v2.counts()).toEqual(v1.counts());
  for (const query of QUERIES) expect(v2.search(query)).toEqual(v1.search(query));
  expect(v1RowsOf(v2)).toEqual(v1RowsOf(v1));
}

/** v1 to a new v2, v2 to a new v1: whatever a dump loses is lost from here on. */
function exchange(pair: Pair): void {
  const [first, second] = [pair.v1.dump(), pair.v2.dump()];
  const v2 = openV2Engine(scratch('v2.db'), { create: true });
  v2.restore(first.records(), first.appliedIndex);
  const v1 = openV1Engine(scratch('v1.db'), { create: true });
  v1.restore(second.records(), second.appliedIndex);
  for (const dump of [first, second]) dump.close();
  for (const engine of [pair.v1, pair.v2]) engine.close();
  pair.v1 = v1;
  pair.v2 = v2;
}

describe('a v1 and a v2 engine on one log', () => {
  it('hold the same after any commands, restarts and exchanges', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        const paths = { v1: scratch('v1.db'), v2: scratch('v2.db') };
        const pair: Pair = {
          v1: openV1Engine(paths.v1, { create: true }),
          v2: openV2Engine(paths.v2, { create: true }),
        };
        const log: LoggedCommand[] = [];
        const outcomes: string[] = [];
        let canReopen = true;
        for (const action of steps) {
          if (action.do === 'apply') {
            const commands = logged(action.commands, pair.v1.appliedIndex + 1);
            const last = pair.v1.appliedIndex + commands.length + action.idle;
            const told = pair.v1.apply(commands, last);
            expect(pair.v2.apply(commands, last)).toEqual(told);
            log.push(...commands);
            outcomes.push(...told);
          } else if (action.do === 'restart' && canReopen) {
            pair.v1.close();
            pair.v2.close();
            pair.v1 = openV1Engine(paths.v1);
            pair.v2 = openV2Engine(paths.v2);
          } else if (action.do === 'exchange') {
            exchange(pair);
            canReopen = false;
          } else if (action.do === 'replay') {
            const suffix = log.slice(-action.back - 1);
            const told = outcomes.slice(-action.back - 1);
            const before = v1RowsOf(pair.v1);
            const { appliedIndex } = pair.v1;
            // Once up to its own end, once with what came after it.
            for (const lastIndex of [suffix.at(-1)?.index ?? 0, appliedIndex]) {
              expect(pair.v1.apply(suffix, lastIndex)).toEqual(told);
              expect(pair.v2.apply(suffix, lastIndex)).toEqual(told);
              expect([pair.v1.appliedIndex, pair.v2.appliedIndex]).toEqual([
                appliedIndex,
                appliedIndex,
              ]);
            }
            expect(v1RowsOf(pair.v1)).toEqual(before);
          }
        }
        expectEqual(pair);
        exchange(pair);
        expectEqual(pair);
        pair.v1.close();
        pair.v2.close();
      }),
      { seed: seed(), numRuns: 25 },
    );
  });
});
