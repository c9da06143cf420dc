import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';

import { createMiniLmEmbedder } from '../memory/index.js';
import { formatMigrationReport, migrateDirectory } from '../migrate/index.js';
import type { MigrationProgress } from '../migrate/index.js';
import { print } from './connection.js';
import { ExitError } from './failure.js';
import { interruptible } from './interruptible.js';

interface MigrateFlags {
  readonly dryRun?: boolean;
  readonly backupPath?: string;
  readonly json?: boolean;
}

/** `migrate v2 [DIR]`: one v1 directory on this machine, without a swarm. */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('Migrate one v1 directory to a v2 store; the v1 files stay as they are')
    .argument('<version>', 'v2', onlyV2)
    .argument('[dir]', 'v1 installation', '.')
    .option('--dry-run', 'say what would happen and write nothing')
    .option('--backup-path <dir>', 'also copy the v1 memory there; must not exist yet')
    .option('--json', 'print the report as one JSON object')
    .addHelpText(
      'after',
      '\nExit codes: 0 all migrated; 1 failed, nothing changed; 2 migrated, but rows were\n' +
        'quarantined or stores were left that this release does not carry (all listed);\n' +
        '3 nothing to migrate. A dry run exits with the code that the migration would have.',
    )
    .action(migrate);
}

function onlyV2(text: string): string {
  if (text === 'v2') return text;
  throw new InvalidArgumentError(`v1 installations can be migrated to v2, not to '${text}'.`);
}

async function migrate(_version: string, directory: string, flags: MigrateFlags): Promise<void> {
  const embedder = createMiniLmEmbedder();
  try {
    const report = await interruptible((signal) =>
      migrateDirectory({
        directory,
        dryRun: flags.dryRun === true,
        embedder,
        signal,
        onProgress: showProgress(),
        ...(flags.backupPath === undefined ? {} : { backupPath: flags.backupPath }),
      }),
    );
    print(flags.json, report, formatMigrationReport(report));
    if (report.exitCode !== 0) throw new ExitError(report.exitCode);
  } finally {
    await embedder.close();
  }
}

const PROGRESS_INTERVAL_MS = 250;

/** One line on standard error, redrawn on a terminal, at most four times a second. */
function showProgress(): (progress: MigrationProgress) => void {
  let shownAtMs = 0;
  return ({ phase, done, total }) => {
    const now = performance.now();
    if (done < total && now - shownAtMs < PROGRESS_INTERVAL_MS) return;
    shownAtMs = now;
    const line = `${phase} ${done} of ${total}`;
    const end = process.stderr.isTTY === true ? '\r' : '\n';
    process.stderr.write(`${line.padEnd(60)}${end}`);
    if (end === '\r' && done >= total) process.stderr.write('\n');
  };
}
