/** `agentic-flow chaos` as a user runs it: on sound nodes, on nodes with a mistake, and ended early. */
import { strict as assert } from 'node:assert';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkHistory, readHistory } from '../../sim/checkers/histories/history.js';
import type { FaultAction, TimedFault } from '../../sim/nemesis/index.js';
import { removeLeftovers } from '../../src/chaos/namespaces.js';
import type { Report } from '../../src/chaos/report.js';
import type { SourceMistake } from '../mutants/source-mutant.js';
import { Workshop } from '../mutants/workshop.js';

const COMMAND = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** What the command is made of, compiled. */
const FOLDERS = ['consensus', 'nodes', 'sim', 'src', 'transport'];
const RUN_MS_MAX = 180_000;

export const chaosScenarios: Readonly<Record<string, (seed: number) => Promise<string>>> = {
  'chaos: a partition, a kill and a pause': survives,
  'chaos: a node that lags behind a slow path catches up': catchesUp,
  'chaos: nodes that read without asking the leader are caught': (seed) =>
    isCaught(seed, staleReads, 'linearizability'),
  'chaos: a leader that commits without a quorum is caught': (seed) =>
    isCaught(seed, commitsAlone, 'durability'),
  'chaos: ended early, it leaves nothing behind': leavesNothing,
};

const staleReads: SourceMistake = {
  name: 'reads without asking the leader',
  file: 'nodes/service/handlers.ts',
  source: "if (consistency === 'linearizable') await ports.readBarrier(signal);",
  replacement: 'void signal;',
};

const commitsAlone: SourceMistake = {
  name: 'commits what only the leader holds',
  file: 'consensus/raft/replication.ts',
  source: '(voter) => progress.get(voter)?.match,',
  replacement: '() => progress.get(node.id)?.match,',
};

/** Cuts off whoever leads, three times. */
const isolations: readonly [seconds: number, action: FaultAction][] = [
  [0.5, { kind: 'isolate', node: '@leader' }],
  [3.5, { kind: 'heal' }],
  [5, { kind: 'isolate', node: '@leader' }],
  [8, { kind: 'heal' }],
  [9.5, { kind: 'isolate', node: '@leader' }],
];

const oneOfEach: readonly [seconds: number, action: FaultAction][] = [
  [0.5, { kind: 'partition', groups: [['n1'], ['n2', 'n3']] }],
  [4, { kind: 'heal' }],
  [5, { kind: 'crash', node: 'n2' }],
  [7, { kind: 'restart', node: 'n2' }],
  [9, { kind: 'pause', node: 'n3' }],
  [12, { kind: 'resume', node: 'n3' }],
];

function scheduleOf(
  seed: number,
  seconds: number,
  actions: readonly [seconds: number, action: FaultAction][],
): string {
  const nodes = ['n1', 'n2', 'n3'];
  const faults = actions.map(([at, action]): TimedFault => ({ atMicroseconds: at * 1e6, action }));
  return JSON.stringify({ seed, nodes, durationMicroseconds: seconds * 1e6, faults });
}

