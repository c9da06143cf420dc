/** `agentic-flow sim` as a process of its own: what it prints, writes and exits with. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, it } from 'vitest';

// Processes and threads take their time to start when the machine has other things to do.

const COMMAND = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const TROUBLED = fileURLToPath(new URL('support/sim/troubled.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'sim-cli-'));
const out = join(folder, 'failures');

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[]): {
  readonly child: ReturnType<typeof spawn>;
  readonly finished: Promise<Finished>;
} {
  const child = spawn(process.execPath, [COMMAND, 'sim', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const finished = new Promise<Finished>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, finished };
}

const sim = (...args: string[]): Promise<Finished> => start(args).finished;
const troubled = (...args: string[]): Promise<Finished> =>
  sim('run', '--scenario', TROUBLED, '--out', out, ...args);

interface Report {
  readonly seeds: number;
  readonly scenarios: readonly { readonly end: string; readonly counts: { writes: number } }[];
  readonly failures: readonly {
    readonly seed: number;
    readonly checker: string;
    readonly message: string;
    readonly file?: string;
    readonly shrunk?: { readonly faults: number; readonly isMinimal: boolean };
  }[];
}

const reportOf = ({ stdout }: Finished): Report => JSON.parse(stdout) as Report;

describe('sim run', () => {
  it('runs a scenario of the package', async () => {
    const { code, stdout, stderr } = await sim('run', '--seeds', '1..4', '--workers', '2');
    expect(code).toBe(0);
    expect(stdout).toContain('rolling-migration: seeds 1..4 (4 run, 1 of them twice');
    expect(stdout).toMatch(/4 passed, 0 failed in [\d.]+ s\n$/);
    // How far it is, now and then.
    expect(stderr).toMatch(/^(rolling-migration: \d of 4 seeds, 0 failed, .*\n)*$/);
  });

  it('prints the same whatever the number of workers', async () => {
    const common = ['--seeds', '1000..1050', '--each', '--quiet'];
    const texts = await Promise.all(
      ['1', '3'].map((workers) => troubled(...common, '--workers', workers)),
    );
    const [one, three] = texts.map(({ stdout }) => stdout.replace(/in [\d.]+ s/, ''));
    expect(three).toBe(one);
    expect(one?.split('\n').filter((line) => line.startsWith('seed '))).toHaveLength(51);
  });

  it('writes a failing plan, made smaller, and exits with 1', async () => {
    const finished = await troubled('--seeds', '4..5', '--json');
    expect(finished.code).toBe(1);
    const { failures, seeds } = reportOf(finished);
    expect(seeds).toBe(2);
    expect(failures).toMatchObject([
      { seed: 5, checker: 'sum', shrunk: { faults: 1, isMinimal: true } },
    ]);
    const file = failures[0]?.file ?? '';
    expect(readFileSync(file, 'utf8')).toContain('"expect": {"checker":"sum"}');

    const replayed = await sim('replay', file, '--scenario', TROUBLED);
    expect(replayed.code).toBe(0);
    expect(replayed.stdout).toContain('==== VIOLATION of sum: the sum is wrong');
    expect(replayed.stdout).toContain('expects: sum fails');
    expect((await sim('replay', file)).stderr).toContain("there is no scenario 'troubled'");
  });

  it('reports a thread that ends, one that hangs and one that fails, and runs the rest', async () => {
    const finished = await troubled(
      '--seeds=1..20',
      '--workers=2',
      '--failures=9',
      '--json',
      '--run-seconds=3',
      '--verify-every=2',
      '--no-shrink',
    );
    expect(finished.code).toBe(1);
    const { seeds, failures, scenarios } = reportOf(finished);
    expect(seeds).toBe(20);
    expect(scenarios[0]?.end).toBe('all-seeds');
    const found = failures.map(({ seed, checker }) => [seed, checker]);
    expect(found).toEqual([
      [5, 'sum'],
      [6, 'worker-died'],
      [7, 'run-time'],
      // The timer of seed 8 fires when its block of seeds is over.
      ...found.slice(3),
    ]);
    expect(found.slice(3)).toContainEqual([9, 'determinism']);
    expect(failures[1]?.message).toContain('exit code 3');
    // What a scenario prints does not spoil the results.
    expect(finished.stderr).toContain('the scenario prints');
  });

  it('ends at the number of failures, and at a bound of time', async () => {
    const few = await troubled('--seeds', '5..9', '--failures', '1', '--json');
    expect(reportOf(few)).toMatchObject({ seeds: 1, scenarios: [{ end: 'failures' }] });
    const timed = await troubled('--first', '1000', '--minutes', '0.1', '--json');
    expect(timed.code).toBe(0);
    expect(reportOf(timed).scenarios[0]?.end).toBe('time');
    expect(reportOf(timed).seeds).toBeGreaterThan(5);
  });

  it('ends with a summary at Ctrl-C', async () => {
    const { child, finished } = start([
      'run',
      '--scenario',
      TROUBLED,
      '--seeds',
      '1000..90000',
      '--each',
    ]);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    child.kill('SIGINT');
    const { code, stdout } = await finished;
    expect(code).toBe(130);
    expect(stdout).toContain('; interrupted');
    expect(stdout).toMatch(/[1-9]\d* passed, 0 failed in/);
  });

  it('runs one seed twice', async () => {
    const { code, stdout } = await troubled('--seed', '12');
    expect(code).toBe(0);
    expect(stdout).toContain('seeds 12..12 (1 run, 1 of them twice with equal traces)');
    const differs = await troubled('--seed', '9');
    expect(differs.code).toBe(1);
    expect(differs.stdout).toContain('FAILED seed 9');
    expect(differs.stdout).toContain('determinism');
    expect(differs.stdout).toMatch(/replay: agentic-flow sim run --scenario .* --seed 9/);
  });

  it('names the probes that were not reached', async () => {
    const { stdout } = await troubled('--seeds', '10..12');
    expect(stdout).toContain('probes: even in 2, never in 0');
    expect(stdout).toContain('probes not reached: never');
  });
});

describe('bad usage exits with 2 and runs nothing', () => {
  writeFileSync(join(folder, 'empty.mjs'), 'export const other = 1;');
  writeFileSync(join(folder, 'half.mjs'), "export default { name: 'x', summary: '', probes: [] };");
  writeFileSync(join(folder, 'named.mjs'), "export default { name: '../x' };");
  writeFileSync(join(folder, 'broken.mjs'), 'export default (');
  writeFileSync(join(folder, 'plan.json'), '{"format": 1}');

  it.each([
    ['run --scenario nothing', "there is no scenario 'nothing'; there are rolling-migration"],
    ['run --scenario ./nothing.js', 'there is no file ./nothing.js'],
    ['run --scenario ./empty.mjs', 'exports no scenario: export it as default'],
    ['run --scenario ./half.mjs', 'has no function draw(seed)'],
    ['run --scenario ./named.mjs', 'has no name in lower case'],
    ['run --scenario ./broken.mjs', 'cannot be loaded'],
    ['run --seeds 0', 'it must be a whole number above 0'],
    ['run --seeds 9..3', 'A..B has the lower seed first'],
    ['run --seeds 1..x', 'it must be a whole number'],
    ['run --seed 1 --seeds 3', '--seed is one seed'],
    ['run --first 1 --seeds 3..4', 'names the first seed already'],
    ['run --minutes -1', 'it must be a number above 0'],
    ['run --workers 0', 'it must be a whole number above 0'],
    ['run more', 'too many arguments'],
    ['run --colour', 'unknown option'],
    ['replay', 'missing required argument'],
    ['replay nothing.json', 'cannot be read'],
    ['replay .', 'cannot be read'],
    ['replay plan.json', '$.format is 1; it must be a text'],
    ['shrink plan.json', '$.format is 1; it must be a text'],
    ['nonsense', 'unknown command'],
  ])('%s', async (line, message) => {
    const { code, stdout, stderr } = await sim(...line.split(' '));
    expect(stderr).toContain(message);
    expect(code).toBe(2);
    expect(stdout).toBe('');
  });

  it('wrote no plan', () => {
    expect(existsSync(join(folder, 'sim-failures'))).toBe(false);
  });
});

describe('sim replay, shrink and list', () => {
  const file = join(folder, 'drawn.json');

  it('shrinks a plan in a file', async () => {
    await troubled('--seeds', '5..5', '--no-shrink', '--verify-every', '0');
    const [name] = readdirSync(out);
    const { code, stdout } = await sim(
      'shrink',
      join(out, name ?? ''),
      `--scenario=${TROUBLED}`,
      `--out=${file}`,
      '--json',
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ checker: 'sum', faults: 1, isMinimal: true, file });
  });

  it('replays as data, and fails when the plan does not end as it must', async () => {
    const { stdout } = await sim('replay', file, '--scenario', TROUBLED, '--json');
    const moments = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly kind: string });
    expect(moments.at(-1)).toMatchObject({ kind: 'result', isAsExpected: true });
    expect(moments.some(({ kind }) => kind === 'note')).toBe(true);
    writeFileSync(file, readFileSync(file, 'utf8').replace('{"checker":"sum"}', '"pass"'));
    const { code, stderr } = await sim('replay', file, '--scenario', TROUBLED);
    expect(code).toBe(1);
    expect(stderr).toContain('it must pass, but sum failed: the sum is wrong');
    const mermaid = await sim('replay', file, '--scenario', TROUBLED, '--mermaid');
    expect(mermaid.stdout).toMatch(/^sequenceDiagram\n/);
  });

  it('lists scenarios with their probes', async () => {
    const { code, stdout } = await sim('list');
    expect(code).toBe(0);
    expect(stdout).toContain('rolling-migration\n');
    const { scenarios } = JSON.parse((await sim('list', '--json')).stdout) as {
      readonly scenarios: readonly { readonly name: string }[];
    };
    expect(scenarios.map(({ name }) => name)).toContain('client-sessions');
  });
});
