import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applySchedule,
  describeSchedule,
  generateSchedule,
  parseSchedule,
} from '../../../sim/nemesis/index.js';
import { SimulationError } from '../../../sim/world/index.js';
import { recordedWorld } from '../world/recorder.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const nodes = ['a', 'b', 'c'];

const drawn = (scheduleSeed: number) =>
  generateSchedule(scheduleSeed, {
    nodes,
    durationMicroseconds: 1_000_000,
    meanPauseMicroseconds: 10_000,
    targets: ['@leader'],
    releases: ['v2'],
  });

/** A schedule of one action at time 5. */
const withAction = (action: unknown): unknown => ({
  seed: 1,
  nodes,
  durationMicroseconds: 1000,
  faults: [{ atMicroseconds: 5, action }],
});

describe('parseSchedule', () => {
  it(`reads what was written (SEED=${seed})`, () => {
    for (let index = 0; index < 20; index++) {
      const schedule = drawn(seed + index);
      expect(parseSchedule(JSON.parse(JSON.stringify(schedule)))).toEqual(schedule);
    }
  });

  const sound = withAction({ kind: 'crash', node: 'a' }) as object;
  const refused: readonly (readonly [value: unknown, sentence: string])[] = [
    [null, 'the schedule is not an object'],
    [[], 'the schedule is not an object'],
    [{ ...sound, seed: '1' }, 'seed is not a whole number'],
    [{ ...sound, nodes: [] }, 'nodes names nobody'],
    [{ ...sound, nodes: ['a', 'a'] }, 'nodes names one twice'],
    [{ ...sound, nodes: ['@leader'] }, 'nodes[0] is no name of a node'],
    [{ ...sound, nodes: ['x'.repeat(201)] }, 'nodes[0] is longer than 200 characters'],
    [{ ...sound, nodes: Array.from({ length: 2000 }, String) }, 'nodes has more than 1024 items'],
    [{ ...sound, durationMicroseconds: -1 }, 'durationMicroseconds is not from 0'],
    [{ ...sound, faults: 'none' }, 'faults is not a list'],
    [{ ...sound, extra: 1 }, 'the schedule has a field "extra"'],
    [{ seed: 1, nodes, durationMicroseconds: 1 }, 'the schedule has no faults'],
    [
      {
        ...sound,
        faults: [9, 5].map((atMicroseconds) => ({ atMicroseconds, action: { kind: 'heal' } })),
      },
      'faults[1].atMicroseconds is before the one above',
    ],
    [withAction(7), 'faults[0].action is not an object'],
    [withAction({}), 'faults[0].action.kind is no action'],
    [withAction({ kind: 'explode' }), 'faults[0].action.kind is no action'],
    [withAction({ kind: 'constructor' }), 'faults[0].action.kind is no action'],
    [withAction({ kind: 'crash' }), 'faults[0].action has no node'],
    [withAction({ kind: 'crash', node: 'z' }), 'node is no node of the schedule'],
    [withAction({ kind: 'crash', node: 5 }), 'node is not text'],
    [withAction({ kind: 'heal', node: 'a' }), 'has a field "node"'],
    [withAction(JSON.parse('{"kind":"heal","__proto__":{}}')), 'has a field "__proto__"'],
    [withAction({ kind: 'loss', probability: 1.5 }), 'probability is not from 0 to 1'],
    [withAction({ kind: 'loss', probability: Number.NaN }), 'probability is not from 0 to 1'],
    [withAction({ kind: 'partition', groups: [['a'], ['q']] }), 'groups[1][0] is no node'],
    [
      withAction({ kind: 'clock-drift', node: 'a', partsPerMillion: 1e9 }),
      'partsPerMillion is not from -500000',
    ],
    [withAction({ kind: 'bit-rot', node: 'a', keysMax: 0, prefix: '' }), 'keysMax is not from 1'],
    [withAction({ kind: 'delay', delay: { kind: 'toString' } }), 'delay.kind is no kind of delay'],
    [
      withAction({
        kind: 'delay',
        delay: { kind: 'uniform', minimumMicroseconds: 9, maximumMicroseconds: 1 },
      }),
      'delay is a delay that cannot be',
    ],
  ];

  it.each(refused)('refuses %j: %s', (value, sentence) => {
    expect(() => parseSchedule(value)).toThrow(sentence);
    expect(() => parseSchedule(value)).toThrow(
      expect.objectContaining({ name: 'SimulationError', code: 'invalid-schedule' }),
    );
  });

  it(`of anything throws nothing else, and what it reads can be run (SEED=${seed})`, () => {
    const schedule = JSON.parse(JSON.stringify(drawn(seed))) as { faults: { action: object }[] };
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat(),
        fc.oneof(fc.jsonValue(), fc.constantFrom('a', '@leader', 0, 1, -1, 1e18, [], {})),
        (at, fieldAt, value) => {
          // One field of one action is something else.
          const faults = structuredClone(schedule.faults);
          const { action } = faults[at % faults.length]!;
          const names = Object.keys(action);
          (action as Record<string, unknown>)[names[fieldAt % names.length]!] = value;
          try {
            const parsed = parseSchedule({ ...schedule, faults });
            accepted += 1;
            expect(describeSchedule(parsed).split('\n')).toHaveLength(faults.length + 1);
            const { world } = recordedWorld();
            applySchedule(world, parsed, { resolve: () => 'b' });
            world.run();
          } catch (error) {
            if (!(error instanceof SimulationError)) throw error;
            expect(error.code).toBe('invalid-schedule');
          }
        },
      ),
      { seed, numRuns: 500 },
    );
    expect(accepted).toBeGreaterThan(10);
  });
});
