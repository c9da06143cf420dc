/** What actions of a schedule do to a network, whether simulated nodes or real ones talk over it. */
import type { Network } from '../world/network.js';
import { ringPairs, starPairs } from '../world/shapes.js';
import type { FaultAction } from './schedule.js';

/**
 * Does one action that concerns nothing but who reaches whom and how links behave. `nodes` are those
 * that the schedule is about. False for an action of another kind.
 */
export function changeNetwork(
  network: Network,
  nodes: readonly string[],
  action: FaultAction,
): boolean {
  return changeShape(network, nodes, action) || changeBehaviour(network, action);
}

/** Ends all that `changeNetwork` began. */
export function healNetwork(network: Network): void {
  network.heal();
  network.restoreBehaviour();
  network.restoreLinks();
}

/** A shape replaces the one before. Who is cut off stays so, whatever the shape, until it rejoins. */
function changeShape(network: Network, nodes: readonly string[], action: FaultAction): boolean {
  switch (action.kind) {
    case 'cut-off':
      network.cutOff(action.node);
      return true;
    case 'rejoin':
      network.rejoin(action.node);
      return true;
    case 'partition':
      network.unblockAll();
      network.partition(action.groups);
      return true;
    case 'isolate':
      network.unblockAll();
      network.isolate(action.node, nodes);
      return true;
    case 'one-way':
      network.unblockAll();
      network.blockOneWay(action.from, action.to);
      return true;
    case 'bridge':
      network.unblockAll();
      network.bridge(action.left, action.middle, action.right);
      return true;
    case 'ring':
      network.unblockAll();
      network.blockPairs(ringPairs(action.order));
      return true;
    case 'star':
      network.unblockAll();
      network.blockPairs(starPairs(action.center, action.leaves));
      return true;
    case 'heal':
      network.unblockAll();
      return true;
    default:
      return false;
  }
}

function changeBehaviour(network: Network, action: FaultAction): boolean {
  switch (action.kind) {
    case 'loss':
      network.change({ lossProbability: action.probability });
      return true;
    case 'loss-end':
      network.restoreBehaviour('lossProbability');
      return true;
    case 'duplication':
      network.change({ duplicationProbability: action.probability });
      return true;
    case 'duplication-end':
      network.restoreBehaviour('duplicationProbability');
      return true;
    case 'reordering':
      network.change({ reorderingProbability: action.probability });
      return true;
    case 'reordering-end':
      network.restoreBehaviour('reorderingProbability');
      return true;
    case 'delay':
      network.change({ delay: action.delay });
      return true;
    case 'delay-end':
      network.restoreBehaviour('delay');
      return true;
    case 'bandwidth': {
      const { bytesPerSecond, queueBytesMax } = action;
      network.change({ bytesPerSecond, queueBytesMax });
      return true;
    }
    case 'bandwidth-end':
      network.restoreBehaviour('bytesPerSecond', 'queueBytesMax');
      return true;
    case 'slow-link':
      network.changeLink(action.from, action.to, { delay: action.delay });
      return true;
    case 'slow-link-end':
      network.restoreLink(action.from, action.to);
      return true;
    default:
      return false;
  }
}
