import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimulatedDisk, type CrashLoss } from '../../../sim/world/disk.js';
import { RandomStream, World, type Context } from '../../../sim/world/index.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);

describe('SimulatedDisk', () => {
  it('keeps through a crash what was synced, and no more', () => {
    const disk = new SimulatedDisk<string>();
    disk.write('kept', 'old');
    disk.write('removed', 'x');
    const point = disk.syncPoint;
    disk.write('kept', 'new');
    disk.write('removed', undefined);
    disk.write('lost', 'x');
    disk.finishSync(point, new RandomStream(seed, 'faults'));
    expect(disk.get('kept')).toBe('new');
    expect(disk.keys()).toEqual(['kept', 'lost']);
    disk.crash('all-unsynced', new RandomStream(seed, 'disk'));
    expect(disk.keys()).toEqual(['kept', 'removed']);
    expect(disk.get('kept')).toBe('old');
    expect(disk.unsyncedWrites).toBe(0);
  });

  it('copies bytes, so that a buffer used again does not change the disk', () => {
    const disk = new SimulatedDisk<Uint8Array>();
    const buffer = Uint8Array.of(1, 2);
    disk.write('k', buffer);
    buffer[0] = 9;
    expect(disk.get('k')).toEqual(Uint8Array.of(1, 2));
  });

  it(`a crash leaves a prefix of the writes, at least what was synced (SEED=${seed})`, () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.constant('write' as const) },
      { weight: 2, arbitrary: fc.constant('begin' as const) },
      { weight: 2, arbitrary: fc.constant('finish' as const) },
      { weight: 1, arbitrary: fc.constant('crash' as const) },
    );
    const seen = { whole: 0, part: 0, nothing: 0 };
    const run = (steps: readonly string[], loss: CrashLoss, crashSeed: number): void => {
      const disk = new SimulatedDisk<number>();
      const random = new RandomStream(crashSeed, 'crashes');
      // One key a write, so that the keys left are the prefix.
      let written = 0;
      let durable = 0;
      let begun: { point: number; written: number }[] = [];
      for (const action of steps) {
        if (action === 'write') disk.write(String(written).padStart(4, '0'), written++);
        else if (action === 'begin') begun.push({ point: disk.syncPoint, written });
        else if (action === 'finish') {
          const sync = begun.shift();
          if (sync === undefined) continue;
          disk.finishSync(sync.point, random);
          durable = Math.max(durable, sync.written);
        } else {
          disk.crash(loss, random);
          const left = disk.keys().length;
          expect(disk.keys().map(Number)).toEqual(Array.from({ length: left }, (_, n) => n));
          expect(left).toBeGreaterThanOrEqual(durable);
          expect(left).toBeLessThanOrEqual(loss === 'all-unsynced' ? durable : written);
          if (written > durable) {
            seen[left === written ? 'whole' : left === durable ? 'nothing' : 'part'] += 1;
          }
          written = left;
          durable = left;
          begun = [];
        }
      }
    };
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom<CrashLoss>('all-unsynced', 'random-suffix'),
        fc.integer(),
        run,
      ),
      { seed, numRuns: 1000 },
    );
    expect(Math.min(seen.whole, seen.part, seen.nothing)).toBeGreaterThan(10);
  });
});

function diskWorld(): {
  world: World<string, string>;
  context: () => Context<string, string>;
  synced: string[];
  found: (string | undefined)[];
} {
  const world = new World<string, string>({
    seed,
    disk: {
      syncDelay: { kind: 'uniform', minimumMicroseconds: 10, maximumMicroseconds: 500 },
      crashLoss: 'all-unsynced',
    },
  });
  const synced: string[] = [];
  const found: (string | undefined)[] = [];
  let latest: Context<string, string> | undefined;
  world.addNode('a', {
    start(disk, context) {
      latest = context;
      found.push(disk.get('k'));
      return {
        onMessage() {},
        onTick() {},
        onDiskSynced: (token) => synced.push(`${token} at ${context.nowMicroseconds}`),
      };
    },
  });
  world.run();
  return { world, context: () => latest!, synced, found };
}

describe('the disk of a node', () => {
  it('a process starts from what outlived the crash', () => {
    const { world, context, found } = diskWorld();
    context().write('k', 'synced');
    context().sync(1);
    world.run();
    context().write('k', 'unsynced');
    world.crash('a');
    world.restart('a');
    world.run();
    context().write('k', 'begun');
    context().sync(2);
    world.crash('a');
    world.restart('a');
    world.run();
    expect(found).toEqual([undefined, 'synced', 'synced']);
    world.wipe('a');
    world.restart('a');
    world.run();
    expect(found.at(-1)).toBeUndefined();
  });

  it('a sync covers what was written before it began, not what came while it ran', () => {
    const { world, context, synced, found } = diskWorld();
    context().write('k', 'before');
    context().sync(1);
    context().write('k', 'after');
    world.run();
    expect(synced).toHaveLength(1);
    world.crash('a');
    world.restart('a');
    world.run();
    expect(found.at(-1)).toBe('before');
  });

  it('syncs finish in the order in which they began', () => {
    const { world, context, synced } = diskWorld();
    for (let token = 0; token < 50; token++) context().sync(token);
    world.run();
    expect(synced.map((line) => Number(line.split(' ')[0]))).toEqual([...Array(50).keys()]);
  });

  it('a stalled disk finishes nothing before the stall ends', () => {
    const { world, context, synced } = diskWorld();
    context().sync(1);
    world.stallDisk('a', 10_000);
    context().sync(2);
    world.run();
    expect(synced).toEqual(['1 at 10000', '2 at 10000']);
  });
});
