/** The methods that read the graph of the memories: neighbours, hops, paths, traversal, pattern queries. */
import { GraphError } from '../../src/memory/index.js';
import type { MemoryGraph } from '../../src/memory/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { CallContext, Handler } from '../../transport/rpc/rpc.js';
import { GRAPH_ANSWER_BYTES_MAX } from '../wire/limits.js';
import { graphRequests } from './graph-requests.js';
import type { ServicePorts } from './handlers.js';
import { parseRequest } from './requests.js';

type Consistency = 'linearizable' | 'local';

/** Waits until a read may be served; see `memoryHandlers`. */
export type ReadBarrier = (consistency: Consistency, context: CallContext) => Promise<void>;

/** By method; whoever mounts them checks who calls. */
export function graphHandlers(ports: ServicePorts, barrier: ReadBarrier): Record<string, Handler> {
  const read = async <T>(
    consistency: Consistency,
    context: CallContext,
    ask: (graph: MemoryGraph, options: { signal: AbortSignal }) => Promise<T>,
  ): Promise<{ answer: T; appliedIndex: number }> => {
    await barrier(consistency, context);
    // The answer shows the graph of this moment, or of a later one.
    const appliedIndex = ports.appliedIndex();
    const { graph } = ports.activeEngine();
    const answer = await ask(graph, { signal: context.signal }).catch((error: unknown) => {
      throw asRpcError(error);
    });
    return { answer: fitting(answer), appliedIndex };
  };
  return {
    'memory.neighbours': async (payload, context) => {
      const { id, consistency, ...walk } = parseRequest(graphRequests.neighbours, payload);
      const { answer, appliedIndex } = await read(consistency, context, (graph, options) =>
        graph.neighbours(id, { ...walk, ...options }),
      );
      return { ...answer, appliedIndex };
    },
    'memory.hops': async (payload, context) => {
      const { id, consistency, ...walk } = parseRequest(graphRequests.hops, payload);
      const { answer, appliedIndex } = await read(consistency, context, (graph, options) =>
        graph.kHops(id, { ...walk, ...options }),
      );
      return { ...answer, appliedIndex };
    },
    'memory.path': async (payload, context) => {
      const { from, to, consistency, ...walk } = parseRequest(graphRequests.path, payload);
      const { answer, appliedIndex } = await read(consistency, context, (graph, options) =>
        graph.path(from, to, { ...walk, ...options }),
      );
      return { path: answer, appliedIndex };
    },
    'memory.traverse': async (payload, context) => {
      const { id, consistency, ...walk } = parseRequest(graphRequests.traverse, payload);
      const { answer, appliedIndex } = await read(consistency, context, (graph, options) =>
        graph.traverse(id, { ...walk, ...options }),
      );
      return { ...answer, appliedIndex };
    },
    'memory.query': async (payload, context) => {
      const { text, parameters, consistency } = parseRequest(graphRequests.query, payload);
      const { answer, appliedIndex } = await read(consistency, context, (graph, options) =>
        graph.query(text, { parameters, ...options }),
      );
      return { ...answer, appliedIndex };
    },
  };
}

/** An answer is whole or a failure: a reader could not tell what is missing. */
function fitting<T>(answer: T): T {
  if (bytesOf(answer, GRAPH_ANSWER_BYTES_MAX) <= GRAPH_ANSWER_BYTES_MAX) return answer;
  throw new RpcError(
    'refused',
    `the answer has more than ${GRAPH_ANSWER_BYTES_MAX} bytes: return ids in place of whole ` +
      'memories, or add a LIMIT',
    { reason: 'limit' },
  );
}

/** About the bytes that a value takes; more than `most` once it is known that they are too many. */
function bytesOf(value: unknown, most: number): number {
  if (typeof value === 'string') return Buffer.byteLength(value) + 3;
  if (typeof value !== 'object' || value === null) return 9;
  let bytes = 5;
  for (const [key, item] of Object.entries(value)) {
    bytes += key.length + bytesOf(item, most - bytes);
    if (bytes > most) break;
  }
  return bytes;
}

function asRpcError(error: unknown): unknown {
  if (!(error instanceof GraphError)) return error;
  if (error.code === 'overloaded') return new RpcError('overloaded', error.message);
  // The engine was changed for another one; any member answers the next attempt.
  const reason = error.code === 'closed' ? 'stopping' : error.code;
  return new RpcError('refused', error.message, { reason });
}
