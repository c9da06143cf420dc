/** The data phase of a migration: rows of v1 into a store and an archive. */
export {
  Archive,
  type ArchivedLoss,
  type ArchivedRow,
  type ArchivedStore,
  type ArchiveFilter,
  openArchive,
  type RefusedReference,
} from './archive.js';
export type * from './contract.js';
export { ARCHIVE_NAME, STORE_NAME } from '../files.js';
export { countWrittenSince, exportSince } from './export-since.js';
export { addLateRows, type LateOptions } from './late-rows.js';
export { migrateData } from './migrate-data.js';
export { edgeOfTarget, edgeTarget } from './names.js';
export { planData } from './plan.js';
export { hashOfRow } from './sources.js';
