/** Whether what a migration says of an installation is right, as far as that is known. */
import type { ExpectedStore, OracleInstallation } from './v1-installations.js';

/** What the oracle reads of `agentic-flow migrate v2 --json`. */
export interface JudgedReport {
  readonly exitCode: number;
  readonly outcome: string;
  readonly tables: readonly {
    readonly store: string;
    readonly table: string;
    readonly v1: number;
    readonly migrated: number;
    readonly quarantined: number;
    readonly lost: number;
  }[];
  readonly stores: readonly { readonly name: string; readonly state: string }[];
  readonly quarantined: readonly {
    readonly store: string;
    readonly table: string;
    readonly reason: string;
    readonly sentence: string;
  }[];
  readonly quarantinedCount: number;
}

type Known = Pick<OracleInstallation, 'expected' | 'recoverable'>;

/** What is wrong with the report of a migration that succeeded, in sentences; empty if nothing. */
export function judgeMigration(report: JudgedReport, known: Known): string[] {
  return [
    ...judgeOutcome(report),
    ...judgeSums(report),
    ...judgeQuarantine(report),
    ...(known.expected ?? []).flatMap((store) => judgeStore(report, store)),
    ...judgeSalvage(report, known.recoverable ?? {}),
  ];
}

function judgeOutcome({
  outcome,
  exitCode,
  quarantinedCount,
  tables,
  stores,
}: JudgedReport): string[] {
  if (outcome !== 'migrated') return [`the outcome is ${outcome}`];
  const isWhole = quarantinedCount === 0 && tables.every(({ lost }) => lost === 0);
  const isSound = stores.every(({ state }) => state === 'ok' || state === 'empty');
  const codes = isWhole ? (isSound ? [0] : [0, 2]) : [2];
  if (codes.includes(exitCode)) return [];
  return [`the exit code is ${exitCode} instead of ${codes.join(' or ')}`];
}

/** Every readable row is migrated or in quarantine, whatever is expected. */
function judgeSums({ tables }: JudgedReport): string[] {
  return tables
    .filter(({ v1, migrated, quarantined }) => v1 !== migrated + quarantined)
    .map(({ store, table, v1, migrated, quarantined }) => {
      return `${store} ${table}: ${v1} rows, but ${migrated} migrated and ${quarantined} in quarantine`;
    });
}

function judgeQuarantine({ tables, quarantined, quarantinedCount }: JudgedReport): string[] {
  const problems: string[] = [];
  const sum = tables.reduce((total, table) => total + table.quarantined, 0);
  if (sum !== quarantinedCount) {
    problems.push(`${quarantinedCount} rows in quarantine, but ${sum} by the tables`);
  }
  if (quarantined.length === 0 && quarantinedCount > 0)
    problems.push('no quarantined row is listed');
  const silent = quarantined.filter(({ reason, sentence }) => reason === '' || sentence === '');
  if (silent.length > 0) problems.push(`${silent.length} quarantined rows without a reason`);
  return problems;
}

function judgeStore(report: JudgedReport, { name, isSound, rows }: ExpectedStore): string[] {
  const problems: string[] = [];
  const found = new Map(
    report.tables.filter(({ store }) => store === name).map((table) => [table.table, table]),
  );
  for (const [table, expected] of Object.entries(rows)) {
    const { migrated = 0, quarantined = 0, lost = 0 } = found.get(table) ?? {};
    const sum = migrated + quarantined + lost;
    if (sum !== expected) {
      const parts = `${migrated} migrated, ${quarantined} in quarantine, ${lost} lost`;
      problems.push(`${name} ${table}: ${expected} rows expected, ${parts}`);
    }
    if (isSound && lost > 0) problems.push(`${name} ${table}: ${lost} lost in a sound file`);
  }
  if (!isSound) return problems;
  for (const { table, v1 } of found.values()) {
    if (v1 > 0 && rows[table] === undefined)
      problems.push(`${name} ${table}: ${v1} rows of nowhere`);
  }
  return problems;
}

function judgeSalvage(report: JudgedReport, least: Readonly<Record<string, number>>): string[] {
  return Object.entries(least).flatMap(([table, rows]) => {
    const found = report.tables
      .filter((each) => each.table === table)
      .reduce((sum, { migrated, quarantined }) => sum + migrated + quarantined, 0);
    return found >= rows ? [] : [`${table}: ${rows} rows can be salvaged, ${found} were`];
  });
}

/** Whether an installation has to be refused. */
export function mustBeRefused({ isHopeless, recoverable }: OracleInstallation): boolean {
  return isHopeless && Object.values(recoverable ?? {}).every((rows) => rows === 0);
}
