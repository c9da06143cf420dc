import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimulatedDisk, type DiskFaults } from '../../../sim/world/disk.js';
import { RandomStream, SimulationError, World } from '../../../sim/world/index.js';
import type { Context, DamageGate } from '../../../sim/world/index.js';
import { recordedWorld } from './recorder.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const random = (name = 'disk'): RandomStream => new RandomStream(seed, name);

/** A disk that holds these durably. */
function diskOf<Value>(values: Readonly<Record<string, Value>>): SimulatedDisk<Value> {
  const disk = new SimulatedDisk<Value>('a');
  for (const [key, value] of Object.entries(values)) disk.write(key, value);
  disk.finishSync(disk.syncPoint, random());
  return disk;
}

function syncAll<Value>(disk: SimulatedDisk<Value>, stream = random()): string | undefined {
  return disk.finishSync(disk.syncPoint, stream);
}

/** What the disk holds after a crash. */
function afterCrash<Value>(disk: SimulatedDisk<Value>): Record<string, Value | undefined> {
  disk.crash('all-unsynced', random());
  return Object.fromEntries(disk.keys().map((key) => [key, disk.get(key)]));
}

describe(`a crash that leaves any subset (SEED=${seed})`, () => {
  it('reaches every combination of the writes that no sync covers, and no other', () => {
    const seen = new Set<string>();
    const stream = random();
    for (let round = 0; round < 2000; round++) {
      const disk = diskOf({ synced: 0 });
      for (const key of ['a', 'b', 'c', 'd', 'e']) disk.write(key, 1);
      disk.crash('any-subset', stream);
      expect(disk.get('synced')).toBe(0);
      seen.add(disk.keys().join(''));
    }
    expect(seen.size).toBe(32);
  });

  it('lets the later of two kept writes to a key win', () => {
    const seen = new Set<number | undefined>();
    for (let round = 0; round < 100; round++) {
      const disk = diskOf({ k: 0 });
      disk.write('k', 1);
      disk.write('k', undefined);
      disk.write('k', 3);
      disk.crash('any-subset', random(`${round}`));
      seen.add(disk.get('k'));
    }
    expect(seen).toEqual(new Set([0, 1, undefined, 3]));
  });
});

describe('torn writes', () => {
  it('leave the first part of new bytes, over the old ones or over nothing', () => {
    const seen = new Set<string>();
    for (let round = 0; round < 300; round++) {
      const disk = diskOf({ k: bytes(1, 2, 3) });
      disk.changeFaults({ tornWriteProbability: 1 });
      disk.write('k', bytes(7, 8, 9));
      disk.crash('all-unsynced', random(`${round}`));
      seen.add(disk.get('k')!.join(' '));
      expect([disk.wrongKeys, disk.isDamaged('k')]).toEqual([['k'], false]);
    }
    expect([...seen].sort()).toEqual(['', '1 2 3', '7', '7 2 3', '7 8', '7 8 3']);
  });

  it('leave other values unreadable until they are written again', () => {
    const disk = diskOf({ k: 'old' });
    disk.changeFaults({ tornWriteProbability: 1 });
    disk.write('k', 'new');
    disk.crash('all-unsynced', random());
    expect([disk.get('k'), disk.isDamaged('k'), disk.keys()]).toEqual([undefined, true, ['k']]);
    disk.endFaults();
    disk.write('k', 'newest');
    expect([disk.get('k'), disk.isDamaged('k')]).toEqual(['newest', false]);
    syncAll(disk);
    expect(disk.wrongKeys).toEqual([]);
    expect(afterCrash(disk)).toEqual({ k: 'newest' });
  });

  it('end', () => {
    const disk = diskOf({ k: 'old' });
    disk.changeFaults({ tornWriteProbability: 1 });
    disk.endFaults();
    disk.write('k', 'new');
    expect(afterCrash(disk)).toEqual({ k: 'old' });
  });
});

describe('lost writes', () => {
  it('are acknowledged, and read until a crash, and are not there', () => {
    const disk = diskOf({ k: 'old' });
    disk.changeFaults({ lostWriteProbability: 1 });
    disk.write('k', 'new');
    expect(syncAll(disk)).toBeUndefined();
    expect([disk.get('k'), disk.wrongKeys]).toEqual(['new', ['k']]);
    expect(afterCrash(disk)).toEqual({ k: 'old' });
    disk.endFaults();
    disk.write('k', 'newest');
    syncAll(disk);
    expect([afterCrash(disk), disk.wrongKeys]).toEqual([{ k: 'newest' }, []]);
  });
});

