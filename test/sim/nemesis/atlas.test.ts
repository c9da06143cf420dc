import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applySchedule,
  damageFaultKinds,
  diskFaultKinds,
  FaultAtlas,
  generateSchedule,
} from '../../../sim/nemesis/index.js';
import { RandomStream, SimulationError, World } from '../../../sim/world/index.js';
import type { NodeProgram } from '../../../sim/world/index.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const five = ['a', 'b', 'c', 'd', 'e'];

describe('FaultAtlas', () => {
  it('lets a minority be damaged, each as much as one likes, until they are repaired', () => {
    const atlas = new FaultAtlas({ nodes: five });
    expect([atlas.admit('a', 'x'), atlas.admit('b', 'y'), atlas.admit('a', 'z')]).toEqual([
      true,
      true,
      true,
    ]);
    expect(atlas.admit('c', 'x')).toBe(false);
    expect([atlas.admitted, atlas.refused, atlas.damagedNodes()]).toEqual([3, 1, ['a', 'b']]);
    atlas.repaired('a', 'x');
    expect(atlas.admit('c', 'x')).toBe(false);
    atlas.repaired('a', 'z');
    expect(atlas.admit('c', 'x')).toBe(true);
    atlas.markRepaired('b');
    expect(atlas.damagedNodes()).toEqual(['c']);
  });

  it('counts each area for itself, and a lost disk in all of them', () => {
    const atlas = new FaultAtlas({ nodes: ['a', 'b', 'c'], areaOf: (key) => key });
    expect([atlas.admit('a', 'x'), atlas.admit('b', 'y')]).toEqual([true, true]);
    // Each of them would be the second in an area.
    expect([atlas.admitWipe('a'), atlas.admitWipe('c'), atlas.admit('c', 'x')]).toEqual([
      false,
      false,
      false,
    ]);
    atlas.repaired('a', 'x');
    expect(atlas.admitWipe('b')).toBe(true);
    expect([atlas.damagedNodes('z'), atlas.admit('a', 'z'), atlas.admit('b', 'z')]).toEqual([
      ['b'],
      false,
      true,
    ]);
    atlas.markRepaired('b');
    expect([atlas.damagedNodes(), atlas.admit('a', 'z')]).toEqual([[], true]);
  });

  it('admits nothing for nodes that it does not know, nor for one or two nodes', () => {
    expect(new FaultAtlas({ nodes: five }).admit('client', 'x')).toBe(false);
    for (const nodes of [['a'], ['a', 'b']]) {
      const atlas = new FaultAtlas({ nodes });
      expect([atlas.admit('a', 'x'), atlas.admitWipe('a')]).toEqual([false, false]);
    }
  });

  it('asks the scenario besides, whose members change', () => {
    let voters = ['a', 'b', 'c'];
    const atlas = new FaultAtlas({
      nodes: five,
      survives: (damaged) => 2 * voters.filter((name) => damaged.has(name)).length < voters.length,
    });
    expect([atlas.admit('a', 'x'), atlas.admit('b', 'x'), atlas.admit('d', 'x')]).toEqual([
      true,
      false,
      true,
    ]);
    for (const name of ['a', 'd']) atlas.markRepaired(name);
    voters = ['a', 'b'];
    expect([atlas.admitWipe('b'), atlas.admitWipe('e')]).toEqual([false, true]);
  });

  it('refuses to be made for a majority', () => {
    expect(new FaultAtlas({ nodes: five, damagedNodesMax: 1 }).admit('a', 'x')).toBe(true);
    for (const damagedNodesMax of [-1, 3, 1.5]) {
      expect(() => new FaultAtlas({ nodes: five, damagedNodesMax })).toThrow(SimulationError);
    }
  });
});

/** Writes and syncs some keys again and again. */
const writer: NodeProgram<string, number> = {
  start(_disk, context) {
    let token = 0;
    const write = (): void => {
      for (let count = 0; count < 3; count++) {
        context.write(`k${Math.floor(context.random() * 6)}`, ++token);
      }
      context.sync(token);
      context.setTimer(2_000, 'write');
    };
    write();
    return { onMessage() {}, onTick: write, onDiskSynced() {}, onDiskFailed() {} };
  },
};

describe('the disks of a world under a schedule of damage', () => {
  const isKey = { disk: () => 'disk', key: (key: string) => key } as const;

  it(`are never wrong on a majority (SEED=${seed})`, () => {
    const seen = { wrong: 0, most: 0, refused: 0 };
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 40 }),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom<keyof typeof isKey>('disk', 'key'),
        (worldSeed, size, area) => {
          const nodes = Array.from({ length: size }, (_, place) => `n${place}`);
          const world = new World<string, number>({
            seed: worldSeed,
            disk: {
              syncDelay: { kind: 'uniform', minimumMicroseconds: 100, maximumMicroseconds: 3_000 },
              crashLoss: new RandomStream(worldSeed, 'loss').pick(['all-unsynced', 'any-subset']),
            },
          });
          for (const name of nodes) world.addNode(name, writer);
          const atlas = new FaultAtlas({ nodes, areaOf: isKey[area] });
          const schedule = generateSchedule(worldSeed, {
            nodes,
            durationMicroseconds: 400_000,
            meanPauseMicroseconds: 3_000,
            meanFaultMicroseconds: 20_000,
            kinds: [...damageFaultKinds, ...diskFaultKinds, 'crash'],
            nodesDamagedMax: size,
          });
          const nemesis = applySchedule(world, schedule, { atlas });
          expect(nemesis.atlas).toBe(atlas);
          world.run({
            untilMicroseconds: 500_000,
            until: () => {
              const wrong = nodes.map((name) => world.wrongKeysOf(name));
              const areas = wrong.map((keys) => new Set(keys.map(isKey[area])));
              for (const name of new Set(areas.flatMap((each) => [...each]))) {
                const count = areas.filter((each) => each.has(name)).length;
                seen.wrong += 1;
                seen.most = Math.max(seen.most, count);
                if (2 * count >= size)
                  throw new Error(`${count} of ${size} are wrong about ${name}`);
              }
              return false;
            },
          });
          seen.refused += atlas.refused;
        },
      ),
      { seed, numRuns: 40 },
    );
    expect(seen.wrong).toBeGreaterThan(100);
    expect(seen.most).toBeGreaterThan(1);
    expect(seen.refused).toBeGreaterThan(10);
  });
});
