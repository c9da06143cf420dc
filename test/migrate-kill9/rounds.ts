/** Kills the command of the migration at random moments, lets the next run finish, and compares. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { treeDifferences, treeOf } from '../src/migrate/backup/tree.js';
import { generateProject } from './project.js';
import { resultDifferences, resultOf } from './result.js';

const COMMAND = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** A process that does not end is a failure of its own. */
const RUN_TIMEOUT_MS = 5 * 60_000;

export interface Rounds {
  readonly kills: number;
  /** Kills that left something unfinished. */
  readonly inTheMiddle: number;
  /** Of an undisturbed run. */
  readonly durationMs: number;
}

interface Ended {
  /** Null if it was killed. */
  readonly code: number | null;
  readonly ms: number;
  /** Since there was the file that a kill waits for. */
  readonly workMs: number;
  readonly output: string;
}

interface Kill {
  readonly afterMs: number;
  /** The time counts from when there is such a file; from the start if left out. */
  readonly from?: string | undefined;
}

async function run(args: readonly string[], home: string, kill?: Kill): Promise<Ended> {
  const startedMs = performance.now();
  let begunMs = kill?.from === undefined ? startedMs : Number.POSITIVE_INFINITY;
  const env = { PATH: process.env['PATH'] ?? '', HOME: home };
  // Optimizing the code of the model takes each process longer than using it here would.
  const command = ['--liftoff-only', COMMAND, 'migrate', 'v2', ...args, '--json', '--yes'];
  const child = spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const timer = setInterval(() => {
    const nowMs = performance.now();
    if (kill?.from !== undefined && begunMs > nowMs && existsSync(kill.from)) begunMs = nowMs;
    const isLate = nowMs - startedMs > RUN_TIMEOUT_MS;
    if (isLate || (kill !== undefined && nowMs - begunMs >= kill.afterMs)) child.kill('SIGKILL');
  }, 1);
  const code = await new Promise<number | null>((done, fail) => {
    child.once('error', fail);
    child.once('close', done);
  });
  clearInterval(timer);
  const endedMs = performance.now();
  const workMs = Number.isFinite(begunMs) ? endedMs - begunMs : 0;
  return { code, ms: endedMs - startedMs, workMs, output };
}

/** One project in a folder that is filled anew for each round, always at the same path. */
export class KilledMigrations {
  readonly #template: string;
  readonly #directory: string;
  readonly #home: string;
  readonly #original: Record<string, string>;
  #migrated: string[] = [];

  /** `folder` must be empty. */
  constructor(folder: string, seed: number) {
    this.#template = join(folder, 'template');
    this.#directory = join(folder, 'work', 'project');
    this.#home = join(this.#directory, '_home');
    generateProject(this.#template, seed);
    this.#reset(this.#template);
    this.#original = treeOf(this.#directory);
  }

  /** Throws what differs. `chance` gives numbers from 0 to 1. */
  async migrations(
    rounds: number,
    chance: () => number,
    onRound: (round: number) => void,
  ): Promise<Rounds> {
    const durationMs = await this.#migrate();
    this.#migrated = resultOf(this.#directory);
    let inTheMiddle = 0;
    for (let round = 1; round <= rounds; round += 1) {
      this.#reset(this.#template);
      const afterMs = chance() * durationMs;
      const killed = await run([this.#directory, '--home', this.#home], this.#home, { afterMs });
      if (killed.code === null && this.#isBegun()) inTheMiddle += 1;
      // One that ended in time has nothing more to do.
      if (killed.code === null) await this.#migrate();
      const differences = resultDifferences(this.#migrated, resultOf(this.#directory));
      this.#check(round, afterMs, [...differences, ...this.#leftOver(['project.v1-backup'])]);
      onRound(round);
    }
    return { kills: rounds, inTheMiddle, durationMs };
  }

  /** As `migrations`, for the way back. */
  async rollbacks(
    rounds: number,
    chance: () => number,
    onRound: (round: number) => void,
  ): Promise<Rounds> {
    this.#reset(this.#template);
    await this.#migrate();
    const work = dirname(this.#directory);
    const migrated = join(dirname(work), 'migrated');
    execFileSync('cp', ['-a', work, migrated]);
    const journal = join(work, 'project.v1-backup/rollback.json');
    const { ms: durationMs, workMs } = await this.#rollBack(journal);
    this.#compareOriginal(0, durationMs);
    let inTheMiddle = 0;
    for (let round = 1; round <= rounds; round += 1) {
      rmSync(work, { recursive: true });
      execFileSync('cp', ['-a', migrated, work]);
      // Most of the time a process only starts: every second kill is while it works.
      const isAtWork = round % 2 === 0;
      const afterMs = chance() * (isAtWork ? workMs : durationMs);
      const kill = { afterMs, from: isAtWork ? journal : undefined };
      const killed = await run([this.#directory, '--rollback'], this.#home, kill);
      const isLeft = existsSync(join(work, 'project.v1-backup'));
      if (existsSync(journal)) inTheMiddle += 1;
      if (killed.code === null && isLeft) await this.#rollBack();
      this.#compareOriginal(round, afterMs);
      onRound(round);
    }
    return { kills: rounds, inTheMiddle, durationMs };
  }

  #reset(template: string): void {
    const work = dirname(this.#directory);
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    execFileSync('cp', ['-a', template, this.#directory]);
  }

  async #migrate(): Promise<number> {
    const { code, ms, output } = await run([this.#directory, '--home', this.#home], this.#home);
    if (code === 0 || code === 2) return ms;
    // Killed after its last step, the next run finds nothing to do.
    if (code === 3 && this.#migrated.length > 0) return ms;
    throw new Error(`the migration ended with code ${code}: ${output}`);
  }

  async #rollBack(from?: string): Promise<Ended> {
    const watched = { afterMs: RUN_TIMEOUT_MS, from };
    const ended = await run([this.#directory, '--rollback'], this.#home, watched);
    if (ended.code === 0) return ended;
    throw new Error(`the rollback ended with code ${ended.code}: ${ended.output}`);
  }

  #isBegun(): boolean {
    const names = readdirSync(dirname(this.#directory));
    return names.length > 1 || existsSync(join(this.#directory, '.agentic-flow'));
  }

  /** A backup that was being removed is all that a kill may leave; the next rollback removes it. */
  #compareOriginal(round: number, afterMs: number): void {
    const differences = treeDifferences(this.#original, treeOf(this.#directory)).slice(0, 6);
    const kept = ['project.v1-backup.removing'];
    this.#check(round, afterMs, [...differences, ...this.#leftOver(kept)]);
  }

  #leftOver(kept: readonly string[]): string[] {
    const names = readdirSync(dirname(this.#directory));
    return names
      .filter((name) => name !== basename(this.#directory) && !kept.includes(name))
      .map((name) => `left beside the directory: ${name}`);
  }

  #check(round: number, afterMs: number, differences: readonly string[]): void {
    if (differences.length === 0) return;
    const when = `round ${round}, killed after ${afterMs.toFixed(0)} ms`;
    throw new Error(`${when}:\n${differences.join('\n')}`);
  }
}
