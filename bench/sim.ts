import type { Json, Plan } from '../sim/explore/plan.js';
import { generateSchedule } from '../sim/nemesis/index.js';
import { raftFaultKinds, raftRegisters } from '../sim/raft/index.js';
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

const SECOND = 1_000_000;
const runSeconds = 60;

/** How many seeds a round runs. */
export interface SimBenchSize {
  readonly five: number;
  readonly fifty: number;
  readonly campaign: number;
}

const usual: SimBenchSize = { five: 20, fifty: 1, campaign: 60 };

/** Events a second of the world alone and of whole Raft groups in it, on one core. */
export function simBench(size: SimBenchSize = usual): Bench {
  const campaign = (): Measurements => runCampaign(size.campaign);
  return {
    description:
      'one core: a world with messages, timers and disk against its bare event heap; five and fifty ' +
      'Raft nodes under all faults for 60 simulated seconds; a campaign of drawn plans',
    roundsDefault: 5,
    metrics: {
      events: '1/s',
      'simulated-hours': '1/h',
      'minutes-of-simulated-time': '1/s',
    },
    subjects: [
      { name: 'world', run: runWorld },
      { name: 'bare-heap', run: runHeap },
      raftSubject('raft-5', 5, size.five),
      raftSubject('raft-50', 50, size.fifty),
      { name: 'raft-campaign', prepare: () => void campaign(), run: campaign },
    ],
    ratios: [{ metric: 'events', subject: 'world', peer: 'bare-heap' }],
    notes: () => [
      'goals of one core: raft-5 300,000 events a second and 300 simulated hours an hour; the ' +
        'campaign 17 minutes of simulated time a second, which is 20,000 seeds of a minute in ten ' +
        'minutes on two cores',
    ],
  };
}

/** Runs of `nodes` voters with everything that a plan can break, one seed after the other. */
function raftSubject(name: string, nodes: number, seeds: number): Bench['subjects'][number] {
  const plans = Array.from({ length: seeds }, (_, at) => raftPlan(at + 1, nodes));
  const run = (): Measurements => measure(plans);
  return { name, prepare: () => void run(), run };
}

function raftPlan(seed: number, voters: number): Plan {
  const names = Array.from({ length: voters }, (_, at) => `node-${at + 1}`);
  const schedule = generateSchedule(seed, {
    nodes: names,
    durationMicroseconds: runSeconds * SECOND,
    kinds: raftFaultKinds,
    meanPauseMicroseconds: 2 * SECOND,
    meanFaultMicroseconds: 2 * SECOND,
    targets: ['@leader'],
  });
  const { operations } = raftRegisters.draw(seed);
  // Asked of any node: those of the drawn plan are others.
  const asked = operations.flatMap((timed) => {
    const { node: _, ...operation } = timed.operation as { readonly [name: string]: Json };
    const { do: what } = operation;
    return what === 'read' || what === 'write' ? [{ ...timed, operation }] : [];
  });
  const settings = { voters, distrustsDisk: 1, compactionEntries: 60, trailingEntries: 15 };
  return { scenario: 'raft', seed, settings, schedule, operations: asked };
}

function runCampaign(seeds: number): Measurements {
  return measure(Array.from({ length: seeds }, (_, at) => raftRegisters.draw(at + 1)));
}

/** Throws if a run fails: what is wrong is not measured. */
function measure(plans: readonly Plan[]): Measurements {
  let events = 0;
  let simulatedSeconds = 0;
  const started = performance.now();
  for (const plan of plans) {
    const result = raftRegisters.run(plan);
    const { failure } = result;
    if (failure !== undefined) throw new Error(`seed ${plan.seed}: ${failure.message}`);
    events += result.events;
    simulatedSeconds += result.simulatedMicroseconds / SECOND;
  }
  const seconds = (performance.now() - started) / 1000;
  return {
    events: events / seconds,
    'simulated-hours': simulatedSeconds / seconds,
    'minutes-of-simulated-time': simulatedSeconds / 60 / seconds,
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
