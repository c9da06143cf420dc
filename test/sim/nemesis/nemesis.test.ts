import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyFault,
  applySchedule,
  describeSchedule,
  faultKinds,
  generateSchedule,
  type FaultAction,
  type FaultKind,
} from '../../../sim/nemesis/index.js';
import { World } from '../../../sim/world/index.js';
import { newPingBoard, pingProgram, type PingMessage } from '../world/ping.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const nodes = ['a', 'b', 'c', 'd', 'e'];
const second = 1_000_000;

const shapeKinds: ReadonlySet<string> = new Set([
  'partition',
  'isolate',
  'one-way',
  'bridge',
  'ring',
  'star',
]);

/** The node that an action takes out, if it does. */
function takenOut(action: FaultAction): string | undefined {
  switch (action.kind) {
    case 'crash':
    case 'pause':
    case 'wipe':
    case 'disk-full':
    case 'sync-failure':
      return action.node;
    default:
      return undefined;
  }
}

describe('generateSchedule', () => {
  it(`is decided by its seed (SEED=${seed})`, () => {
    const options = { nodes, durationMicroseconds: 10 * second };
    expect(generateSchedule(seed, options)).toEqual(generateSchedule(seed, options));
    expect(generateSchedule(seed, options)).not.toEqual(generateSchedule(seed + 1, options));
  });

  it('uses every kind in time, and only the kinds asked for', () => {
    const seen = new Set<string>();
    for (let index = 0; index < 20; index++) {
      const { faults } = generateSchedule(seed + index, {
        nodes,
        durationMicroseconds: 100 * second,
        meanPauseMicroseconds: second,
        releases: ['v2'],
      });
      for (const { action } of faults) seen.add(action.kind);
    }
    for (const kind of faultKinds) expect(seen).toContain(kind === 'swizzle' ? 'cut-off' : kind);
    const only = generateSchedule(seed, {
      nodes,
      durationMicroseconds: 100 * second,
      meanPauseMicroseconds: second,
      kinds: ['crash'],
    });
    const kinds = new Set(only.faults.map(({ action }) => action.kind));
    expect([...kinds].sort()).toEqual(['crash', 'heal-all', 'restart']);
  });

  it('never takes out half of the nodes, never one twice, and ends with everything healed', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 7 }),
        fc.subarray<FaultKind>(
          faultKinds.filter((kind) => kind !== 'upgrade'),
          { minLength: 1 },
        ),
        (scheduleSeed, size, kinds) => {
          const own = Array.from({ length: size }, (_, index) => `n${index}`);
          const schedule = generateSchedule(scheduleSeed, {
            nodes: own,
            durationMicroseconds: second,
            meanPauseMicroseconds: 20_000,
            meanFaultMicroseconds: 60_000,
            kinds,
          });
          const out = new Set<string>();
          let shaped = false;
          let time = 0;
          for (const { atMicroseconds, action } of schedule.faults) {
            expect(atMicroseconds).toBeGreaterThanOrEqual(time);
            time = atMicroseconds;
            const victim = takenOut(action);
            if (action.kind === 'heal-all') {
              out.clear();
              shaped = false;
            } else if (victim !== undefined) {
              expect(out).not.toContain(victim);
              out.add(victim);
              expect(out.size).toBeLessThanOrEqual(Math.floor((size - 1) / 2));
            } else if (action.kind === 'restart' || action.kind === 'resume') {
              out.delete(action.node);
            } else if (action.kind === 'heal') shaped = false;
            else if (shapeKinds.has(action.kind)) {
              expect(shaped).toBe(false);
              shaped = true;
            }
          }
          expect([time, out.size, shaped]).toEqual([second, 0, false]);
        },
      ),
      { seed, numRuns: 300 },
    );
  });

  it.each([
    [{ nodes: [], durationMicroseconds: 1 }, 'nodes is 0'],
    [{ nodes, durationMicroseconds: 0 }, 'durationMicroseconds is 0'],
    [{ nodes, durationMicroseconds: 9, kinds: [] }, 'kinds is 0'],
    [{ nodes, durationMicroseconds: 9, meanPauseMicroseconds: 0 }, 'meanPauseMicroseconds is 0'],
  ])('refuses %j', (options, sentence) => {
    expect(() => generateSchedule(1, options)).toThrow(sentence);
  });
});

