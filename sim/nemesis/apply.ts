import type { World } from '../world/world.js';
import type { FaultAction, Schedule } from './schedule.js';

/** Plans all actions of a schedule in a world, counted from now. */
export function applySchedule<Message, Value>(
  world: World<Message, Value>,
  schedule: Schedule,
): void {
  const start = world.nowMicroseconds;
  for (const { atMicroseconds, action } of schedule.faults) {
    world.at(start + atMicroseconds, `nemesis ${action.kind}`, () =>
      applyFault(world, schedule.nodes, action),
    );
  }
}

/** Does one action to a world at once. `nodes` are those that the schedule is about. */
export function applyFault<Message, Value>(
  world: World<Message, Value>,
  nodes: readonly string[],
  action: FaultAction,
): void {
  const { network } = world;
  switch (action.kind) {
    case 'partition':
      network.heal();
      return network.partition(action.groups);
    case 'isolate':
      network.heal();
      return network.isolate(action.node, nodes);
    case 'one-way':
      network.heal();
      return network.blockOneWay(action.from, action.to);
    case 'bridge':
      network.heal();
      return network.bridge(action.left, action.middle, action.right);
    case 'heal':
      return network.heal();
    case 'loss':
      return network.change({ lossProbability: action.probability });
    case 'loss-end':
      return network.restoreBehaviour();
    case 'crash':
      return world.crash(action.node);
    case 'restart':
      return world.restart(action.node);
    case 'pause':
      return world.pause(action.node);
    case 'resume':
      return world.resume(action.node);
  }
}
