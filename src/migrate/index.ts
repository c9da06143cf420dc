/** Migration of one v1 directory. */
export {
  migrateDirectory,
  type MigrationOptions,
  type MigrationProgress,
  V2_FOLDER,
  V2_STORE_NAME,
} from './migrate.js';
export {
  type ExitCode,
  formatMigrationReport,
  type MigrationReport,
  type Phase,
  type PhaseName,
  type QuarantinedEntry,
} from './report.js';