describe('misdirected writes', () => {
  it('land under another key, and leave their own as it was', () => {
    const disk = diskOf({ k: bytes(1), other: bytes(2) });
    disk.changeFaults({ misdirectedWriteProbability: 1 });
    disk.write('k', bytes(9));
    expect(syncAll(disk)).toBeUndefined();
    expect(disk.wrongKeys).toEqual(['k', 'other']);
    expect(afterCrash(disk)).toEqual({ k: bytes(1), other: bytes(9) });
    disk.endFaults();
    disk.write('k', bytes(9));
    disk.write('other', bytes(2));
    syncAll(disk);
    expect([afterCrash(disk), disk.wrongKeys]).toEqual([{ k: bytes(9), other: bytes(2) }, []]);
  });

  it('make unreadable what is not bytes, and hit nothing when there is no other key', () => {
    const disk = diskOf({ k: 'old', other: 'x' });
    disk.changeFaults({ misdirectedWriteProbability: 1 });
    disk.write('k', 'new');
    syncAll(disk);
    disk.crash('all-unsynced', random());
    expect([disk.get('k'), disk.isDamaged('k'), disk.isDamaged('other')]).toEqual([
      'old',
      false,
      true,
    ]);
    const alone = new SimulatedDisk<string>();
    alone.changeFaults({ misdirectedWriteProbability: 1 });
    alone.write('k', 'new');
    syncAll(alone);
    expect(afterCrash(alone)).toEqual({ k: 'new' });
  });
});

describe('bit rot', () => {
  it('changes bytes, always, and says nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), fc.integer(), (value, rotSeed) => {
        const disk = diskOf({ k: value });
        expect(disk.rot(new RandomStream(rotSeed, 'rot'))).toEqual(['k']);
        expect(disk.get('k')).not.toEqual(value);
        expect([disk.isDamaged('k'), disk.wrongKeys]).toEqual([false, ['k']]);
      }),
      { seed, numRuns: 300 },
    );
  });

  it('hits up to so many keys with a prefix, and spares what the reader has just written', () => {
    const disk = diskOf({ 'log/1': 'x', 'log/2': 'y', 'log/3': 'z', vote: 'v' });
    disk.write('log/1', 'newer');
    expect(disk.rot(random(), 'log/', 2)).toHaveLength(2);
    expect(disk.rot(random(), 'log/', 9).sort()).toEqual(['log/1', 'log/2', 'log/3']);
    expect([disk.get('log/1'), disk.get('log/2'), disk.get('vote')]).toEqual([
      'newer',
      undefined,
      'v',
    ]);
    expect(afterCrash(disk)).toEqual({
      'log/1': undefined,
      'log/2': undefined,
      'log/3': undefined,
      vote: 'v',
    });
    for (const key of ['log/1', 'log/2']) disk.write(key, 'whole');
    disk.write('log/3', undefined);
    syncAll(disk);
    expect([disk.wrongKeys, disk.isDamaged('log/3')]).toEqual([[], false]);
  });
});

describe('syncs that fail', () => {
  it('never make durable what they should have covered, not even later', () => {
    const disk = diskOf({ k: 'old' });
    disk.changeFaults({ syncFailureProbability: 1 });
    disk.write('k', 'new');
    expect(syncAll(disk)).toBe('sync-failed');
    expect(disk.get('k')).toBe('new');
    disk.endFaults();
    disk.write('other', 'x');
    expect(syncAll(disk)).toBeUndefined();
    expect(afterCrash(disk)).toEqual({ k: 'old', other: 'x' });
  });

  it('are told with their token; a process without a handler crashes', () => {
    const { world, notes, context } = recordedWorld();
    world.changeDiskFaults('a', { syncFailureProbability: 1 });
    context('a').write('k', 'x');
    context('a').sync(7);
    world.run();
    expect(notes[0]).toMatch(/ a failed 7 sync-failed$/);
    world.endDiskFaults('a');
    context('a').sync(8);
    world.run();
    expect(notes[1]).toMatch(/ a synced 8$/);
    let own: Context<string, string> | undefined;
    world.addNode('d', {
      start(_disk, context) {
        own = context;
        return { onMessage() {}, onTick() {}, onDiskSynced() {} };
      },
    });
    world.run();
    world.changeDiskFaults('d', { syncFailureProbability: 1 });
    own!.sync(1);
    world.run();
    expect(world.isUp('d')).toBe(false);
  });
});

