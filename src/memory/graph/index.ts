/** The graph of a store: traversals, and pattern queries in a subset of openCypher. */
export { changeOf, type GraphChange } from './changes.js';
export type { Parameters, QueryResult } from './cypher/index.js';
export type { ResultValue } from './cypher/values.js';
export { GraphError, type GraphErrorCode, type Position } from './error.js';
export type { KHops, Reached } from './k-hops.js';
export {
  MemoryGraph,
  type GraphSize,
  type GraphSource,
  type Path,
  type QueryOptions,
} from './memory-graph.js';
export type { Neighbour, Neighbours } from './neighbours.js';
export type {
  KHopsOptions,
  NeighbourOptions,
  PathOptions,
  TraverseOptions,
  WalkOptions,
} from './options.js';
export type { Scored, Traversal } from './traverse.js';
export type { Direction } from './view.js';
