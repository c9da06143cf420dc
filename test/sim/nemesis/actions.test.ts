import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyFault,
  applySchedule,
  faultKinds,
  generateSchedule,
  type FaultAction,
} from '../../../sim/nemesis/index.js';
import { RandomStream, World, type Delay, type NodeProgram } from '../../../sim/world/index.js';
import { recordedWorld } from '../world/recorder.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const nodes = ['a', 'b', 'c'];
const slow: Delay = { kind: 'uniform', minimumMicroseconds: 7000, maximumMicroseconds: 7000 };

/** What a fault can change of a world, node a and its link to b in particular. */
function look(world: World<string, string>): Record<string, unknown> {
  const { network } = world;
  const pairs = nodes.flatMap((from) => nodes.map((to) => [from, to] as const));
  const { options, isClogged } = network.link('a', 'b');
  return {
    blocked: pairs
      .filter(([from, to]) => network.isBlocked(from, to))
      .map((pair) => pair.join(''))
      .join(' '),
    network: network.options,
    link: options,
    isClogged,
    isUp: world.isUp('a'),
    isPaused: world.isPaused('a'),
    drift: world.clockOf('a').driftPartsPerMillion,
    wallError: world.clockOf('a').wallMicroseconds - world.nowMicroseconds,
    diskFaults: world.diskFaultsOf('a'),
  };
}

type Row = readonly [begin: FaultAction, changed: object, end: FaultAction];

/** Each action that changes the state of a world, what it changes, and the action that ends it. */
const rows: readonly Row[] = [
  [{ kind: 'isolate', node: 'a' }, { blocked: 'ab ac ba ca' }, { kind: 'heal' }],
  [{ kind: 'ring', order: nodes }, { blocked: 'ac ca' }, { kind: 'heal' }],
  [{ kind: 'star', center: 'a', leaves: ['b', 'c'] }, { blocked: 'bc cb' }, { kind: 'heal' }],
  [{ kind: 'cut-off', node: 'a' }, { blocked: 'ab ac ba ca' }, { kind: 'rejoin', node: 'a' }],
  [{ kind: 'loss', probability: 0.5 }, { network: { lossProbability: 0.5 } }, { kind: 'loss-end' }],
  [
    { kind: 'duplication', probability: 0.5 },
    { network: { duplicationProbability: 0.5 } },
    { kind: 'duplication-end' },
  ],
  [
    { kind: 'reordering', probability: 0.5 },
    { link: { reorderingProbability: 0.5 } },
    { kind: 'reordering-end' },
  ],
  [{ kind: 'delay', delay: slow }, { link: { delay: slow } }, { kind: 'delay-end' }],
  [
    { kind: 'bandwidth', bytesPerSecond: 5000, queueBytesMax: 50 },
    { link: { bytesPerSecond: 5000, queueBytesMax: 50 } },
    { kind: 'bandwidth-end' },
  ],
  [
    { kind: 'replay', probability: 0.5 },
    { link: { replayProbability: 0.5 } },
    { kind: 'replay-end' },
  ],
  [
    { kind: 'slow-link', from: 'a', to: 'b', delay: slow },
    { link: { delay: slow } },
    { kind: 'slow-link-end', from: 'a', to: 'b' },
  ],
  [
    { kind: 'clog', from: 'a', to: 'b' },
    { isClogged: true },
    { kind: 'unclog', from: 'a', to: 'b' },
  ],
  [{ kind: 'crash', node: 'a' }, { isUp: false }, { kind: 'restart', node: 'a' }],
  [{ kind: 'wipe', node: 'a' }, { isUp: false }, { kind: 'restart', node: 'a' }],
  [{ kind: 'pause', node: 'a' }, { isPaused: true }, { kind: 'resume', node: 'a' }],
  [
    { kind: 'disk-full', node: 'a' },
    { diskFaults: { isFull: true } },
    { kind: 'disk-heal', node: 'a' },
  ],
  [
    { kind: 'sync-failure', node: 'a', probability: 0.5 },
    { diskFaults: { syncFailureProbability: 0.5 } },
    { kind: 'disk-heal', node: 'a' },
  ],
  [
    { kind: 'torn-writes', node: 'a', probability: 0.5 },
    { diskFaults: { tornWriteProbability: 0.5 } },
    { kind: 'disk-heal', node: 'a' },
  ],
  [
    { kind: 'lost-writes', node: 'a', probability: 0.5 },
    { diskFaults: { lostWriteProbability: 0.5 } },
    { kind: 'disk-heal', node: 'a' },
  ],
  [
    { kind: 'misdirected-writes', node: 'a', probability: 0.5 },
    { diskFaults: { misdirectedWriteProbability: 0.5 } },
    { kind: 'disk-heal', node: 'a' },
  ],
  [
    { kind: 'lying-sync', node: 'a' },
    { diskFaults: { liesAboutSync: true } },
    { kind: 'disk-heal', node: 'a' },
  ],
  [
    { kind: 'clock-drift', node: 'a', partsPerMillion: 50 },
    { drift: 50 },
    { kind: 'clock-drift', node: 'a', partsPerMillion: 0 },
  ],
  [
    { kind: 'clock-jump', node: 'a', microseconds: -9 },
    { wallError: -9 },
    { kind: 'clock-jump', node: 'a', microseconds: 9 },
  ],
  [
    { kind: 'clock-offset', node: 'a', microseconds: 77 },
    { wallError: 77 },
    { kind: 'clock-offset', node: 'a', microseconds: 0 },
  ],
];

