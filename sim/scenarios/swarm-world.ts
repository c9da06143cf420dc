/** What the scenarios of a swarm have in common: the world they draw, and the nodes in it. */
import { World } from '../world/index.js';
import type { RandomStream } from '../world/index.js';
import { nodeName } from './swarm-messages.js';
import type { SwarmMessage } from './swarm-messages.js';
import { SwarmNodeProcess, swarmNode } from './swarm-node.js';
import type { SwarmOptions } from './swarm-node.js';

/** A world whose network and disks are drawn from `random`; `isLossless`: nothing sent is lost. */
export function drawSwarmWorld(
  seed: number,
  random: RandomStream,
  { isLossless }: { readonly isLossless: boolean },
): World<SwarmMessage, unknown> {
  return new World<SwarmMessage, unknown>({
    seed,
    network: {
      delay: {
        kind: 'exponential',
        minimumMicroseconds: 100,
        meanMicroseconds: random.integer(500, 8_000),
        maximumMicroseconds: 200_000,
      },
      lossProbability: isLossless ? 0 : random.pick([0, 0, 0.01, 0.05]),
      duplicationProbability: random.pick([0, 0.02]),
      reorderingProbability: random.pick([0, 0.3]),
    },
    disk: {
      syncDelay: { kind: 'uniform', minimumMicroseconds: 200, maximumMicroseconds: 8_000 },
      crashLoss: random.pick(['all-unsynced', 'random-suffix']),
    },
    digest: (message) => message.kind,
  });
}

/** Adds the nodes of a swarm, and returns the process of each, as of its last start. */
export function addSwarmNodes(
  world: World<SwarmMessage, unknown>,
  random: RandomStream,
  options: Omit<SwarmOptions, 'electionTicks' | 'heartbeatTicks' | 'compactionEntries'>,
): ReadonlyMap<number, SwarmNodeProcess> {
  const processes = new Map<number, SwarmNodeProcess>();
  const program = swarmNode({
    ...options,
    electionTicks: random.integer(8, 20),
    heartbeatTicks: random.integer(1, 3),
    compactionEntries: random.pick([20, 60, 1_000]),
  });
  for (const nodeId of options.nodeIds) {
    world.addNode(nodeName(nodeId), {
      start: (disk, context) => {
        const process = program.start(disk, context) as SwarmNodeProcess;
        processes.set(nodeId, process);
        return process;
      },
    });
  }
  return processes;
}
