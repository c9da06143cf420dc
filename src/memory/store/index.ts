/** A store of memories for one program. */
export type { Compaction } from './compact.js';
export type { CheckReport, Problem, ProblemKind } from './check.js';
export type { CommitCounts } from './group-commit.js';
export type { GraphPlace, StoreGraph, StoreNeighbour, StorePath } from './graph.js';
export {
  backupStore,
  type BackupReport,
  checkStore,
  type RepairReport,
  repairStore,
} from './jobs.js';
export type { ListOrder, NamespaceCount } from './listing.js';
export {
  type ListPage,
  type ListQuery,
  type MemoryStore,
  type MemoryStoreOptions,
  openMemoryStore,
  type StoreHit,
  type StoreQuery,
  type StoreStats,
} from './memory-store.js';
export type { EdgeInput, RecordInput, StoreEdge, StoreRecord } from './records.js';
export type { StoreModel } from './store-file.js';
export type { ExportTarget, ImportSource, TransferCounts, TransferOptions } from './transfer.js';
