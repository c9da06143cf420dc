import { createInterface } from 'node:readline/promises';

import { type Command, InvalidArgumentError } from 'commander';

import { createMiniLmEmbedder, type Embedder } from '../memory/index.js';
import {
  formatMigrationReport,
  migrateDirectory,
  type MigrationProgress,
  type MigrationReport,
  rollBackDirectory,
  validateDirectory,
} from '../migrate/index.js';
import { print } from './connection.js';
import { ExitError, messageFor } from './failure.js';
import { interruptible } from './interruptible.js';
import { numberOf } from './number.js';
import { progressBar } from './progress-line.js';

interface MigrateFlags {
  readonly dryRun?: boolean;
  readonly backupPath?: string;
  /** True without a path: the backup that the migration made. */
  readonly rollback?: string | true;
  readonly validateOnly?: boolean;
  readonly keepBackup?: boolean;
  readonly sideBySide?: boolean;
  readonly home?: string;
  readonly workers: number;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** `migrate v2 [DIR]`: one v1 installation on this machine, without a swarm. */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('Migrate a v1 installation to a v2 store beside it, with a backup to go back to')
    .argument('<version>', 'v2', onlyV2)
    .argument('[dir]', 'v1 installation', '.')
    .option('--dry-run', 'say what would happen, with counts, bytes and time, and write nothing')
    .option('--backup-path <dir>', 'where the backup goes; must not exist (default: DIR.v1-backup)')
    .option(
      '--rollback [backup]',
      'give v1 back as it was, to the byte; exports what was written since',
    )
    .option('--validate-only', 'compare v1 with what was migrated, or see whether it can be read')
    .option('--keep-backup', 'keep the backup after a rollback')
    .option('--side-by-side', 'v1 stays in use: settings are left alone, writes of v2 reach v1 too')
    .option('--home <dir>', 'home directory of the v1 user (default: yours)')
    .option('--workers <n>', 'threads that embed, each with 300 to 450 MB', numberOf, 1)
    .option('--yes', 'do not ask')
    .option('--json', 'print the report as one JSON object')
    .addHelpText(
      'after',
      '\nRun again, it goes on where a killed run was, or adds what v1 has written since.\n\n' +
        'Exit codes: 0 all migrated; 1 failed and rolled back; 2 migrated, but rows are in quarantine\n' +
        'or cannot be read (all are listed); 3 nothing to migrate. A dry run exits with the code that\n' +
        'the migration would have.',
    )
    .action(migrate);
}

function onlyV2(text: string): string {
  if (text === 'v2') return text;
  throw new InvalidArgumentError(`v1 installations can be migrated to v2, not to '${text}'.`);
}

async function migrate(_version: string, directory: string, flags: MigrateFlags): Promise<void> {
  try {
    await migrateAsTold(directory, flags);
  } catch (error) {
    // Who asked for one object gets one, also for what no report could be made of.
    const isSilent = error instanceof ExitError && error.message === '';
    if (flags.json === true && !isSilent) {
      const { exitCode } = error instanceof ExitError ? error : { exitCode: 1 };
      const report = { directory, outcome: 'failed', exitCode, error: messageFor(error) };
      process.stdout.write(`${JSON.stringify(report)}\n`);
    }
    throw error;
  }
}

async function migrateAsTold(directory: string, flags: MigrateFlags): Promise<void> {
  checkFlags(flags);
  const embedder = createMiniLmEmbedder({ workers: flags.workers });
  try {
    const report = await interruptible((signal) => run(directory, flags, embedder, signal));
    print(flags.json, report, formatMigrationReport(report));
    if (report.exitCode !== 0) throw new ExitError(report.exitCode);
  } finally {
    await embedder.close();
  }
}

function checkFlags(flags: MigrateFlags): void {
  const { rollback, validateOnly, dryRun, sideBySide, backupPath, keepBackup } = flags;
  const modes = [rollback !== undefined, validateOnly === true, dryRun === true];
  if (modes.filter(Boolean).length > 1) {
    throw new ExitError(1, '--dry-run, --rollback and --validate-only exclude each other');
  }
  if (rollback !== undefined && (sideBySide === true || backupPath !== undefined)) {
    throw new ExitError(1, '--rollback takes neither --side-by-side nor --backup-path');
  }
  if (keepBackup === true && validateOnly === true) {
    throw new ExitError(1, '--keep-backup says nothing to --validate-only');
  }
}

async function run(
  directory: string,
  flags: MigrateFlags,
  embedder: Embedder,
  signal: AbortSignal,
): Promise<MigrationReport> {
  const { home, rollback, keepBackup, validateOnly, backupPath } = flags;
  const onProgress = showProgress();
  if (rollback !== undefined) {
    return rollBackDirectory({
      directory,
      backup: rollback === true ? undefined : rollback,
      keepBackup: keepBackup === true,
      signal,
      onProgress,
    });
  }
  if (validateOnly === true)
    return validateDirectory({ directory, home, embedder, signal, onProgress });
  const isAsked = flags.yes !== true && process.stdin.isTTY && process.stderr.isTTY;
  return migrateDirectory({
    directory,
    home,
    backupPath,
    dryRun: flags.dryRun === true,
    sideBySide: flags.sideBySide === true,
    embedder,
    signal,
    onProgress,
    ...(isAsked ? { confirm: (plan: MigrationReport) => ask(plan, signal) } : {}),
  });
}

/** On standard error, so that standard output holds the report alone. */
async function ask(plan: MigrationReport, signal: AbortSignal): Promise<boolean> {
  process.stderr.write(`${formatMigrationReport(plan)}\n`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question('Migrate? [y/N] ', { signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    // Ctrl+C or the end of the input is an answer too.
    if (error instanceof Error && error.name === 'AbortError') return false;
    throw error;
  } finally {
    terminal.close();
  }
}

/** A bar for each phase. */
function showProgress(): (progress: MigrationProgress) => void {
  let phase = '';
  let show = progressBar('');
  return (progress) => {
    if (progress.phase !== phase) {
      phase = progress.phase;
      show = progressBar(phase);
    }
    show(progress.done, progress.total);
  };
}
