/** Backups of v1 installations, and the way back. */
export { BackupError } from './errors.js';
export { makeBackup, type MakeBackupOptions } from './make.js';
export { type Backup, copyOf, readBackup } from './manifest.js';
export { defaultBackupPath, findBackups, freeBytes } from './paths.js';
export { restoreBackup } from './restore.js';
export { rollBack } from './rollback.js';
export { verifyBackup } from './verify.js';
