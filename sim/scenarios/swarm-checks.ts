/** What must hold at the end of every run of a swarm that rolled from one side to another. */
import { checkLinearizability } from '../checkers/linearizability.js';
import { memoryRegister } from '../checkers/models.js';
import { require } from '../explore/failure.js';
import type { ModelEngine } from './model-engine.js';
import type { Observer } from './observer.js';
import type { RecordedOperation } from './swarm-client.js';
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

/** No acknowledged write is lost, and every read shows the last one. */
export function checkHistory(history: readonly RecordedOperation[]): void {
  const { verdict, key, counterexample } = checkLinearizability(memoryRegister, history, {
    maxSteps: 5_000_000,
  });
  const found = `the history is ${verdict} at ${key}: ${counterexample}`;
  require(verdict === 'linearizable', 'linearizability', found);
}
