/** Migration of one v1 installation. */
export { MigrationError, type MigrationErrorCode } from './errors.js';
export { migrateDirectory, type MigrationOptions, type MigrationProgress } from './migrate.js';
export type { ExitCode, MigrationReport, Outcome, Phase, PhaseName } from './report.js';
export { formatMigrationReport } from './report-text.js';
export { rollBackDirectory, type RollbackDirectoryOptions } from './rollback.js';
export { validateDirectory, type ValidateOptions } from './validate.js';
