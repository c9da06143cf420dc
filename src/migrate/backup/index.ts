/** Backups of v1 installations, and the way back. */
export { BackupError, type BackupErrorCode } from './errors.js';
export { type BackupProgress, makeBackup, type MakeBackupOptions } from './make.js';
export { type Backup, type BackupEntry, copyOf, readBackup } from './manifest.js';
export { defaultBackupPath, findBackups, freeBytes } from './paths.js';
export { restoreBackup, type RestoreOptions, type RestoreReport } from './restore.js';
export { rollBack, type RollbackOptions, type RollbackReport } from './rollback.js';
export { verifyBackup, type VerifyOptions } from './verify.js';
