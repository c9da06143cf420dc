import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  reliableNetwork,
  SimulationError,
  World,
  type Context,
  type NetworkOptions,
} from '../../../sim/world/index.js';
import { oneMillisecond, recorder } from './recorder.js';
import { newPingBoard, pingProgram, type PingBoard, type PingMessage } from './ping.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const names = ['a', 'b', 'c', 'd', 'e'];

const roughNetwork: NetworkOptions = {
  delay: {
    kind: 'exponential',
    minimumMicroseconds: 100,
    meanMicroseconds: 1000,
    maximumMicroseconds: 50_000,
  },
  lossProbability: 0.3,
  duplicationProbability: 0.1,
  reorderingProbability: 0.5,
};

function pingWorld(
  worldSeed: number,
  board: PingBoard,
  network = roughNetwork,
): World<PingMessage, number> {
  const world = new World<PingMessage, number>({
    seed: worldSeed,
    network,
    digest: ({ kind, number }) => `${kind} ${number}`,
  });
  for (const name of names) {
    const peers = names.filter((other) => other !== name);
    world.addNode(name, pingProgram(peers, 20, board));
  }
  return world;
}

const hashOf = (worldSeed: number, extra = false): string => {
  const world = pingWorld(worldSeed, newPingBoard());
  if (extra) world.randomStream('extra').uint32();
  world.at(20_000, 'crash', () => world.crash('b'));
  world.at(60_000, 'restart', () => world.restart('b'));
  world.run({ untilMicroseconds: 200_000 });
  expect(world.events).toBeGreaterThan(500);
  return world.traceHash;
};

const hashOfText = (text: string): string => {
  const world = new World<string, string>({ seed: 1, network: oneMillisecond });
  const contexts = new Map<string, Context<string, string>>();
  world.addNode('a', recorder([], contexts));
  world.at(1, 'send', () => contexts.get('a')!.send('a', text));
  world.run();
  return world.traceHash;
};

describe('determinism', () => {
  it(`the same seed gives the same trace, another seed another (SEED=${seed})`, () => {
    const hashes = Array.from({ length: 20 }, (_, index) => hashOf(seed + index));
    expect(Array.from({ length: 20 }, (_, index) => hashOf(seed + index))).toEqual(hashes);
    expect(new Set(hashes).size).toBe(20);
  });

  it('a draw from one stream does not move another', () => {
    expect(hashOf(seed, true)).toBe(hashOf(seed));
  });

  it('what a message says enters the hash', () => {
    expect(hashOfText('x')).toBe(hashOfText('x'));
    expect(hashOfText('x')).not.toBe(hashOfText('y'));
  });

  it('events of equal time happen in the order in which they were planned', () => {
    const world = new World<string, string>({ seed: 1 });
    const order: number[] = [];
    for (let index = 0; index < 100; index++) world.at(5, 'note', () => order.push(index));
    world.run();
    expect(order).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });
});

function pair(network = oneMillisecond): {
  world: World<string, string>;
  notes: string[];
  contexts: Map<string, Context<string, string>>;
} {
  const world = new World<string, string>({ seed, network });
  const notes: string[] = [];
  const contexts = new Map<string, Context<string, string>>();
  for (const name of ['a', 'b', 'c']) world.addNode(name, recorder(notes, contexts));
  world.run({ untilMicroseconds: 0 });
  return { world, notes, contexts };
}

describe('network', () => {
  it('blocks both directions of a partition, and only between its groups', () => {
    const { world, notes, contexts } = pair();
    world.network.partition([['a'], ['b', 'c']]);
    for (const [from, to] of ['ab', 'ba', 'ca', 'bc']) contexts.get(from!)!.send(to!, 'm');
    world.run();
    expect(notes).toEqual(['1000 c message b m']);
    world.network.heal();
    contexts.get('a')!.send('b', 'again');
    world.run();
    expect(notes.at(-1)).toBe('2000 b message a again');
  });

  it('blocks one direction only when asked', () => {
    const { world, notes, contexts } = pair();
    world.network.blockOneWay(['a'], ['b']);
    contexts.get('a')!.send('b', 'm');
    contexts.get('b')!.send('a', 'm');
    world.run();
    expect(notes).toEqual(['1000 a message b m']);
  });

  it('drops what is in flight when the direction is blocked', () => {
    const { world, notes, contexts } = pair();
    contexts.get('a')!.send('b', 'm');
    world.at(500, 'cut', () => world.network.isolate('b', ['a', 'c']));
    world.run();
    expect(notes).toEqual([]);
  });

  it('a bridge reaches both halves, which do not reach each other', () => {
    const { world, notes, contexts } = pair();
    world.network.bridge(['a'], 'b', ['c']);
    for (const [from, to] of ['ab', 'bc', 'ac', 'ca']) contexts.get(from!)!.send(to!, 'm');
    world.run();
    expect(notes).toEqual(['1000 b message a m', '1000 c message b m']);
  });

  it('loses, doubles and reorders in the share asked for', () => {
    const { world, notes, contexts } = pair(roughNetwork);
    for (let index = 0; index < 10_000; index++) contexts.get('a')!.send('b', String(index));
    world.run();
    const numbers = notes.map((note) => Number(note.split(' ').at(-1)));
    expect(new Set(numbers).size / 10_000).toBeCloseTo(0.7, 1);
    expect((numbers.length - new Set(numbers).size) / 7000).toBeCloseTo(0.1, 1);
    expect(numbers.some((number, index) => number < (numbers[index - 1] ?? 0))).toBe(true);
  });

  it('keeps the order of a link when nothing may overtake', () => {
    const { world, notes, contexts } = pair(reliableNetwork);
    for (let index = 0; index < 1000; index++) contexts.get('a')!.send('b', String(index));
    world.run();
    expect(notes.map((note) => Number(note.split(' ').at(-1)))).toEqual(
      Array.from({ length: 1000 }, (_, index) => index),
    );
  });

  it('refuses an unknown node and impossible options', () => {
    const { world, contexts } = pair();
    expect(() => contexts.get('a')!.send('nobody', 'm')).toThrow(/no node named nobody/);
    expect(() => world.network.change({ lossProbability: 2 })).toThrow(/use 0 to 1/);
    const delay = { kind: 'uniform', minimumMicroseconds: 5, maximumMicroseconds: 1 } as const;
    expect(() => world.network.change({ delay })).toThrow(SimulationError);
  });
});

