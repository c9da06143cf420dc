/** What clients may ask on lanes: many small requests on one stream (`transport/rpc/lane.ts`). */
import { LANE_REASON } from '../../transport/rpc/lane-wire.js';
import { LaneHandlers } from '../../transport/rpc/lane-handlers.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { Handler, Handlers } from '../../transport/rpc/rpc.js';
import { LANE_CONTENT_LENGTH_MAX } from '../wire/limits.js';

/** The lanes of a node with these handlers. */
export function nodeLanes(
  handlers: Handlers,
  onError: ((method: string, peerId: string, error: unknown) => void) | undefined,
): LaneHandlers {
  const { 'memory.addEdge': addEdge, 'memory.get': get } = handlers;
  if (addEdge === undefined || get === undefined) throw new Error('a node answers these methods');
  return new LaneHandlers({ 'memory.addEdge': addEdge, 'memory.get': small(get) }, onError);
}

/** A large memory would hold up the answers behind it. */
function small(get: Handler): Handler {
  return async (payload, context) => {
    const answer = (await get(payload, context)) as { memory: { content: string } | null };
    const length = answer.memory?.content.length ?? 0;
    if (length <= LANE_CONTENT_LENGTH_MAX) return answer;
    throw new RpcError('overloaded', 'the memory is too large for a lane', {
      reason: LANE_REASON,
    });
  };
}
