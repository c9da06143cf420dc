/** Graphs in memory, for tests: a store of maps behind the interface that the engines have. */
import type { Edge, JsonObject, Memory } from '../../../../src/memory/engine.js';
import { MemoryGraph } from '../../../../src/memory/graph/index.js';

export type EdgeRow = readonly [from: string, relation: string, to: string, weight?: number];

export const edgeOf = ([from, relation, to, weight = 1]: EdgeRow): Edge => {
  return { from, relation, to, weight };
};

export class MapStore {
  readonly memories = new Map<string, Memory>();
  readonly edges = new Map<string, Edge>();
  readonly graph: MemoryGraph;
  /** Dumps that were opened and not closed. */
  openDumps = 0;
  dumps = 0;

  constructor(ids: readonly string[] = [], edges: readonly EdgeRow[] = []) {
    for (const id of ids) this.#insert(id, {});
    for (const edge of edges) this.#add(edgeOf(edge));
    this.graph = new MemoryGraph({
      dump: () => {
        this.openDumps += 1;
        this.dumps += 1;
        const [known, links] = [[...this.memories.keys()], [...this.edges.values()]];
        return { ids: () => known, edges: () => links, close: () => (this.openDumps -= 1) };
      },
      get: (id) => this.memories.get(id),
    });
  }

  /** Inserts as an engine does: the graph hears of it before and after. */
  insert(id: string, metadata: JsonObject = {}, content = `content of ${id}`): void {
    const command = { type: 'insertMemory', id, content, metadata } as const;
    this.graph.willApply([{ index: 1, command: { ...command, vector: null, timestampMs: 5 } }]);
    this.#insert(id, metadata, content);
    this.graph.follow([{ type: 'addNode', id }]);
  }

  add(...row: EdgeRow): void {
    this.#add(edgeOf(row));
    this.graph.follow([{ type: 'addEdge', ...edgeOf(row) }]);
  }

  delete(id: string): void {
    this.graph.willApply([{ index: 1, command: { type: 'deleteMemory', id, timestampMs: 5 } }]);
    if (!this.memories.delete(id)) return;
    for (const [key, { from, to }] of this.edges) {
      if (from === id || to === id) this.edges.delete(key);
    }
    this.graph.follow([{ type: 'deleteNode', id }]);
  }

  unlink(from: string, relation: string, to: string): void {
    this.edges.delete(JSON.stringify([from, relation, to]));
    this.graph.follow([{ type: 'deleteEdge', from, relation, to }]);
  }

  #insert(id: string, metadata: JsonObject, content = `content of ${id}`): void {
    this.memories.set(id, { id, content, metadata, createdAtMs: 5 });
  }

  #add(edge: Edge): void {
    this.edges.set(JSON.stringify([edge.from, edge.relation, edge.to]), edge);
  }
}
