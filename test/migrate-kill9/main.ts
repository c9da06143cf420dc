/** `npm run test:migrate-kill9 -- --rounds 50 --seed S`: SIGKILL at random moments of a migration. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { RandomStream } from '../../sim/world/random.js';
import { KilledMigrations, type Rounds } from './rounds.js';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '50' }, seed: { type: 'string' } },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
process.stdout.write(`seed ${seed}\n`);
if (!Number.isSafeInteger(rounds) || rounds < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write('--rounds and --seed take whole numbers\n');
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-migrate-kill9-'));
try {
  const random = new RandomStream(seed, 'kill');
  const killed = new KilledMigrations(folder, seed);
  const chance = (): number => random.fraction();
  print('migrations', await killed.migrations(rounds, chance, show('migration')));
  print('rollbacks', await killed.rollbacks(rounds, chance, show('rollback')));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.stderr.write(`seed ${seed} repeats the moments\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function show(what: string): (round: number) => void {
  return (round) => {
    if (round % 10 === 0) process.stdout.write(`${what} ${round} of ${rounds}\n`);
  };
}

function print(what: string, { kills, inTheMiddle, durationMs }: Rounds): void {
  process.stdout.write(
    `${kills} kills of ${what} within ${durationMs.toFixed(0)} ms: ${inTheMiddle} left something ` +
      'unfinished; all ended as the undisturbed one\n',
  );
}
