/** Which requests travel together, and how. */
import { Lane } from '../../transport/rpc/lane.js';
import type { CallOptions, Caller, RpcConnection } from '../../transport/rpc/rpc.js';

/** Small both ways, and answered as soon as they are agreed on. */
const ON_LANES: ReadonlySet<string> = new Set(['memory.addEdge', 'memory.get']);

const lanes = new WeakMap<RpcConnection, Lane>();

/** Calls on the lane of the connection what is small, and all else on a stream of its own. */
export function callMember(
  connection: RpcConnection,
  method: string,
  payload: unknown,
  options: CallOptions,
): Promise<unknown> {
  if (!ON_LANES.has(method) || !isCaller(connection)) {
    return connection.call(method, payload, options);
  }
  let lane = lanes.get(connection);
  if (lane === undefined || (lane.isOver && connection.isOpen)) {
    lane = new Lane(connection);
    lanes.set(connection, lane);
  }
  return lane.call(method, payload, options);
}

/** Whether calls that last can be made; not on every connection. */
export function isCaller(connection: RpcConnection): connection is RpcConnection & Caller {
  return 'duplex' in connection;
}