describe('each action of a schedule', () => {
  it.each(rows)('%j changes %j, and nothing else; %j ends it', (begin, changed, end) => {
    const { world } = recordedWorld();
    const before = look(world);
    applyFault(world, nodes, begin);
    const during = look(world);
    expect(during).toMatchObject(changed);
    const touched = Object.keys(before).filter((name) => {
      return JSON.stringify(before[name]) !== JSON.stringify(during[name]);
    });
    // What all links do, each link does.
    const named = Object.keys(changed);
    expect(touched.filter((name) => name !== 'link' && name !== 'network')).toEqual(
      named.filter((name) => name !== 'link' && name !== 'network'),
    );
    applyFault(world, nodes, end);
    expect(look(world)).toEqual(before);
  });

  it.each(rows)('%j is ended by heal-all as well', (begin) => {
    const { world } = recordedWorld();
    const before = look(world);
    applyFault(world, nodes, begin);
    applyFault(world, nodes, { kind: 'heal-all' });
    expect(look(world)).toEqual(before);
  });

  it('a shape and a node that is cut off stand side by side: each ends by its own action', () => {
    const { world } = recordedWorld();
    const blocked = (...actions: readonly FaultAction[]): unknown => {
      for (const action of actions) applyFault(world, nodes, action);
      return look(world)['blocked'];
    };
    const shapes: readonly FaultAction[] = [
      { kind: 'partition', groups: [['a', 'b'], ['c']] },
      { kind: 'isolate', node: 'c' },
      { kind: 'one-way', from: ['c'], to: ['b'] },
      { kind: 'bridge', left: ['b'], middle: 'a', right: ['c'] },
      { kind: 'ring', order: ['b', 'a', 'c'] },
      { kind: 'star', center: 'a', leaves: ['b', 'c'] },
    ];
    for (const shape of shapes) {
      const alone = blocked(shape);
      expect(alone, shape.kind).not.toBe('');
      blocked({ kind: 'heal' }, { kind: 'cut-off', node: 'a' });
      expect(blocked(shape), shape.kind).toMatch(/^ab ac ba .*ca/);
      expect(blocked({ kind: 'heal' }), shape.kind).toBe('ab ac ba ca');
      expect(blocked(shape, { kind: 'rejoin', node: 'a' }), shape.kind).toBe(alone);
      expect(blocked({ kind: 'heal' }), shape.kind).toBe('');
    }
  });

  it('a slow reader reads slowly until its end, or until all is healed', () => {
    for (const end of [{ kind: 'slow-reader-end', node: 'b' }, { kind: 'heal-all' }] as const) {
      const { world, notes, send } = recordedWorld();
      applyFault(world, nodes, { kind: 'slow-reader', node: 'b', microsecondsPerMessage: 10_000 });
      for (const message of ['x', 'y', 'z']) send('a', 'b', message);
      world.run({ untilMicroseconds: 5000 });
      expect(notes).toHaveLength(1);
      applyFault(world, nodes, end);
      expect(notes).toHaveLength(3);
    }
  });

  it('what happens at once does so: resets, a new address, a stall, bit rot', () => {
    const { world, notes, send, context } = recordedWorld();
    context('a').write('k', 'x');
    context('a').sync(1);
    world.run();
    applyFault(world, nodes, { kind: 'disk-stall', node: 'a', durationMicroseconds: 90_000 });
    context('a').sync(2);
    send('a', 'b', 'lost');
    applyFault(world, nodes, { kind: 'reset', node: 'a', peer: 'b' });
    send('a', 'c', 'lost');
    applyFault(world, nodes, { kind: 'address-change', node: 'c' });
    applyFault(world, nodes, { kind: 'stateless-reset', node: 'c', peer: 'a' });
    world.run({ untilMicroseconds: world.nowMicroseconds + 50_000 });
    expect(notes.slice(1).map((note) => note.slice(note.indexOf(' ') + 1))).toEqual([
      'a lost b',
      'b lost a',
      'c lost a',
    ]);
    applyFault(world, nodes, { kind: 'heal-all' });
    world.run();
    expect(notes.at(-1)).toMatch(/a synced 2$/);
    applyFault(world, nodes, { kind: 'bit-rot', node: 'a', keysMax: 1, prefix: 'k' });
    expect([world.wrongKeysOf('a'), world.diskOf('a').isDamaged('k')]).toEqual([['k'], true]);
  });
});

