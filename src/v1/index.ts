/** Reading v1 installations. */
export { type CopiedDirectory, copyV1Directory } from './copy-directory.js';
export {
  analyse,
  type AnalyseOptions,
  type Analysis,
  type Collision,
  type EmbeddingCounts,
  type StoreAnalysis,
} from './analysis.js';
export { discoverInstallation, MEMORY_FILE } from './discover.js';
export { databaseHash } from './copy-file.js';
export { V1Error, type V1ErrorCode } from './errors.js';
export { originOf, type VectorOrigin } from './fakes.js';
export {
  type Examination,
  inspectV1Directory,
  type OtherStore,
  type V1Inspection,
} from './inspect.js';
export { openReading } from './reading.js';
export type * from './rows.js';
export type { SchemaLetter } from './schemas.js';
