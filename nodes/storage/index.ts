export { StorageError, type StorageErrorCode, type StorageErrorDetail } from './error.js';
export { RaftLogStore, type RaftLogStoreOptions, type RestoredLog } from './raft-log-store.js';
export type { LogWrite } from './write-parts.js';
export type { StoredSnapshot } from './snapshot-file.js';
export { DirectoryLock, lockDirectory } from './lock.js';
export { atomicWriteFile } from './atomic-write.js';
export { type StorageDisk, type StorageFile, nodeDisk } from './disk.js';
export { PowerCutMark } from './power-cut.js';