describe('describeSchedule', () => {
  it('prints one line an action', () => {
    const text = describeSchedule({
      seed: 5,
      nodes: ['a', 'b', 'c'],
      durationMicroseconds: 9000,
      faults: [
        { atMicroseconds: 1500, action: { kind: 'partition', groups: [['a'], ['b', 'c']] } },
        { atMicroseconds: 2000, action: { kind: 'one-way', from: ['a'], to: ['b'] } },
        {
          atMicroseconds: 2500,
          action: { kind: 'bridge', left: ['a'], middle: 'b', right: ['c'] },
        },
        { atMicroseconds: 3000, action: { kind: 'loss', probability: 0.25 } },
        { atMicroseconds: 4000, action: { kind: 'crash', node: 'c' } },
        { atMicroseconds: 9000, action: { kind: 'heal' } },
      ],
    });
    expect(text.split('\n').map((line) => line.trim())).toEqual([
      'schedule of seed 5: 6 actions on a b c in 9 ms',
      '1.500 ms  partition a | b c',
      '2.000 ms  one-way a -/-> b',
      '2.500 ms  bridge a | b | c',
      '3.000 ms  loss 25 %',
      '4.000 ms  crash c',
      '9.000 ms  heal',
    ]);
  });
});

const runFaulty = (worldSeed: number): string => {
  const board = newPingBoard();
  const world = new World<PingMessage, number>({ seed: worldSeed });
  for (const name of nodes) {
    const peers = nodes.filter((other) => other !== name);
    world.addNode(name, pingProgram(peers, 30, board));
  }
  applySchedule(world, generateSchedule(worldSeed, { nodes, durationMicroseconds: second }));
  world.run({ untilMicroseconds: 3 * second });
  expect(nodes.every((name) => world.isUp(name) && !world.isPaused(name))).toBe(true);
  expect([...board.acknowledged.values()]).toEqual(Array.from({ length: 20 }, () => 30));
  return world.traceHash;
};

describe('applySchedule', () => {
  it(`leaves a world that converges, and the same one twice (SEED=${seed})`, () => {
    for (let index = 0; index < 5; index++)
      expect(runFaulty(seed + index)).toBe(runFaulty(seed + index));
  });

  const shapes: readonly (readonly [action: FaultAction, blocked: string])[] = [
    [{ kind: 'partition', groups: [['a'], ['b', 'c']] }, 'ab ac ba ca'],
    [{ kind: 'isolate', node: 'b' }, 'ab ba bc cb'],
    [{ kind: 'one-way', from: ['a', 'b'], to: ['c'] }, 'ac bc'],
    [{ kind: 'bridge', left: ['a'], middle: 'b', right: ['c'] }, 'ac ca'],
    [{ kind: 'heal' }, ''],
  ];

  it.each(shapes)('%j replaces the shape before and blocks exactly %s', (action, blocked) => {
    const world = new World<string, string>({ seed });
    const names = ['a', 'b', 'c'];
    applyFault(world, names, { kind: 'partition', groups: [['a'], ['b'], ['c']] });
    applyFault(world, names, action);
    const pairs = names.flatMap((from) => names.map((to) => [from, to] as const));
    const found = pairs.filter(([from, to]) => world.network.isBlocked(from, to));
    expect(found.map((pair) => pair.join('')).join(' ')).toBe(blocked);
  });

  it('a burst of loss ends with the behaviour that the world began with', () => {
    const world = new World<string, string>({ seed });
    applyFault(world, [], { kind: 'loss', probability: 0.5 });
    expect(world.network.options.lossProbability).toBe(0.5);
    applyFault(world, [], { kind: 'loss-end' });
    expect(world.network.options.lossProbability).toBe(0);
  });
});
