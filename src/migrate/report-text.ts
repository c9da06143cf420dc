/** A report as lines for a terminal. */
import type { QuarantinedEntry, TableReport } from './data/index.js';
import type { MigrationReport } from './report.js';

/** Quarantined rows that are named one by one a reason. */
const EXAMPLES_MAX = 5;
/** Problems, notes and changed files that are listed. */
const LINES_MAX = 40;
const DIFF_LINES_MAX = 400;

export function formatMigrationReport(report: MigrationReport): string {
  const lines = [`agentic-flow migrate v2: ${report.directory}`];
  if (report.versions.length > 0) lines.push(`  written by ${report.versions.join(', ')}`);
  if (report.phases.length > 0) lines.push('');
  for (const { name, seconds, detail } of report.phases) {
    lines.push(`  ${name.padEnd(13)} ${seconds.toFixed(1).padStart(7)} s  ${detail}`);
  }
  lines.push(...tableLines(report.tables), ...lostLines(report), ...quarantineLines(report));
  lines.push(...unreadableLines(report), ...configLines(report), ...validationLines(report));
  lines.push(...section('Noticed in v1', report.problems), ...estimateLines(report));
  lines.push('', ...outcomeLines(report));
  return lines.join('\n');
}

function section(title: string, items: readonly string[], linesMax = LINES_MAX): string[] {
  if (items.length === 0) return [];
  const lines = ['', `${title}:`, ...items.slice(0, linesMax).map((item) => `  ${item}`)];
  if (items.length > linesMax) lines.push(`  and ${items.length - linesMax} more (--json has all)`);
  return lines;
}

function tableLines(tables: readonly TableReport[]): string[] {
  const filled = tables.filter(({ v1, lost }) => v1 > 0 || lost > 0);
  if (filled.length === 0) return [];
  const rows = filled.map(({ store, table, v1, migrated, quarantined, lost, outcome }) => [
    `${store} ${table}`,
    String(v1),
    String(migrated),
    String(quarantined),
    String(lost),
    outcome,
  ]);
  const sum = (of: (table: TableReport) => number): string =>
    String(filled.reduce((total, table) => total + of(table), 0));
  rows.push([
    'all',
    sum(({ v1 }) => v1),
    sum(({ migrated }) => migrated),
    sum(({ quarantined }) => quarantined),
    sum(({ lost }) => lost),
    '',
  ]);
  return [
    '',
    ...columns([['rows of', 'in v1', 'arrived', 'quarantined', 'unreadable', 'as'], ...rows]),
  ];
}

/** Aligned: numbers to the right, texts to the left. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) =>
    Math.max(...rows.map((row) => (row[i] ?? '').length)),
  );
  return rows.map((row) => {
    const cells = row.map((cell, i) => {
      const width = widths[i] ?? 0;
      return /^\d+$/.test(cell) ? cell.padStart(width) : cell.padEnd(width);
    });
    return `  ${cells.join('  ')}`.trimEnd();
  });
}

function lostLines({ lost }: MigrationReport): string[] {
  const items = lost.map(
    ({ store, table, count, reason }) =>
      `${store} ${table}: ${count === 0 ? 'nobody can tell how many' : count} (${reason})`,
  );
  return section('Rows that are there and cannot be read', items);
}

function quarantineLines({ quarantined, quarantinedCount }: MigrationReport): string[] {
  if (quarantinedCount === 0) return [];
  const lines = ['', `Quarantined, each kept whole in the archive (${quarantinedCount}):`];
  const byReason = new Map<string, QuarantinedEntry[]>();
  for (const entry of quarantined) {
    byReason.set(entry.reason, [...(byReason.get(entry.reason) ?? []), entry]);
  }
  for (const [reason, entries] of byReason) {
    lines.push(`  ${reason}:`);
    for (const { store, table, key, sentence } of entries.slice(0, EXAMPLES_MAX)) {
      lines.push(`    ${store} ${table} ${JSON.stringify(key)}: ${sentence}`);
    }
    if (entries.length > EXAMPLES_MAX) lines.push(`    and ${entries.length - EXAMPLES_MAX} more`);
  }
  const rest = quarantinedCount - quarantined.length;
  if (rest > 0) lines.push(`  and ${rest} that only the archive lists`);
  return lines;
}

function unreadableLines({ stores }: MigrationReport): string[] {
  const items = stores
    .filter(({ state }) => state !== 'ok' && state !== 'empty' && state !== 'damaged')
    .map(({ name, findings }) => `${name}: ${findings[0] ?? 'not readable'}`);
  return section('Files that cannot be read, left where they are', items);
}

function configLines({ config }: MigrationReport): string[] {
  if (config === undefined) return [];
  const diffs = config.changes.flatMap(({ name, kind, diff }) =>
    kind === 'change' ? diff.trimEnd().split('\n') : [`new ${name}`],
  );
  const bad = config.quarantined.map(({ name, reason }) => `${name}: ${reason}`);
  return [
    ...section('Configuration', diffs, DIFF_LINES_MAX),
    ...section('Configuration that could not be read', bad),
    ...section('No counterpart in v2 yet', config.notes),
  ];
}

function validationLines({ searches, replay }: MigrationReport): string[] {
  if (searches === undefined || replay === undefined || searches.queries === 0) return [];
  const { queries, recall, foundThemselves, scanMs, searchMs } = searches;
  return [
    '',
    `  ${queries} searches: recall ${(recall * 100).toFixed(1)} % of an exact scan, ${foundThemselves} found the memory itself`,
    `  a search: ${scanMs.toFixed(1)} ms by reading all vectors as v1 does, ${searchMs.toFixed(1)} ms now (medians)`,
    `  ${replay.calls} calls of v1's API gave what v1's rows say`,
  ];
}

function estimateLines({ estimate }: MigrationReport): string[] {
  if (estimate === undefined) return [];
  const { texts, textsPerSecond, seconds, bytesNeeded, bytesFree } = estimate;
  return [
    '',
    `  about ${Math.ceil(seconds)} s: ${texts} texts at ${textsPerSecond.toFixed(0)} a second, measured on a sample`,
    `  about ${megabytes(bytesNeeded)} on the disk, of ${megabytes(bytesFree)} that are free`,
  ];
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}

function outcomeLines(report: MigrationReport): string[] {
  const { store, archive, backup, error, exported, exportedRecords } = report;
  switch (report.outcome) {
    case 'migrated':
      return [
        `Migrated to ${store}.`,
        `Every row of v1, and where it went: ${archive}. Backup: ${backup}.`,
      ];
    case 'updated':
      return [`Added to ${store}: ${report.lateRows} rows that v1 had written since.`];
    case 'would-migrate':
      return report.store === undefined
        ? ['Nothing was written.']
        : [`Nothing was written. To ${store} would be added: ${report.lateRows} rows.`];
    case 'already-migrated':
      return [`Nothing to migrate: ${store} holds this installation already.`];
    case 'nothing-to-migrate':
      return [`Nothing to migrate: ${report.directory} holds nothing of v1.`];
    case 'validated':
      if (report.store !== undefined) return ['Every row of v1 is accounted for.'];
      return ['Not migrated yet. What v1 left can be read, but for what is listed above.'];
    case 'rolled-back':
      return [
        'Rolled back: v1 is as it was.',
        ...(exported === undefined
          ? []
          : [`${exportedRecords} records written since the migration: ${exported}.`]),
      ];
    case 'declined':
      return ['Nothing was done.'];
    case 'interrupted':
      return [`Stopped: ${error}.`];
    case 'failed':
      return [`Failed: ${error}`];
  }
}
