/** Reading v1 installations. */
export { type CopiedDirectory, copyV1Directory } from './copy-directory.js';
export { discoverInstallation } from './discover.js';
export { databaseHash } from './copy-file.js';
export { V1Error, type V1ErrorCode } from './errors.js';
export type { Examination } from './examine.js';
export { inspectV1Directory, MEMORY_FILE, type OtherStore, type V1Inspection } from './inspect.js';
export { openReading } from './reading.js';
export type * from './rows.js';
export type { SchemaLetter } from './schemas.js';
