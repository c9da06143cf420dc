import { describe, expect, it } from 'vitest';
import { World, type WorldMoment } from '../../../sim/world/index.js';
import { oneMillisecond, recordedWorld, recorder } from './recorder.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n));
const heard = (notes: readonly string[]): string[] => notes.map((note) => note.split(' ').at(-1)!);

describe('one link', () => {
  it('can be slower than the others, in one direction, until it is restored', () => {
    const { world, notes, send } = recordedWorld();
    const delay = {
      kind: 'uniform',
      minimumMicroseconds: 9000,
      maximumMicroseconds: 9000,
    } as const;
    world.network.changeLink('a', 'b', { delay });
    // A change of the whole network leaves what the link has of its own.
    world.network.change({ duplicationProbability: 0 });
    send('a', 'b', 'slow');
    send('b', 'a', 'usual');
    send('a', 'c', 'usual');
    world.run();
    expect(notes).toEqual([
      '1000 a message b usual',
      '1000 c message a usual',
      '9000 b message a slow',
    ]);
    world.network.restoreLink('a', 'b');
    send('a', 'b', 'usual');
    world.run();
    expect(notes.at(-1)).toBe('10000 b message a usual');
  });

  it('holds what arrives while it is clogged, and delivers it in order', () => {
    const { world, notes, send } = recordedWorld();
    world.clog('a', 'b');
    for (const number of numbers(3)) send('a', 'b', number);
    send('b', 'a', 'x');
    world.run({ untilMicroseconds: 5000 });
    expect(notes).toEqual(['1000 a message b x']);
    world.unclog('a', 'b');
    expect(notes.slice(1)).toEqual([0, 1, 2].map((number) => `5000 b message a ${number}`));
    send('a', 'b', 'again');
    world.run();
    expect(notes.at(-1)).toBe('6000 b message a again');
  });

  it('drops what it holds when it is blocked by the time that it is unclogged', () => {
    const { world, notes, send } = recordedWorld();
    world.clog('a', 'b');
    send('a', 'b', 'x');
    world.run();
    world.network.block('a', 'b');
    world.unclogAll();
    world.run();
    expect(notes).toEqual([]);
  });
});

describe('bandwidth', () => {
  it('spaces messages by their size, and drops what the queue has no room for', () => {
    const { world, notes, send } = recordedWorld({ sizeOf: (message) => message.length * 100 });
    world.network.change({ bytesPerSecond: 100_000, queueBytesMax: 500 });
    for (const message of ['aa', 'bb', 'cc', 'd']) send('a', 'b', message);
    world.run();
    // 200 bytes take 2 ms; the third found 400 bytes before it, the last only 100 are left for it.
    expect(notes).toEqual(['3000 b message a aa', '5000 b message a bb', '6000 b message a d']);
    world.network.restoreBehaviour('bytesPerSecond', 'queueBytesMax');
    send('a', 'b', 'ee');
    send('a', 'b', 'ff');
    world.run();
    expect(notes.slice(3)).toEqual(['7000 b message a ee', '7000 b message a ff']);
  });

  it('counts bytes and text by their length', () => {
    const { world, notes, send } = recordedWorld();
    world.network.change({ bytesPerSecond: 1000 });
    send('a', 'b', 'x'.repeat(10));
    world.run();
    expect(notes[0]).toMatch(/^11000 /);
  });
});

describe('connections', () => {
  it('a reset loses what is on its way both ways, and tells both ends', () => {
    const { world, notes, send } = recordedWorld();
    world.clog('b', 'a');
    send('a', 'b', 'x');
    send('b', 'a', 'held');
    send('a', 'c', 'kept');
    world.run({ untilMicroseconds: 500 });
    world.resetConnection('a', 'b');
    world.unclog('b', 'a');
    world.run();
    expect(notes).toEqual(['500 a lost b', '500 b lost a', '1000 c message a kept']);
    send('a', 'b', 'new');
    world.run();
    expect(notes.at(-1)).toBe('2000 b message a new');
  });

  it('a stateless reset is seen by one end, and by the other when it sends next', () => {
    const { world, notes, send } = recordedWorld();
    send('b', 'a', 'x');
    world.resetStateless('a', 'b');
    world.run({ untilMicroseconds: 10_000 });
    expect(notes).toEqual(['0 a lost b']);
    send('b', 'a', 'in vain');
    world.run();
    expect(notes.slice(1)).toEqual(['12000 b lost a']);
    send('b', 'a', 'heard');
    world.run();
    expect(notes.at(-1)).toBe('13000 a message b heard');
  });

  it('a process without a handler for it goes on', () => {
    const world = new World<string, string>({ seed: 1 });
    for (const name of ['a', 'b']) {
      world.addNode(name, {
        start: () => ({ onMessage() {}, onTick() {}, onDiskSynced() {} }),
      });
    }
    world.run();
    world.resetConnection('a', 'b');
    world.run();
    expect([world.isUp('a'), world.isUp('b')]).toEqual([true, true]);
    expect(world.recentEvents().at(-1)).toMatchObject({ kind: 'connection-lost', detail: 'a' });
  });

  it('a new address loses what is on its way to the old one, then costs a round trip', () => {
    const { world, notes, send } = recordedWorld();
    send('b', 'a', 'lost');
    send('a', 'b', 'kept');
    world.changeAddress('a');
    send('b', 'a', 'first');
    send('b', 'a', 'second');
    world.run();
    expect(notes).toEqual([
      '1000 b message a kept',
      '3000 a message b first',
      '3000 a message b second',
    ]);
    send('b', 'a', 'usual');
    send('a', 'b', 'first');
    world.run();
    expect(notes.slice(3)).toEqual(['4000 a message b usual', '6000 b message a first']);
  });

  it('replays an earlier message long after, also to a process started since', () => {
    const delay = {
      kind: 'uniform',
      minimumMicroseconds: 50_000,
      maximumMicroseconds: 50_000,
    } as const;
    const { world, notes, send } = recordedWorld();
    world.network.change({ replayProbability: 1, replayDelay: delay });
    send('a', 'b', 'x');
    world.network.restoreBehaviour();
    world.run({ untilMicroseconds: 2000 });
    world.resetConnection('a', 'b');
    world.crash('b');
    world.restart('b');
    world.run();
    expect(notes).toEqual(['1000 b message a x', '2000 a lost b', '50000 b message a x']);
  });

  it('replays end when asked', () => {
    const { world, notes, send } = recordedWorld();
    world.network.change({ replayProbability: 1 });
    send('a', 'b', 'x');
    world.network.endReplays();
    send('a', 'b', 'y');
    world.run();
    expect(heard(notes)).toEqual(['x', 'y', 'y']);
  });
});

