/** What must hold at the end of every run of a swarm that rolled from one side to another. */
import { checkLinearizability } from '../checkers/linearizability.js';
import { memoryRegister } from '../checkers/models.js';
import { require } from '../explore/failure.js';
import type { ModelEngine } from './model-engine.js';
import type { Observer } from './observer.js';
import type { RecordedOperation } from './swarm-client.js';
import type { Spread } from './swarm-founding.js';
import type { SwarmNodeProcess } from './swarm-node.js';

/** Every node is on one side, at rest, and holds what the others hold. */
export function checkConvergence(
  nodeIds: readonly number[],
  processes: ReadonlyMap<number, SwarmNodeProcess>,
  observer: Observer,
): void {
  const running = nodeIds.map((nodeId) => {
    const process = processes.get(nodeId);
    require(process !== undefined, 'liveness', 'every node runs at the end');
    return process;
  });
  const nodes = running.map((process) => {
    const { nodeId: node, engines, release } = process;
    return { node, active: process.activeVersion(), open: engines.versions(), release };
  });
  observer.rolloutSafety.ended(nodes);
  const fingerprints = running.map((process) => {
    const engine = process.engines.active(process.activeVersion()) as ModelEngine;
    return `${process.replica.appliedIndex} ${engine.fingerprint()}`;
  });
  require(new Set(fingerprints).size === 1, 'convergence', 'all nodes hold the same at the end');
}

/** As many vote as are to vote, and no zone has two of them more than another one. */
export function checkPlacement(
  processes: ReadonlyMap<number, SwarmNodeProcess>,
  spread: Spread | undefined,
): void {
  const [first] = processes.values();
  if (spread === undefined || first === undefined) return;
  const { confState } = first.replica.status();
  const { voters, votersOutgoing } = confState;
  const members = [...first.replica.control.members.values()];
  const inZone = new Map(members.map(({ zone }) => [zone, 0]));
  for (const { nodeId, zone } of members) {
    if (voters.includes(nodeId)) inZone.set(zone, (inZone.get(zone) ?? 0) + 1);
  }
  const isWhole = voters.length === spread.voters && votersOutgoing.length === 0;
  require(isWhole, 'placement', `${spread.voters} vote at the end, not ${voters.join(' and ')}`);
  const isEven = Math.max(...inZone.values()) - Math.min(...inZone.values()) <= 1;
  require(isEven, 'placement', `voters ${voters.join(' and ')} are spread over the zones`);
}

/** No acknowledged write is lost, and every read shows the last one. */
export function checkHistory(history: readonly RecordedOperation[]): void {
  const { verdict, key, counterexample } = checkLinearizability(memoryRegister, history, {
    maxSteps: 5_000_000,
  });
  const found = `the history is ${verdict} at ${key}: ${counterexample}`;
  require(verdict === 'linearizable', 'linearizability', found);
}
