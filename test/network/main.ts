/**
 * Nodes in network namespaces, joined by virtual cables and a router that impairs what passes: the
 * transport of two, and `agentic-flow chaos` on three. Wants root and `ip`.
 *
 *     npm run test:network [-- [--all] [PART OF A NAME ...]]
 */
import { obstacle, removeLeftovers } from '../../src/chaos/namespaces.js';
import { chaosScenarios } from './chaos.js';
import { scenarios as transportScenarios } from './scenarios.js';

const why = obstacle();
if (why !== undefined) {
  process.stderr.write(`the network test cannot run: ${why}\n`);
  process.exit(1);
}
removeLeftovers();

const seed = Number(process.env['SEED'] ?? Date.now() % 0x7fff_ffff);
process.stdout.write(`SEED=${seed}\n`);
/** Measurements and mutants that take minutes; they run when they are named, or with `--all`. */
const longScenarios = [
  'bbr, cubic and reno on the bad path',
  'chaos: a leader that commits without a quorum is caught',
];
const isAll = process.argv.includes('--all');
const wanted = process.argv.slice(2).filter((each) => each !== '--all');
const scenarios = { ...transportScenarios, ...chaosScenarios };
const names = Object.keys(scenarios);
const unknown = wanted.find((each) => !names.some((name) => name.includes(each)));
if (unknown !== undefined) {
  process.stderr.write(
    `no scenario has '${unknown}' in its name; there are: ${names.join(', ')}\n`,
  );
  process.exit(1);
}
let failedCount = 0;
for (const [name, run] of Object.entries(scenarios)) {
  const isWanted = wanted.some((each) => name.includes(each));
  if (!isWanted && (wanted.length > 0 || (longScenarios.includes(name) && !isAll))) continue;
  if (await passes(name, run)) continue;
  // A busy machine stands still for longer than some connections live: once more, and it is named.
  if (process.env['CI'] !== undefined && (await passes(name, run))) {
    process.stdout.write(`FLAKY, passed the second time only: ${name}\n`);
  } else failedCount += 1;
}
process.stdout.write(failedCount === 0 ? 'all passed\n' : `${failedCount} failed\n`);
process.exit(failedCount === 0 ? 0 : 1);

async function passes(name: string, run: (seed: number) => Promise<string>): Promise<boolean> {
  const startedMs = performance.now();
  const seconds = (): string => `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
  try {
    const text = await run(seed);
    process.stdout.write(`ok: ${name} (${seconds()})\n${text.replace(/^(?=.)/gm, '    ')}\n`);
    return true;
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stdout.write(`FAILED: ${name} (${seconds()})\n${text}\n`);
    return false;
  }
}
