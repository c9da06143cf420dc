/** `npm run test:kill9 -- --rounds 200`: many rounds of SIGKILL on one store. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { RandomStream } from '../../../../sim/world/random.js';
import { killRounds } from './kill-rounds.js';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '200' }, seed: { type: 'string' } },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
process.stdout.write(`seed ${seed}\n`);
const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-kill9-'));
const random = new RandomStream(seed, 'kill');
const startedMs = performance.now();
try {
  const path = join(folder, 'store.db');
  const result = await killRounds(
    path,
    rounds,
    () => random.fraction(),
    (round) => {
      if (round % 10 === 0) process.stdout.write(`round ${round} of ${rounds}\n`);
    },
  );
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  process.stdout.write(
    `${result.rounds} rounds in ${seconds} s: ${result.acknowledged} acknowledged writes, all found; ` +
      `${result.records} records\n`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
