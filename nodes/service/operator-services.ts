/** What operators are answered, read off the parts of the node. */
import type { SwarmNode } from '../node.js';
import type { OperatorPorts } from './operator-handlers.js';

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
  };
}