it('heal-all leaves a node up that dies of what it is told when it goes on', () => {
  const world = new World<string, string>({ seed: 1 });
  world.addNode('a', {
    start: (_disk, context) => {
      context.sync(1);
      return { onMessage() {}, onTick() {}, onDiskSynced() {} };
    },
  });
  applyFault(world, ['a'], { kind: 'sync-failure', node: 'a', probability: 1 });
  world.run({ untilMicroseconds: 0 });
  applyFault(world, ['a'], { kind: 'pause', node: 'a' });
  world.run();
  applyFault(world, ['a'], { kind: 'heal-all' });
  expect(world.recentEvents().map(({ kind }) => kind)).toEqual([
    'start',
    'pause',
    'resume',
    'disk-failed',
    'crash',
  ]);
  expect(world.isUp('a')).toBe(true);
});

/** Talks, writes and sets timers without end, and starts from whatever its disk holds. */
const busy: NodeProgram<string, Uint8Array> = {
  start(disk, context) {
    let token = disk.keys().filter((key) => !disk.isDamaged(key)).length;
    const work = (): void => {
      const peer = `n${Math.floor(context.random() * 5)}`;
      context.send(peer, `${context.clockMicroseconds} ${context.wallMicroseconds}`);
      context.write(`k${token % 8}`, Uint8Array.of(token, token >> 8));
      context.sync(++token);
      context.setTimer(Math.floor(context.random() * 4000), 'work');
    };
    work();
    return {
      onMessage(from, message) {
        if (context.random() < 0.3) context.send(from, message);
      },
      onTick: work,
      onDiskSynced(synced) {
        if (synced % 4 === 0) context.send(context.name, `synced ${synced}`);
      },
      onConnectionLost: (peer) => context.send(peer, 'again'),
    };
  },
};

function runEverything(worldSeed: number): { hash: string; kinds: Set<string> } {
  const own = ['n0', 'n1', 'n2', 'n3', 'n4'];
  const random = new RandomStream(worldSeed, 'options');
  const world = new World<string>({
    seed: worldSeed,
    disk: {
      syncDelay: { kind: 'uniform', minimumMicroseconds: 50, maximumMicroseconds: 2000 },
      crashLoss: random.pick(['all-unsynced', 'random-suffix', 'any-subset']),
    },
  });
  for (const name of own) world.addNode(name, busy);
  const schedule = generateSchedule(worldSeed, {
    nodes: own,
    durationMicroseconds: 1_000_000,
    meanPauseMicroseconds: 5_000,
    meanFaultMicroseconds: 40_000,
    targets: ['@leader', '@random'],
    releases: ['v2'],
  });
  applySchedule(world, schedule, {
    resolve: (target) => (target === '@leader' ? own.find((name) => world.isUp(name)) : undefined),
    program: () => busy,
  });
  world.run({ untilMicroseconds: 1_200_000 });
  expect(own.every((name) => world.isUp(name) && !world.isPaused(name))).toBe(true);
  expect(world.events).toBeGreaterThan(1000);
  return {
    hash: world.traceHash,
    kinds: new Set(schedule.faults.map(({ action }) => action.kind)),
  };
}

describe('a world with every fault on', () => {
  it(`gives the same trace twice, and all nodes are up at the end (SEED=${seed})`, () => {
    const seen = new Set<string>();
    const hashes = new Set<string>();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (worldSeed) => {
        const { hash, kinds } = runEverything(worldSeed);
        expect(runEverything(worldSeed).hash).toBe(hash);
        hashes.add(hash);
        for (const kind of kinds) seen.add(kind);
      }),
      { seed, numRuns: 20 },
    );
    expect(hashes.size).toBeGreaterThan(15);
    for (const kind of faultKinds) expect(seen).toContain(kind === 'swizzle' ? 'cut-off' : kind);
  });
});
