import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { checkHistory, readHistory } from '../../sim/checkers/histories/history.js';

/** What the check of one history file gave. */
export interface HistoryOutcome {
  /** Path from the folder that was asked for. */
  readonly file: string;
  /** Null when nothing says what the verdict should be. */
  readonly expected: 'linearizable' | 'not-linearizable' | null;
  /** 'error' when the file could not be read as a history. */
  readonly verdict: 'linearizable' | 'not-linearizable' | 'unknown' | 'error';
  readonly passed: boolean;
  readonly steps: number;
  readonly milliseconds: number;
  /** The counterexample, or what went wrong. */
  readonly detail: string;
}

/** Checks one history file, or every one below a folder, against its expected verdict. */
export function runHistoriesOracle(path: string): HistoryOutcome[] {
  const isFolder = statSync(path).isDirectory();
  const files = isFolder ? historiesBelow(path) : [path];
  const root = isFolder ? path : dirname(path);
  const outcomes = files.map((file) => runOne(file, relative(root, file)));
  return isFolder ? [...outcomes, ...missingFiles(path)] : outcomes;
}

const tableName = 'EXPECTED.tsv';

function historiesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(
      (name) => /\.(?:log|txt|edn)$/.test(name) && !/^(?:README|LICENSE)/i.test(basename(name)),
    )
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
    .sort();
}

function runOne(file: string, name: string): HistoryOutcome {
  const started = performance.now();
  const expected = expectedVerdict(file);
  const known = { file: name, expected };
  try {
    const result = checkHistory(readHistory(readFileSync(file, 'utf8')));
    const { verdict, steps } = result;
    const milliseconds = performance.now() - started;
    const detail =
      expected === null
        ? `no expected verdict: no row in ${tableName}, no -ok or -bad in the name, no folder good or bad`
        : (result.counterexample ?? '');
    return { ...known, verdict, passed: verdict === expected, steps, milliseconds, detail };
  } catch (error) {
    const milliseconds = performance.now() - started;
    const detail = error instanceof Error ? error.message : String(error);
    return { ...known, verdict: 'error', passed: false, steps: 0, milliseconds, detail };
  }
}

function expectedVerdict(file: string): HistoryOutcome['expected'] {
  const row = readTable(dirname(file)).get(basename(file));
  if (row !== undefined) return row;
  const mark = /-(ok|bad)\.[^.]+$/.exec(basename(file))?.[1];
  if (mark !== undefined) return mark === 'ok' ? 'linearizable' : 'not-linearizable';
  const folder = dirname(file)
    .split(sep)
    .findLast((part) => part === 'good' || part === 'bad');
  if (folder === undefined) return null;
  return folder === 'good' ? 'linearizable' : 'not-linearizable';
}

function readTable(folder: string): Map<string, 'linearizable' | 'not-linearizable'> {
  const table = new Map<string, 'linearizable' | 'not-linearizable'>();
  const path = join(folder, tableName);
  if (!existsSync(path)) return table;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [name, verdict] = line.trim().split('\t');
    if (name === undefined || name === '') continue;
    if (verdict === 'linearizable' || verdict === 'not-linearizable') table.set(name, verdict);
    else throw new Error(`${path}: the row of ${name} has no known verdict: ${verdict ?? 'none'}`);
  }
  return table;
}

/** Rows of a table whose file is not there: a truncated copy must not pass. */
function missingFiles(root: string): HistoryOutcome[] {
  const folders = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => basename(name) === tableName)
    .map((name) => dirname(join(root, name)));
  return folders.flatMap((folder) =>
    [...readTable(folder)]
      .filter(([name]) => !existsSync(join(folder, name)))
      .map(([name, expected]) => ({
        file: relative(root, join(folder, name)),
        expected,
        verdict: 'error' as const,
        passed: false,
        steps: 0,
        milliseconds: 0,
        detail: `${tableName} names this file, but it is missing`,
      })),
  );
}
