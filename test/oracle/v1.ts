/** Migrates copies of v1 installations with the real command, judges the reports, and goes back. */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { treeDifferences, treeOf } from '../src/migrate/backup/tree.js';
import { findInstallations, type OracleInstallation } from './v1-installations.js';
import { judgeMigration, type JudgedReport, mustBeRefused } from './v1-judge.js';

const COMMAND = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const RUN_TIMEOUT_MS = 20 * 60_000;
const DIFFERENCES_SHOWN_MAX = 5;

interface V1Outcome {
  readonly name: string;
  readonly passed: boolean;
  readonly problems: readonly string[];
  readonly seconds: number;
  /** What was migrated, in a few words. */
  readonly summary: string;
}

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs every installation below a folder, which is only read. */
export async function runV1Oracle(root: string) {
  const outcomes: V1Outcome[] = [];
  for (const installation of findInstallations(resolve(root))) {
    const startedMs = performance.now();
    const work = mkdtempSync(join(tmpdir(), 'agentic-flow-oracle-'));
    try {
      const { problems, summary } = await judge(installation, work);
      const seconds = (performance.now() - startedMs) / 1000;
      const { name } = installation;
      const outcome = { name, passed: problems.length === 0, problems, seconds, summary };
      outcomes.push(outcome);
      // All of them take minutes.
      process.stderr.write(`${linesOf(outcome).join('\n')}\n`);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  const passed = outcomes.filter((outcome) => outcome.passed).length;
  const lines = outcomes.flatMap(linesOf);
  return { passed, failed: outcomes.length - passed, lines, details: outcomes };
}

function linesOf({ name, passed, problems, seconds, summary }: V1Outcome): string[] {
  return [
    `${passed ? 'ok    ' : 'FAILED'}  ${name}: ${summary} (${seconds.toFixed(1)} s)`,
    ...problems.map((problem) => `          ${problem}`),
  ];
}

async function judge(installation: OracleInstallation, work: string) {
  const directory = copyOf(installation.path, work);
  const before = treeOf(directory);
  const migration = await migrate(directory, work, []);
  if (mustBeRefused(installation)) {
    return { problems: judgeRefusal(migration, before, directory, work), summary: 'refused' };
  }
  const report = parse(migration);
  if (report === undefined) return { problems: [unreadable(migration)], summary: 'no report' };
  const problems = [...judgeMigration(report, installation)];
  if (report.exitCode !== migration.code) {
    problems.push(`the report says exit code ${report.exitCode}, the process ${migration.code}`);
  }
  problems.push(...changedStores(before, treeOf(directory)));
  const rollback = await migrate(directory, work, ['--rollback']);
  if (rollback.code !== 0) problems.push(`the rollback failed: ${unreadable(rollback)}`);
  problems.push(...some(treeDifferences(before, treeOf(directory)), 'after the rollback '));
  problems.push(...leftOver(work, directory));
  return { problems, summary: summaryOf(report) };
}

/** With times to the nanosecond, links as links, and writable for its owner. */
function copyOf(path: string, work: string): string {
  const directory = join(work, basename(path));
  execFileSync('cp', ['-a', path, directory]);
  for (const name of ['.', ...readdirSync(directory, { recursive: true }).map(String)]) {
    const found = lstatSync(join(directory, name));
    if (!found.isSymbolicLink()) chmodSync(join(directory, name), found.mode | 0o200);
  }
  return directory;
}

/** The process sees nothing of this machine's user and of the settings of its environment. */
async function migrate(directory: string, work: string, flags: string[]): Promise<Finished> {
  const own = join(directory, '_home');
  const home = existsSync(own) ? own : join(work, 'no-home');
  if (home !== own) mkdirSync(home, { recursive: true });
  const isBack = flags.includes('--rollback');
  const homeFlags = isBack ? [] : ['--home', home];
  const command = [COMMAND, 'migrate', 'v2', directory, '--json', '--yes', ...homeFlags, ...flags];
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, TMPDIR: tmpdir() };
  const child = spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const late = setTimeout(() => child.kill('SIGKILL'), RUN_TIMEOUT_MS);
  const code = await new Promise<number | null>((done, fail) => {
    child.once('error', fail);
    child.once('close', done);
  });
  clearTimeout(late);
  return { code, stdout, stderr };
}

function parse({ stdout }: Finished): JudgedReport | undefined {
  try {
    return JSON.parse(stdout) as JudgedReport;
  } catch {
    return undefined;
  }
}

function unreadable({ code, stdout, stderr }: Finished): string {
  const error = (parse({ code, stdout, stderr }) as { error?: string } | undefined)?.error;
  return `exit code ${code}: ${error ?? (stderr.trim().slice(-500) || 'no message')}`;
}

function judgeRefusal(
  { code, stdout, stderr }: Finished,
  before: Record<string, string>,
  directory: string,
  work: string,
): string[] {
  const problems: string[] = [];
  if (code !== 1) problems.push(`exit code ${code}, but there is nothing that can be read`);
  const report = parse({ code, stdout, stderr }) as { error?: string } | undefined;
  const message = report?.error ?? stderr;
  if (!message.includes(directory))
    problems.push(`the message names no file: ${message.slice(0, 300)}`);
  problems.push(...some(treeDifferences(before, treeOf(directory)), 'after the refusal '));
  return [...problems, ...leftOver(work, directory)];
}

/** Migrating changes settings at most; databases and their logs stay to the byte and the nanosecond. */
function changedStores(before: Record<string, string>, after: Record<string, string>): string[] {
  const isStore = (path: string): boolean => /\.(?:db|sqlite3?)(?:-wal|-shm|-journal)?$/.test(path);
  const own = (path: string): boolean => path.startsWith('.agentic-flow/');
  const stores = (tree: Record<string, string>) =>
    Object.fromEntries(Object.entries(tree).filter(([path]) => isStore(path) && !own(path)));
  return some(treeDifferences(stores(before), stores(after)), 'after the migration ');
}

function leftOver(work: string, directory: string): string[] {
  const known = new Set([basename(directory), 'no-home']);
  const left = readdirSync(work).filter((name) => !known.has(name));
  return left.length === 0 ? [] : [`left beside the directory: ${left.join(', ')}`];
}

function some(differences: readonly string[], prefix: string): string[] {
  const shown = differences.slice(0, DIFFERENCES_SHOWN_MAX).map((each) => `${prefix}${each}`);
  const more = differences.length - shown.length;
  return more > 0 ? [...shown, `${prefix}${more} more differences`] : shown;
}

function summaryOf({ tables, quarantinedCount, exitCode }: JudgedReport): string {
  const sum = (key: 'migrated' | 'lost') => tables.reduce((total, table) => total + table[key], 0);
  return `exit code ${exitCode}, ${sum('migrated')} rows migrated, ${quarantinedCount} in quarantine, ${sum('lost')} lost`;
}
