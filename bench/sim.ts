import { EventHeap, World, type NetworkOptions, type NodeProgram } from '../sim/world/index.js';
import type { Bench, Measurements } from './harness.js';

const eventsPerRound = 300_000;
const nodes = ['a', 'b', 'c', 'd', 'e'];

const faultyNetwork: NetworkOptions = {
  delay: { kind: 'uniform', minimumMicroseconds: 100, maximumMicroseconds: 10_000 },
  lossProbability: 0.02,
  duplicationProbability: 0.01,
  reorderingProbability: 0.1,
};

/** Events a second of the simulated world, against a loop over nothing but its heap. */
export function simBench(): Bench {
  return {
    description:
      'events a second: five nodes with messages, timers and disk, against the bare event heap',
    roundsDefault: 5,
    metrics: { events: '1/s' },
    subjects: [
      { name: 'world', run: runWorld },
      { name: 'bare-heap', run: runHeap },
    ],
    ratios: [{ metric: 'events', subject: 'world', peer: 'bare-heap' }],
  };
}

/** Each node gossips a number, and writes and syncs the highest that it hears. */
const gossip: NodeProgram<number, number> = {
  start(disk, context) {
    let highest = disk.get('highest') ?? 0;
    let token = 0;
    const tick = (): void => {
      highest += 1;
      for (const peer of nodes) if (peer !== context.name) context.send(peer, highest);
      context.setTimer(10_000, 'tick');
    };
    tick();
    return {
      onMessage(from, number) {
        if (number > highest) {
          highest = number;
          context.write('highest', highest);
          context.sync(++token);
        } else if (number < highest) {
          context.send(from, highest);
        }
      },
      onTick: tick,
      onDiskSynced() {},
    };
  },
};

function runWorld(): Measurements {
  const world = new World<number, number>({ seed: 1, network: faultyNetwork });
  for (const name of nodes) world.addNode(name, gossip);
  const started = performance.now();
  world.run({ eventsMax: eventsPerRound });
  return { events: (world.events / (performance.now() - started)) * 1000 };
}

function runHeap(): Measurements {
  const heap = new EventHeap<number>();
  for (let item = 0; item < 50; item++) heap.push(item, item);
  const started = performance.now();
  for (let count = 0; count < eventsPerRound; count++) {
    const now = heap.nextMicroseconds;
    const item = heap.pop()!;
    heap.push(now + 100 + ((item * 7919 + count) % 10_000), item);
  }
  return { events: (eventsPerRound / (performance.now() - started)) * 1000 };
}
