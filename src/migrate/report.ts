/** What a migration tells its user. */
import type { MemoryCounts, QuarantineReason, ValidationReport } from '../memory/index.js';
import { REASON_TEXTS } from '../memory/index.js';
import type { OtherStore } from '../v1/index.js';

export type PhaseName = 'analysis' | 'backup' | 'data' | 'validation' | 'finish';

export interface Phase {
  readonly name: PhaseName;
  readonly seconds: number;
  readonly detail: string;
}

/** A row that v2 refused; the row itself is kept whole in the store. */
export interface QuarantinedEntry {
  readonly table: string;
  readonly reason: QuarantineReason;
  /** The columns that name the row. */
  readonly name: string;
}

/** 0: all migrated; 1: failed; 2: migrated, but not everything; 3: nothing to migrate. */
export type ExitCode = 0 | 1 | 2 | 3;

export interface MigrationReport {
  readonly directory: string;
  readonly dryRun: boolean;
  readonly outcome: 'migrated' | 'would-migrate' | 'already-migrated' | 'failed';
  readonly exitCode: ExitCode;
  readonly phases: readonly Phase[];
  /** What the v2 store holds, or would hold. */
  readonly counts: MemoryCounts | undefined;
  readonly quarantined: readonly QuarantinedEntry[];
  readonly validation: ValidationReport | undefined;
  /** Stores and settings of v1 that this release does not carry over. */
  readonly notCarried: readonly OtherStore[];
  /** The v2 store. */
  readonly store: string | undefined;
  readonly backup: string | undefined;
  /** Why it failed. */
  readonly error: string | undefined;
}

/** Stores hold data; settings are listed, but a user can go on without them. */
export function holdsData(store: OtherStore): boolean {
  const { examination } = store;
  if (examination === undefined) return store.path === 'memory/memory-store.json';
  if (examination.state !== 'ok') return true;
  return Object.values(examination.rows).some((rows) => rows > 0);
}

/** The report as lines for a terminal. */
export function formatMigrationReport(report: MigrationReport): string {
  const lines = [`agentic-flow migrate v2: ${report.directory}`, ''];
  for (const { name, seconds, detail } of report.phases) {
    lines.push(`  ${name.padEnd(10)} ${seconds.toFixed(1).padStart(6)} s  ${detail}`);
  }
  if (report.counts !== undefined) lines.push('', ...countLines(report.counts));
  if (report.quarantined.length > 0) lines.push('', ...quarantineLines(report));
  if (report.notCarried.length > 0) {
    lines.push('', 'Not carried over by this release (left where it is):');
    for (const store of report.notCarried) lines.push(`  ${storeLine(store)}`);
  }
  lines.push('', outcomeLine(report));
  return lines.join('\n');
}

function countLines(counts: MemoryCounts): string[] {
  const { memories, links, trajectories, entries, otherRows } = counts;
  return [
    `  memories     ${memories} (${counts.quarantinedMemories} quarantined)`,
    `  links        ${links} (${counts.quarantinedLinks} quarantined)`,
    `  trajectories ${trajectories}`,
    `  entries      ${entries}`,
    `  other rows   ${otherRows}`,
  ];
}

function quarantineLines({ quarantined, counts }: MigrationReport): string[] {
  const lines = ['Quarantined, each row kept whole in the store:'];
  const byReason = new Map<QuarantineReason, QuarantinedEntry[]>();
  for (const entry of quarantined) {
    byReason.set(entry.reason, [...(byReason.get(entry.reason) ?? []), entry]);
  }
  for (const [reason, entries] of byReason) {
    lines.push(`  ${REASON_TEXTS[reason]}:`);
    for (const { table, name } of entries) lines.push(`    ${table} ${name}`);
  }
  const more = (counts?.quarantined ?? 0) - quarantined.length;
  if (more > 0) lines.push(`  and ${more} more`);
  return lines;
}

function storeLine({ path, kind, files, examination }: OtherStore): string {
  if (examination === undefined) {
    return files === undefined ? `${path} (${kind})` : `${path} (${kind}, ${files} files)`;
  }
  const { schema, rows, state } = examination;
  const sum = Object.values(rows).reduce((total, count) => total + count, 0);
  const what = state === 'ok' ? `${sum} rows` : state;
  return `${path} (${kind}, schema ${schema}, ${what})`;
}

function outcomeLine(report: MigrationReport): string {
  switch (report.outcome) {
    case 'migrated':
      return `Migrated to ${report.store}. The v1 files are as they were.`;
    case 'would-migrate':
      return 'Dry run: nothing was written.';
    case 'already-migrated':
      return `Nothing to migrate: ${report.store} holds this installation already.`;
    case 'failed':
      return `Failed: ${report.error}. Nothing was changed.`;
  }
}
