import { readdirSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import type { SnapshotMeta } from '../../../consensus/raft/index.js';
import { BLOCK_BYTES_MAX, READS_IN_FLIGHT_MAX } from '../../../nodes/snapshots/limits.js';
import { RandomStream } from '../../../sim/world/random.js';
import type { DumpRecord } from '../../../src/memory/engine.js';
import { State, plain, rowOf, seedOf, someRecords } from './support.js';
import { NO_FAULTS, World } from './world.js';
import type { Faults } from './world.js';

const seed = seedOf('snapshot transfer');
const BYTES = 5_000_000;
/** What a failed call or a restart can cost: everything that was on its way. */
const WINDOW_BYTES = READS_IN_FLIGHT_MAX * BLOCK_BYTES_MAX;

const base = someRecords(BYTES, new RandomStream(seed, 'rows'));
const offer = (sources: number[], leastIndex = 1, term = 2) => ({
  term,
  leader: 1,
  leastIndex,
  sources,
});

/** What the snapshot that was delivered last holds. */
function received(world: World, meta: SnapshotMeta): unknown[] {
  const content = world.receiver.open(meta);
  if (content === undefined) throw new Error('what was delivered can be opened');
  try {
    return [...content.records()].map(plain);
  } finally {
    content.close();
  }
}

function expectHolds(world: World, meta: SnapshotMeta, records: readonly DumpRecord[]): void {
  expect(received(world, meta)).toEqual(records.map(plain));
}

/** Where the log says that reading began, in bytes that were here already. */
function beginnings(world: World): number[] {
  return world.logged.flatMap((line) => {
    const bytes = /^reading .*: (\d+) of \d+ bytes are here$/.exec(line)?.[1];
    return bytes === undefined ? [] : [Number(bytes)];
  });
}

describe('a snapshot', () => {
  it('is read once, from a source that is not the leader', async () => {
    const state = new State(base, 10);
    const world = new World([state, new State(base, 12)], new RandomStream(seed, 'plain'));
    const meta = await world.bringUp(() => offer([2, 1]));
    expect(meta.index).toBe(12);
    expectHolds(world, meta, base);
    expect(world.source(1).servedBytes).toBe(0);
    const { bytesTotal } = world.receiver.progress();
    const { readBytes, failedReads } = world.receiver.counters;
    expect([readBytes, failedReads]).toEqual([bytesTotal, 0]);
    await world.close();
  });

  it('is offered until it is installed, and then forgotten', async () => {
    const world = new World([new State(base, 10)], new RandomStream(seed, 'again'));
    await world.bringUp(() => offer([1]));
    expect(world.receiver.offer(offer([1])).phase).toBe('installing');
    expect(world.delivered.length).toBe(2);
    world.applied = 10;
    expect(world.receiver.offer(offer([1]))).toEqual({
      phase: 'installed',
      index: 10,
      bytes: 0,
      bytesTotal: 0,
    });
    await world.receiver.sweep();
    expect(readdirSync(world.directory)).toEqual([]);
    await world.close();
  });

  it('that is whole needs no source after a restart', async () => {
    const world = new World([new State(base, 10)], new RandomStream(seed, 'whole'));
    await world.bringUp(() => offer([1]));
    const { servedBytes } = world;
    await world.restartReceiver();
    world.source(1).isUp = false;
    const meta = await world.bringUp(() => offer([1]));
    expectHolds(world, meta, base);
    expect(world.servedBytes).toBe(servedBytes);
    await world.close();
  });

  it('goes on while one block is late: no other waits for it', async () => {
    const world = new World([new State(base, 10)], new RandomStream(seed, 'late'));
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    // The third read hangs until nothing else is missing.
    world.onCall = (step) => (step === 'read 3' ? held : undefined);
    const watching = setInterval(() => {
      const { bytes, bytesTotal } = world.receiver.progress();
      if (bytesTotal > 0 && bytesTotal - bytes <= BLOCK_BYTES_MAX) release();
    }, 1);
    const meta = await world.bringUp(() => offer([1]));
    clearInterval(watching);
    expectHolds(world, meta, base);
    await world.close();
  });

  it('is of use to a later leader as well, and to none after it is too old', async () => {
    const [first, second] = [new State(base, 10), new State(base, 10)];
    const world = new World([first, second], new RandomStream(seed, 'leader'));
    let [leastIndex, term] = [5, 2];
    world.onCall = (step) => {
      if (step === 'read 5') term = 3;
      if (step !== 'read 10') return;
      // The log of the new leader goes on from 11: what is being read is of no use any more.
      first.index = 20;
      second.index = 20;
      second.records = [...base, rowOf(-1, 2_000, new RandomStream(seed, 'row'))];
      leastIndex = 11;
    };
    const meta = await world.bringUp(() => offer([2, 1], leastIndex, term));
    expect(meta.index).toBe(20);
    expectHolds(world, meta, second.records);
    expect(world.logged.filter((line) => line.includes('of no use any more')).length).toBe(1);
    expect(world.receiver.counters.adoptedBytes).toBeGreaterThan(0);
    expect(world.servedBytes).toBeLessThan(1.1 * BYTES + 2 * WINDOW_BYTES);
    await world.close();
  });

  it('comes from the next source where one has none, lags, or lies', async () => {
    const lying = new State(base, 10);
    const states = [new State(base, 3), lying, new State(base, 10)];
    const world = new World(states, new RandomStream(seed, 'lies'));
    const { handle } = world.source(2);
    world.source(2).handle = async (method, payload) => {
      const answer = await handle.call(world.source(2), method, payload);
      // The manifest is true, the blocks are not.
      if (answer instanceof Uint8Array && world.steps.read > 1)
        return answer.map((byte) => byte ^ 1);
      return answer;
    };
    const meta = await world.bringUp(() => offer([1, 2, 3], 5));
    expectHolds(world, meta, base);
    expect(world.source(1).servedBytes).toBe(0);
    expect(world.source(3).servedBytes).toBeGreaterThan(0);
    expect(world.receiver.counters.failedReads).toBeGreaterThanOrEqual(3);
    await world.close();
  });
});

describe('after a crash at any call', () => {
  // The first read is that of the manifest.
  const steps = ['prepare 1', 'prepare 2', ...[1, 2, 3, 4, 6, 9, 12, 15].map((at) => `read ${at}`)];

  it.each(steps)('of the receiver, before %s, it goes on with what is there', async (at) => {
    const world = new World([new State(base, 10)], new RandomStream(seed, `receiver ${at}`));
    let restarted: Promise<void> | undefined;
    world.onCall = (step) => {
      if (step === at) restarted ??= world.restartReceiver();
    };
    const meta = await world.bringUp(() => offer([1]));
    await restarted;
    expect(world.restarts).toBe(1);
    expectHolds(world, meta, base);
    expect(world.servedBytes).toBeLessThan(1.1 * BYTES + WINDOW_BYTES);
    // What was read before was found again.
    const [first, last] = [beginnings(world)[0], beginnings(world).at(-1)];
    if (at === 'read 12') expect([first, (last ?? 0) > 0]).toEqual([0, true]);
    await world.close();
  });

  it.each(steps)('of the source, before %s, it goes on where it was', async (at) => {
    const world = new World([new State(base, 10)], new RandomStream(seed, `source ${at}`));
    let restarted: Promise<void> | undefined;
    world.onCall = async (step) => {
      if (step === at) restarted ??= world.source(1).restart();
      await restarted;
    };
    const meta = await world.bringUp(() => offer([1]));
    expect(restarted).toBeDefined();
    expectHolds(world, meta, base);
    expect(world.servedBytes).toBeLessThan(1.1 * BYTES + WINDOW_BYTES);
    await world.close();
  });

  it.each(steps)('with a source that is gone at %s, another goes on', async (at) => {
    const random = new RandomStream(seed, `gone ${at}`);
    const other = new State([...base, rowOf(-1, 3_000, random)], 14);
    const world = new World([new State(base, 10), other], random);
    world.onCall = (step) => {
      if (step === at) world.source(1).isUp = false;
    };
    const meta = await world.bringUp(() => offer([1, 2]));
    expect(meta.index).toBe(14);
    expectHolds(world, meta, other.records);
    // The states differ in their names and in the row at the end, in few blocks therefore.
    expect(world.servedBytes).toBeLessThan(1.1 * BYTES + WINDOW_BYTES + 4 * BLOCK_BYTES_MAX);
    await world.close();
  });

  it.each(steps)('with the disk of the source gone at %s, it begins anew', async (at) => {
    const state = new State(base, 10);
    const world = new World([state], new RandomStream(seed, `wiped ${at}`));
    let wiped: Promise<void> | undefined;
    world.onCall = async (step) => {
      if (step === at) {
        state.index = 11;
        wiped = world.source(1).wipe();
      }
      await wiped;
    };
    const meta = await world.bringUp(() => offer([1]));
    expectHolds(world, meta, base);
    // Even so nothing is read twice that both snapshots hold.
    expect(world.servedBytes).toBeLessThan(1.1 * BYTES + WINDOW_BYTES + 2 * BLOCK_BYTES_MAX);
    await world.close();
  });
});

describe('under faults of every kind', () => {
  const rounds = Number(process.env['ROUNDS'] ?? 12);

  it.each(Array.from({ length: rounds }, (_, round) => round))(
    'a member gets the whole state, and reads no more than was lost (round %i)',
    async (round) => {
      const random = new RandomStream(seed, `faults ${round}`);
      const states = [10, 11, 12].map((index) => {
        const extra = Array.from({ length: index - 10 }, (_, at) => rowOf(-at, 2_000, random));
        return new State([...base, ...extra], index);
      });
      const world = new World(states, random);
      world.faults = randomFaults(random);
      let harm = 0;
      let ongoing: Promise<void> | undefined;
      world.onCall = async () => {
        if (world.calls % 7 !== 0 || harm >= 6 || !random.chance(0.5)) return;
        harm += 1;
        const source = world.source(random.integer(1, 3));
        switch (random.integer(0, 3)) {
          case 0:
            ongoing = world.restartReceiver();
            return;
          case 1:
            await source.restart();
            return;
          case 2:
            await source.wipe();
            return;
          default:
            source.isUp = false;
            setTimeout(
              () => {
                source.isUp = true;
              },
              random.integer(10, 300),
            );
        }
      };
      const meta = await world.bringUp(() => offer([2, 3, 1]));
      await ongoing;
      world.faults = NO_FAULTS;
      world.onCall = () => undefined;
      expectHolds(world, meta, states[meta.index - 10]?.records ?? []);
      // Another snapshot differs in its first block and in those with the rows that were added.
      const bound = 1.1 * BYTES + world.restarts * WINDOW_BYTES + harm * 3 * BLOCK_BYTES_MAX;
      expect(world.servedBytes - world.wastedBytes).toBeLessThan(bound);
      await world.close();
    },
  );
});

function randomFaults(random: RandomStream): Faults {
  return {
    lostRequest: random.fraction() * 0.1,
    lostAnswer: random.fraction() * 0.1,
    twice: random.fraction() * 0.1,
    damaged: random.fraction() * 0.03,
    delayMsMax: random.integer(0, 8),
  };
}