describe('a slow reader', () => {
  it('takes one message at a time, and loses what it has no room for', () => {
    const { world, notes, send } = recordedWorld();
    world.slowReader('b', 10_000, 3);
    for (const number of numbers(6)) send('a', 'b', number);
    world.run({ untilMicroseconds: 15_000 });
    expect(notes).toEqual(['1000 b message a 0', '11000 b message a 1']);
    world.slowReader('b', 0);
    expect(notes.slice(2)).toEqual(['15000 b message a 2']);
    send('a', 'b', 'usual');
    world.run();
    expect(notes.at(-1)).toBe('16000 b message a usual');
  });

  it('forgets what it has not read when it crashes', () => {
    const { world, notes, send } = recordedWorld();
    world.slowReader('b', 10_000);
    for (const number of numbers(6)) send('a', 'b', number);
    world.run({ untilMicroseconds: 15_000 });
    world.crash('b');
    world.restart('b');
    world.run();
    expect(heard(notes)).toEqual(['0', '1']);
  });
});

describe('a node that is cut off', () => {
  it('reaches nobody, whatever shape is healed or blocked besides, until it rejoins', () => {
    const { world, notes, send } = recordedWorld();
    world.network.cutOff('a');
    world.network.partition([['b'], ['c']]);
    world.network.unblockAll();
    world.network.unblock('a', 'b');
    for (const [from, to] of ['ab', 'ba', 'bc', 'aa']) send(from!, to!, from!);
    world.run();
    expect(notes).toEqual(['0 a message a a', '1000 c message b b']);
    world.network.rejoin('a');
    send('a', 'b', 'back');
    world.run();
    expect(notes.at(-1)).toBe('2000 b message a back');
  });
});

describe('an observer', () => {
  it('is told of all that is sent, delivered and lost, with its times', () => {
    const { world, send } = recordedWorld();
    const moments: WorldMoment<string>[] = [];
    world.observe((moment) => moments.push(moment));
    send('a', 'b', 'x');
    world.network.block('a', 'c');
    send('a', 'c', 'y');
    world.crash('b');
    world.run();
    const between = (to: string, message: string) => ({ from: 'a', to, message });
    expect(moments).toEqual([
      { kind: 'sent', atMicroseconds: 0, ...between('b', 'x') },
      { kind: 'sent', atMicroseconds: 0, ...between('c', 'y') },
      {
        kind: 'lost',
        sentMicroseconds: 0,
        atMicroseconds: 0,
        ...between('c', 'y'),
        cause: 'blocked',
      },
      { kind: 'event', atMicroseconds: 0, what: 'crash', node: 'b', detail: '' },
      {
        kind: 'lost',
        sentMicroseconds: 0,
        atMicroseconds: 1000,
        ...between('b', 'x'),
        cause: 'down',
      },
    ]);
    moments.length = 0;
    world.restart('b');
    send('a', 'b', 'z');
    world.run();
    expect(moments.map(({ kind }) => kind)).toEqual(['sent', 'event', 'delivered']);
    expect(moments[2]).toMatchObject({ sentMicroseconds: 1000, atMicroseconds: 2000 });
    world.observe(undefined);
    send('a', 'b', 'unseen');
    world.run();
    expect(moments).toHaveLength(3);
  });

  it(`changes nothing of the run (SEED=${seed})`, () => {
    const run = (isObserved: boolean): string => {
      const { world, send } = recordedWorld({
        seed,
        network: { ...oneMillisecond, lossProbability: 0.5 },
      });
      if (isObserved) world.observe(() => {});
      for (const number of numbers(200)) send('a', 'b', number);
      world.run();
      return world.traceHash;
    };
    expect(run(true)).toBe(run(false));
  });
});

describe('a program', () => {
  it('is replaced from the next start on', () => {
    const { world, notes, send } = recordedWorld();
    const others: string[] = [];
    world.setProgram('b', recorder(others));
    send('a', 'b', 'old');
    world.run();
    world.crash('b');
    world.restart('b');
    world.run();
    send('a', 'b', 'new');
    world.run();
    expect([heard(notes), heard(others)]).toEqual([['old'], ['new']]);
  });
});
