/** Runs etcd's data-driven files of raft (quorum, confchange, interaction) against our core. */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { type Case, parseDataDriven } from './datadriven.js';
import { ConfChangeScript } from './etcd-raft-confchange.js';
import { InteractionScript } from './etcd-raft-interaction.js';
import { runQuorumCase } from './etcd-raft-quorum.js';

/** How many cases printed what etcd prints, and where the others differ. */
export interface OracleResult {
  readonly passed: number;
  readonly failed: number;
  /** For a reader: one line a file, and the differences. */
  readonly lines: readonly string[];
}

type Run = (test: Case) => string;

/** The three kinds of files, told apart by their folder or, elsewhere, by their commands. */
function runnerFor(path: string, cases: readonly Case[]): Run {
  const folder = basename(dirname(path));
  const commands = new Set(cases.map((test) => test.command));
  if (folder === 'quorum' || commands.has('committed') || commands.has('vote')) {
    return runQuorumCase;
  }
  const isConfChange = ['simple', 'enter-joint', 'leave-joint'].some((each) => commands.has(each));
  if (folder === 'confchange' || isConfChange) {
    const script = new ConfChangeScript();
    return (test) => script.run(test);
  }
  const script = new InteractionScript();
  return (test) => script.run(test);
}

function filesBelow(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  const names = readdirSync(path).sort();
  return names.flatMap((name) => {
    const below = join(path, name);
    if (statSync(below).isDirectory()) return filesBelow(below);
    return name.endsWith('.txt') ? [below] : [];
  });
}

function runCase(run: Run, test: Case): string {
  try {
    return run(test);
  } catch (error) {
    return `stopped: ${error instanceof Error ? error.message : String(error)}\n`;
  }
}

function difference(test: Case, got: string): string[] {
  const want = test.expected.split('\n');
  const have = got.split('\n');
  const at = want.findIndex((line, i) => line !== have[i]);
  const line = at < 0 ? want.length - 1 : at;
  return [
    `  ${test.file}:${test.line} ${test.command}: line ${line + 1} of the output differs`,
    `    want ${JSON.stringify(want[line] ?? '')}`,
    `    got  ${JSON.stringify(have[line] ?? '')}`,
  ];
}

/**
 * Runs all `.txt` files below `path`, or the one that it names. Throws an `Error` if there are
 * none.
 */
export function runEtcdRaftOracle(path: string): OracleResult {
  if (!existsSync(path)) throw new Error(`${path} does not exist: the oracle's files are missing`);
  const files = filesBelow(path);
  if (files.length === 0) throw new Error(`${path} holds no .txt files`);
  let passed = 0;
  let failed = 0;
  const lines: string[] = [];
  for (const file of files) {
    const name = relative(path, file) || basename(file);
    const cases = parseDataDriven(name, readFileSync(file, 'utf8'));
    const run = runnerFor(file, cases);
    const differences: string[] = [];
    let wrong = 0;
    for (const test of cases) {
      const got = runCase(run, test);
      if (got.trimEnd() === test.expected.trimEnd()) continue;
      wrong += 1;
      differences.push(...difference(test, got));
    }
    passed += cases.length - wrong;
    failed += wrong;
    lines.push(
      `${wrong === 0 ? 'ok    ' : 'FAILED'} ${name}: ${cases.length - wrong} passed, ${wrong} failed`,
    );
    lines.push(...differences);
  }
  return { passed, failed, lines };
}