describe('processes', () => {
  it('a timer set again replaces the one before, and one cleared does not run', () => {
    const world = new World<string, string>({ seed });
    const notes: string[] = [];
    const contexts = new Map<string, Context<string, string>>();
    world.addNode('a', recorder(notes, contexts));
    world.run();
    const context = contexts.get('a')!;
    context.setTimer(10, 'x');
    context.setTimer(30, 'x');
    context.setTimer(20, 'y');
    context.clearTimer('y');
    world.run();
    expect(notes).toEqual(['30 a tick x']);
  });

  it('a crash ends timers and syncs, and messages to a node that is down are lost', () => {
    const world = new World<string, string>({ seed, network: oneMillisecond });
    const notes: string[] = [];
    const contexts = new Map<string, Context<string, string>>();
    for (const name of ['a', 'b']) world.addNode(name, recorder(notes, contexts));
    world.run({ untilMicroseconds: 0 });
    const old = contexts.get('a')!;
    old.setTimer(500, 'old');
    old.sync(1);
    contexts.get('b')!.send('a', 'lost');
    world.crash('a');
    expect(world.isUp('a')).toBe(false);
    expect(() => old.send('b', 'ghost')).toThrow(/only while its process lives/);
    world.at(1500, 'restart', () => world.restart('a'));
    world.run();
    expect(notes).toEqual([]);
    contexts.get('a')!.setTimer(1, 'new');
    const then = world.nowMicroseconds + 1;
    world.run();
    expect(notes).toEqual([`${then} a tick new`]);
  });

  it('a paused process is told everything, in order, when it goes on', () => {
    const world = new World<string, string>({ seed, network: oneMillisecond });
    const notes: string[] = [];
    const contexts = new Map<string, Context<string, string>>();
    for (const name of ['a', 'b']) world.addNode(name, recorder(notes, contexts));
    world.run({ untilMicroseconds: 0 });
    contexts.get('a')!.setTimer(100, 'late');
    contexts.get('b')!.send('a', 'm');
    world.pause('a');
    world.run({ untilMicroseconds: 5000 });
    expect(notes).toEqual([]);
    world.resume('a');
    expect(notes).toEqual(['5000 a tick late', '5000 a message b m']);
  });

  it('names seed, node and time when a process fails', () => {
    const world = new World<string, string>({ seed: 7 });
    world.addNode('a', {
      start() {
        throw new Error('broken');
      },
    });
    expect(() => world.run()).toThrow('seed 7: a failed at 0 us, after 1 events: broken');
    expect(world.recentEvents()).toEqual([
      { timeMicroseconds: 0, kind: 'start', node: 'a', detail: '' },
    ]);
  });

  it('stops by time, by events and by condition', () => {
    const world = new World<string, string>({ seed });
    for (let time = 1; time <= 10; time++) world.at(time, 'nothing', () => {});
    expect(world.run({ untilMicroseconds: 3 })).toBe('time');
    expect(world.nowMicroseconds).toBe(3);
    expect(world.run({ eventsMax: 2 })).toBe('events');
    expect(world.run({ until: () => world.nowMicroseconds === 7 })).toBe('condition');
    expect(world.run({ untilMicroseconds: 50 })).toBe('idle');
    expect([world.nowMicroseconds, world.events]).toEqual([50, 10]);
  });
});

describe('a lossy ping protocol', () => {
  it(`converges through loss, crashes and a partition that heals (SEED=${seed})`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (worldSeed) => {
        const board = newPingBoard();
        const world = pingWorld(worldSeed, board);
        const random = world.randomStream('faults');
        for (let time = 10_000; time < 200_000; time += 20_000) {
          const victim = random.pick(names);
          world.at(time, 'crash', () => world.crash(victim));
          world.at(time + 5000, 'restart', () => world.restart(victim));
        }
        world.at(50_000, 'partition', () =>
          world.network.partition([
            ['a', 'b'],
            ['c', 'd', 'e'],
          ]),
        );
        world.at(150_000, 'heal', () => world.network.heal());
        world.run({ untilMicroseconds: 2_000_000 });
        const pairs = names.length * (names.length - 1);
        expect(board.acknowledged.size).toBe(pairs);
        expect([...board.acknowledged.values()].every((number) => number === 20)).toBe(true);
        // What was acknowledged is on the disk of the receiver.
        for (const [link, number] of board.acknowledged) {
          const [sender, receiver] = link.split(' ') as [string, string];
          expect(world.diskOf(receiver).get(sender)).toBeGreaterThanOrEqual(number);
        }
      }),
      { seed, numRuns: 30 },
    );
  });
});
