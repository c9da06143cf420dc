/** The methods that read memories: one by its id, its edges, searches, pages. */
import type { Memory, SearchQuery } from '../../src/memory/engine.js';
import { DEFAULT_NAMESPACE } from '../../src/memory/index.js';
import type { Handler } from '../../transport/rpc/rpc.js';
import { SEARCH_ANSWER_BYTES_MAX } from '../wire/limits.js';
import type { ReadBarrier } from './graph-handlers.js';
import type { ServicePorts } from './handlers.js';
import { parseRequest, requests } from './requests.js';

/** What a search may say besides text and limit. */
const SEARCH_OPTIONS: ReadonlySet<string> = new Set([
  'filter',
  'mode',
  'fusion',
  'diversity',
  'rerank',
  'namespace',
  'created',
]);

/** By method; whoever mounts them checks who calls. */
export function memoryReads(ports: ServicePorts, read: ReadBarrier): Record<string, Handler> {
  return {
    'memory.get': async (payload, context) => {
      const { id, consistency } = parseRequest(requests.byId, payload);
      await read(consistency, context);
      const memory = ports.activeEngine().get(id);
      const isThere = memory !== undefined && isAlive(memory, ports.now());
      return { memory: isThere ? memory : null, appliedIndex: ports.appliedIndex() };
    },
    'memory.edges': async (payload, context) => {
      const { id, consistency } = parseRequest(requests.byId, payload);
      await read(consistency, context);
      return { edges: ports.activeEngine().edges(id), appliedIndex: ports.appliedIndex() };
    },
    'memory.search': async (payload, context) => {
      const { consistency, ...query } = parseRequest(requests.search, payload);
      const vector = await ports.embed(query.text);
      await read(consistency, context);
      // The graph is built in slices here instead of at once by the search.
      if (needsGraph(query.rerank)) await ports.activeEngine().graph.size();
      const engine = ports.activeEngine();
      // Where nobody uses namespaces, looking who is in which is spared.
      const isOne = query.namespace === DEFAULT_NAMESPACE && !engine.hasNamespaces();
      const namespace = isOne ? undefined : query.namespace;
      const aliveAtMs = ports.now();
      const hits = engine.search({ ...query, namespace, vector, aliveAtMs });
      const { fitting, isCut } = withinBytes(hits);
      // A member of a release before would pass over what it does not know.
      const understood = Object.keys(query).filter((key) => SEARCH_OPTIONS.has(key));
      return { hits: fitting, isCut, understood, appliedIndex: ports.appliedIndex() };
    },
    'memory.list': async (payload, context) => {
      const { consistency, ...query } = parseRequest(requests.list, payload);
      await read(consistency, context);
      const page = ports.activeEngine().list(query);
      const nowMs = ports.now();
      const alive = page.memories.filter((memory) => isAlive(memory, nowMs));
      const { fitting, isCut } = withinBytes(alive);
      const next = isCut ? (fitting.at(-1)?.id ?? null) : page.next;
      return { memories: fitting, next, appliedIndex: ports.appliedIndex() };
    },
    'memory.counts': (payload) => {
      parseRequest(requests.nothing, payload);
      ports.requireServing();
      const engine = ports.activeEngine();
      const appliedIndex = ports.appliedIndex();
      return { counts: engine.counts(), engine: engine.version, appliedIndex };
    },
  };
}

/** What has expired by the clock of this node is not served, also before a leader has it deleted. */
function isAlive({ expiresAtMs = Infinity }: Memory, nowMs: number): boolean {
  return expiresAtMs > nowMs;
}

function needsGraph(rerank: SearchQuery['rerank']): boolean {
  return rerank === 'gnn' || (typeof rerank === 'object' && rerank.by === 'gnn');
}

/** The first ones that fit into one answer; very large memories would not all. */
function withinBytes<T extends Pick<Memory, 'content' | 'metadata'>>(
  memories: readonly T[],
): { fitting: T[]; isCut: boolean } {
  const fitting: T[] = [];
  let bytes = 0;
  for (const memory of memories) {
    const { content, metadata } = memory;
    bytes += Buffer.byteLength(content) + Buffer.byteLength(JSON.stringify(metadata));
    if (bytes > SEARCH_ANSWER_BYTES_MAX && fitting.length > 0) return { fitting, isCut: true };
    fitting.push(memory);
  }
  return { fitting, isCut: false };
}
