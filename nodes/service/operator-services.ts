/** What operators are answered, read off the parts of the node. */
import type { SwarmNode } from '../node.js';
import { isUnwanted } from '../control-plane/membership.js';
import { applied } from './handlers.js';
import type { OperatorPorts } from './operator-handlers.js';
import { requireFeature } from './required-feature.js';

export function operatorServices(node: SwarmNode): OperatorPorts {
  return {
    backupBegin: async (signal) => {
      await node.driver.readBarrier(signal);
      const { swarmId, swarmVersion } = node.control;
      const { appliedIndex } = node.replica;
      return { swarmId, swarmVersion, nodeId: node.file.nodeId, appliedIndex };
    },
    snapshotPrepare: (payload) => node.snapshots.prepare(payload),
    snapshotRead: (payload) => node.snapshots.read(payload),
    voterGoneAfterMs: () => node.control.placement.goneAfterMs,
    changeMembership: async (command, timeoutMs) => {
      // Refused when it is applied it would be in the log already, and older members could not read it.
      requireFeature(node, 'placement');
      applied(await node.submit(command, timeoutMs));
      await node.driver.readBarrier();
      return wishes(node);
    },
  };
}

/** How many are to vote, and after which silence one is replaced. */
export function wishes({ control }: SwarmNode): object {
  const { wanted, goneAfterMs } = control.placement;
  return { voters: { wanted, goneAfterMs } };
}

/** What is wished of a member, as clients see it. A client prefers others from a drained one on. */
export function placed({ control }: SwarmNode, nodeId: number): object {
  const { drained, leaving, replaces } = control.placement;
  return {
    ...(isUnwanted(control, nodeId) ? { cordoned: true } : {}),
    drained: drained.has(nodeId),
    leaving: leaving.has(nodeId),
    replaces: replaces.get(nodeId) ?? null,
  };
}