interface Ended {
  readonly pid: number;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command to its end, or until its nodes serve and the signal is sent. */
async function runCommand(args: readonly string[], signal?: NodeJS.Signals): Promise<Ended> {
  const child = spawn(process.execPath, [COMMAND, 'chaos', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    if (signal !== undefined && !child.killed && stderr.includes('nodes serve')) child.kill(signal);
  });
  const late = setTimeout(() => child.kill('SIGTERM'), RUN_MS_MAX);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearTimeout(late);
  return { pid: child.pid ?? 0, code, stdout, stderr };
}

function namespacesOf(pid: number): string[] {
  const list = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  return list.split('\n').filter((line) => line.startsWith(`agentic-${pid}-`));
}

/** A run on a schedule, in a directory that is removed behind it. */
async function withRun(
  schedule: string,
  args: readonly string[],
  look: (ended: Ended, report: Report, directory: string) => string,
): Promise<string> {
  const scratch = mkdtempSync(join(tmpdir(), 'network-chaos-'));
  try {
    const [file, directory] = [join(scratch, 'given.json'), join(scratch, 'run')];
    writeFileSync(file, schedule);
    const ended = await runCommand(['--schedule', file, '--data', directory, '--json', ...args]);
    assert(ended.stdout !== '', `it prints a report; it said:\n${ended.stderr}`);
    assert.deepEqual(namespacesOf(ended.pid), [], 'its networks are gone');
    return look(ended, JSON.parse(ended.stdout) as Report, directory);
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

function summary({ phases, checks }: Report): string {
  const lines = phases
    .map(({ phase, ok, unknown, p99Ms, longestGapMs }) => {
      return `${phase}: ${ok} ok, ${unknown} unknown, p99 ${p99Ms} ms, longest gap ${longestGapMs} ms`;
    })
    .join('; ');
  const liveness = checks.find(({ name }) => name === 'liveness');
  return `${lines}; ${liveness?.detail ?? ''}`;
}

/** What failed comes first: whoever reads it may see only the beginning. */
function failure(report: Report, stderr: string): string {
  const failed = report.checks.filter(({ passed }) => !passed);
  const sentences = failed.map(({ name, detail }) => `${name}: ${detail}`);
  return ['every check passes', ...sentences, summary(report), stderr].join('\n');
}

function survives(seed: number): Promise<string> {
  const schedule = scheduleOf(seed, 14, oneOfEach);
  return withRun(schedule, [], ({ code, stderr }, report, directory) => {
    assert.equal(code, 0, failure(report, stderr));
    assert.deepEqual(report.faults, { partition: 1, crash: 1, pause: 1 });
    assert.deepEqual(
      report.checks.filter(({ passed }) => !passed),
      [],
    );
    assert(report.datagrams.blocked > 0, 'the partition stopped datagrams');
    const history = readFileSync(join(directory, 'history-ok.edn'), 'utf8');
    const { verdict } = checkHistory(readHistory(history));
    assert.equal(verdict, 'linearizable', 'the history file is judged as the report says');
    const replayed = JSON.parse(readFileSync(join(directory, 'schedule.json'), 'utf8')) as unknown;
    assert.deepEqual(replayed, JSON.parse(schedule), 'the schedule file is the schedule');
    return summary(report);
  });
}

/** A schedule that a seed gave, on a network on which appends overtook one another. */
function catchesUp(): Promise<string> {
  const schedule = readFileSync(join(ROOT, 'test/network/lagging-node.json'), 'utf8');
  const network = ['--delay', '20', '--loss', '2', '--duplicate', '2', '--reorder', '5'];
  return withRun(schedule, [...network, '--clients', '8'], ({ code, stderr }, report) => {
    assert.equal(code, 0, failure(report, stderr));
    return summary(report);
  });
}

async function isCaught(seed: number, mistake: SourceMistake, checker: string): Promise<string> {
  const workshop = await Workshop.open(ROOT, FOLDERS, {});
  try {
    await workshop.make(mistake);
    const program = workshop.compiledPath('src/cli/main.ts');
    const schedule = scheduleOf(seed, 12, isolations);
    const args = ['--program', program, '--clients', '8'];
    return await withRun(schedule, args, ({ code, stderr }, report) => {
      assert.equal(code, 1, `nodes with this mistake must not pass; it said:\n${stderr}`);
      const failed = report.checks.filter(({ passed }) => !passed);
      const found = failed.find(({ name }) => name === checker);
      assert(found, `${checker} fails, not only ${failed.map(({ name }) => name).join(', ')}`);
      const names = failed.map(({ name }) => name).join(', ');
      return `failed: ${names}; ${checker} says\n${found.detail}`;
    });
  } finally {
    await workshop.close();
  }
}

async function leavesNothing(): Promise<string> {
  const args = ['--seconds', '60', '--faults', 'pause,kill', '--clients', '1'];
  const interrupted = await runCommand(args, 'SIGINT');
  assert.equal(interrupted.code, 130, interrupted.stderr);
  assert.deepEqual(namespacesOf(interrupted.pid), [], 'after SIGINT');

  const killed = await runCommand(args, 'SIGKILL');
  const left = namespacesOf(killed.pid);
  assert(left.length > 0, 'a process that is killed cannot clean up');
  removeLeftovers();
  assert.deepEqual(namespacesOf(killed.pid), [], 'the next run cleans up');
  for (const { stderr } of [interrupted, killed]) {
    const directory = /^data and logs: (.*)$/m.exec(stderr)?.[1];
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  }
  return `SIGINT: code 130, nothing left; SIGKILL: ${left.length} namespaces left, removed by the next run`;
}
