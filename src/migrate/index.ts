/** Migration of one v1 installation. */
export * from './backup/index.js';
export * from './config/index.js';
export * from './data/index.js';
export { MigrationError, type MigrationErrorCode } from './errors.js';
export { migrateDirectory, type MigrationOptions, type MigrationProgress } from './migrate.js';
export type { ExitCode, MigrationReport, Outcome, Phase, PhaseName } from './report.js';
export { formatMigrationReport } from './report-text.js';
export { rollBackDirectory, type RollbackDirectoryOptions } from './rollback.js';
export { validateDirectory, type ValidateOptions } from './validate.js';
export type { RowValidation } from './validation/rows.js';
export type { ReplayValidation } from './validation/replay.js';
export type { SearchValidation } from './validation/searches.js';
