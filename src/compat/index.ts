/** What v1's programs stored, on the v2 store, for the parts of this package that serve v1's interfaces. */
export { CompatError, type CompatErrorCode } from './errors.js';
export type { CausalEdges } from './layout/causal-edges.js';
export {
  isReasoningMemory,
  type NewPattern,
  patternOf,
  type PatternRow,
  recordOfPattern,
} from './layout/patterns.js';
export type { NearestRow, RowQuery, Table, TableRow } from './layout/table.js';
export type { TableLayout } from './layout/tables.js';
export { findProject, placesOf, type ProjectPlaces } from './places.js';
export { currentProject, type KeyValue, openProject, type Project } from './project.js';
export type { Nearest, RecordQuery, Records } from './records.js';
export type { SessionOptions } from './session.js';
