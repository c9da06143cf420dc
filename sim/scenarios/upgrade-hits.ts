/** Moments of a rollout, and what hits a node at one of them. Pure. */
import type { Rollout } from '../../nodes/rollout/state.js';
import type { FaultAction } from '../nemesis/index.js';
import type { Hit } from './upgrade-settings.js';

const DAY_MICROSECONDS = 24 * 3_600_000_000;

/** The nodes that are at this moment now. */
export function nodesAt({ status, nodes }: Rollout, moment: string): number[] {
  if (moment === 'finalizing' || moment === 'finalized') {
    return status === moment ? nodes.map(({ nodeId }) => nodeId) : [];
  }
  const back = moment.startsWith('back ');
  const step = back ? moment.slice('back '.length) : moment;
  const direction = back ? 'back' : 'forward';
  return nodes
    .filter((node) => node.step === step && node.direction === direction)
    .map(({ nodeId }) => nodeId);
}

/** The action that a hit is, on the node that came to the moment or on whoever leads then. */
export function actionOf(
  hit: Hit,
  node: string,
  leader: string,
  names: readonly string[],
  durationMicroseconds: number,
): FaultAction {
  const others = names.filter((name) => name !== node);
  const half = Math.ceil(others.length / 2);
  switch (hit) {
    case 'crash-node':
      return { kind: 'crash', node };
    case 'crash-leader':
      return { kind: 'crash', node: leader };
    case 'symmetric-partition':
      return { kind: 'isolate', node };
    case 'one-way-partition':
      return { kind: 'one-way', from: [node], to: others };
    case 'bridge':
      return {
        kind: 'bridge',
        left: others.slice(0, half),
        middle: node,
        right: others.slice(half),
      };
    case 'ring':
      return { kind: 'ring', order: [node, ...others] };
    case 'loss-30':
      return { kind: 'loss', probability: 0.3 };
    case 'disk-stall':
      return { kind: 'disk-stall', node, durationMicroseconds };
    case 'sync-failure':
      return { kind: 'sync-failure', node, probability: 1 };
    case 'disk-full':
      return { kind: 'disk-full', node };
    case 'clock-jump':
      return { kind: 'clock-jump', node: leader, microseconds: DAY_MICROSECONDS };
    case 'pause':
      return { kind: 'pause', node };
  }
}