describe('a disk that lies about syncs', () => {
  it('reports success, and keeps nothing until an honest sync', () => {
    const disk = diskOf({ k: 'old' });
    disk.changeFaults({ liesAboutSync: true });
    disk.write('k', 'new');
    expect(syncAll(disk)).toBeUndefined();
    expect(disk.wrongKeys).toEqual([]);
    expect(afterCrash(disk)).toEqual({ k: 'old' });
    expect(disk.wrongKeys).toEqual(['k']);
    disk.write('k', 'again');
    syncAll(disk);
    disk.endFaults();
    syncAll(disk);
    expect(afterCrash(disk)).toEqual({ k: 'again' });
    expect(disk.wrongKeys).toEqual([]);
  });
});

describe('a full disk', () => {
  it('fails syncs that cover a value, and lets keys be removed', () => {
    const disk = diskOf({ k: 'old', removed: 'x' });
    disk.changeFaults({ isFull: true });
    disk.write('k', 'new');
    disk.write('removed', undefined);
    expect(syncAll(disk)).toBe('full');
    expect(disk.get('k')).toBe('new');
    expect(syncAll(disk)).toBeUndefined();
    expect(afterCrash(disk)).toEqual({ k: 'old' });
  });

  it('takes again what is written, once room is made', () => {
    const disk = diskOf({ k: 'old' });
    disk.changeFaults({ isFull: true });
    disk.write('k', 'failed');
    expect(syncAll(disk)).toBe('full');
    disk.write('k', 'new');
    disk.endFaults();
    expect(syncAll(disk)).toBeUndefined();
    expect(afterCrash(disk)).toEqual({ k: 'new' });
  });
});

describe('a stall', () => {
  it('can end before its time, and what waited finishes in order', () => {
    const { world, notes, context } = recordedWorld();
    world.stallDisk('a', 60_000_000);
    for (const token of [1, 2]) context('a').sync(token);
    world.run({ untilMicroseconds: 10_000 });
    expect(notes).toEqual([]);
    world.endStall('a');
    context('a').sync(3);
    world.run({ untilMicroseconds: 20_000 });
    expect(notes.map((note) => note.split(' ').at(-1))).toEqual(['1', '2', '3']);
    expect(notes.slice(0, 2)).toEqual(['10000 a synced 1', '10000 a synced 2']);
  });
});

describe('a gate', () => {
  const closed: DamageGate = {
    admit: () => false,
    admitWipe: () => false,
    repaired() {},
    refused: 0,
  };

  it('that admits nothing keeps every acknowledged value', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 40 }),
        (diskSeed, steps) => {
          const disk = new SimulatedDisk<number>('a');
          disk.gate = closed;
          const faults: Partial<DiskFaults> = {
            tornWriteProbability: 0.5,
            lostWriteProbability: 0.5,
            misdirectedWriteProbability: 0.5,
          };
          const stream = new RandomStream(diskSeed, 'disk');
          let acknowledged = new Map<string, number>();
          const written = new Map<string, number>();
          for (const [index, step] of steps.entries()) {
            disk.changeFaults({ ...faults, liesAboutSync: stream.chance(0.3) });
            if (step <= 1) {
              disk.write(`k${step}`, index);
              written.set(`k${step}`, index);
            } else if (step === 2) {
              syncAll(disk, stream);
              acknowledged = new Map(written);
              disk.rot(stream, '', 9);
            } else {
              disk.crash('any-subset', stream);
              for (const [key, value] of acknowledged) {
                expect(disk.get(key)).toBeGreaterThanOrEqual(value);
              }
              written.clear();
              for (const key of disk.keys()) written.set(key, disk.get(key)!);
            }
          }
          expect(disk.wrongKeys).toEqual([]);
        },
      ),
      { seed, numRuns: 500 },
    );
  });

  it('of a world guards its disks, also of nodes that come later', () => {
    const world = new World<string, string>({ seed: 1 });
    world.guardDisks(closed);
    expect(world.damageGate).toBe(closed);
    let own: Context<string, string> | undefined;
    world.addNode('a', {
      start(_disk, context) {
        own = context;
        return { onMessage() {}, onTick() {}, onDiskSynced() {} };
      },
    });
    world.run();
    own!.write('k', 'x');
    own!.sync(1);
    world.run();
    expect([world.rotDisk('a', 9), world.wrongKeysOf('a')]).toEqual([[], []]);
    world.guardDisks({ ...closed, admit: () => true });
    expect([world.rotDisk('a', 9), world.wrongKeysOf('a')]).toEqual([['k'], ['k']]);
  });
});

it('a disk refuses probabilities that cannot be', () => {
  const disk = new SimulatedDisk<string>();
  expect(() => disk.changeFaults({ tornWriteProbability: 2 })).toThrow(SimulationError);
  expect(() => disk.changeFaults({ lostWriteProbability: Number.NaN })).toThrow(/use 0 to 1/);
});
