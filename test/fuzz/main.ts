// Hostile packets without end: main.js [--cases N] [--seed N]. Prints its seed, and takes it back.
import { parseArgs } from 'node:util';
import { Fuzzer } from './fuzzer.js';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '10000' },
    seed: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help === true) {
  console.log(
    'npm run fuzz -- [--cases N] [--seed N]\n\nHostile packets against an engine of QUIC.',
  );
  process.exit(0);
}
const cases = Number(values.cases);
const seed = Number(values.seed ?? Date.now() % 0x7fff_ffff);
const PROGRESS_CASES = 50_000;
const MB = 1024 * 1024;

console.log(`--cases ${cases} --seed ${seed}`);
const report = await Fuzzer.run({ cases, seed }, (done, victim) => {
  if (done % PROGRESS_CASES === 0) {
    console.log(`${done} cases, ${Math.round(victim.residentBytes / MB)} MB resident`);
  }
});
console.log(JSON.stringify(report, null, 2));
