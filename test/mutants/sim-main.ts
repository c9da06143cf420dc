/**
 * `npm run mutants -- sim [--only BUG|NAME] [--seconds S]`: breaks the cores one line at a time, in a
 * copy, and requires of the simulator that it finds the mistake. Each is looked for in two ways: in
 * random seeds of a scenario, for `S` seconds of one core, and in the plans that are kept for the bug.
 * `--seconds 0` tries the plans alone.
 */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Finding } from './sim-hunt.js';
import { type Hunted, hunt } from './sim-hunter.js';
import { SIM_MUTANTS, type SimMutant } from './sim-mutants.js';
import { Workshop } from './workshop.js';

export interface SimFlags {
  /** Number of a named bug, or a part of what a mutant does wrong. */
  readonly only?: string;
  readonly seconds: number;
}

/** Plans kept for named bugs, whose numbers their names begin with. */
const PLANS = join('sim', 'named-bugs');
const FOLDERS = ['consensus', 'nodes', 'sim', 'src', 'transport', 'test/mutants'];
const PROGRAM = 'test/mutants/sim-hunt.ts';
/** How long the code as it is has to pass first, in seconds of one core for each scenario. */
const SOUND_SECONDS = 5;

/** What found a mutant, if anything did. */
interface Verdict {
  readonly mutant: SimMutant;
  readonly seeds: Hunted;
  readonly plan: PlanFinding | null;
}

interface PlanFinding extends Finding {
  readonly file: string;
}

/** Returns whether every mutant was caught. */
export async function runSimMutants({ only, seconds }: SimFlags): Promise<boolean> {
  const mutants = SIM_MUTANTS.filter(
    ({ bug, name }) => only === undefined || bug === Number(only) || name.includes(only),
  );
  if (mutants.length === 0) throw new Error(`no mutant is of bug ${only}, or has that in its name`);
  const workshop = await Workshop.open(process.cwd(), FOLDERS, {});
  try {
    if (seconds > 0) await checkSound(workshop.compiledPath(PROGRAM), mutants);
    console.log('| bug | mutant | scenario | seed | runs | seconds | seen by | plan | seen by |');
    console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
    const unsoundSeeds = new Set<string>();
    const verdicts: Verdict[] = [];
    for (const mutant of mutants) {
      const plan = await tryPlans(mutant, workshop);
      const seeds = await huntFor(mutant, workshop, seconds, unsoundSeeds);
      const verdict = { mutant, seeds, plan };
      verdicts.push(verdict);
      console.log(lineOf(verdict));
    }
    for (const unsound of unsoundSeeds) console.log(`fails without any mutant: ${unsound}`);
    return sumUp(verdicts) && unsoundSeeds.size === 0;
  } finally {
    await workshop.close();
  }
}

/** Returns whether all are caught. */
function sumUp(verdicts: readonly Verdict[]): boolean {
  const caught = verdicts.filter(({ seeds, plan }) => seeds.finding !== null || plan !== null);
  const count = (all: readonly Verdict[], found: (verdict: Verdict) => unknown): number =>
    all.filter((verdict) => found(verdict) !== null).length;
  const bugs = new Set(caught.flatMap(({ mutant: { bug } }) => (bug === null ? [] : [bug])));
  console.log(
    `${caught.length} of ${verdicts.length} mutants caught: ` +
      `${count(caught, ({ seeds }) => seeds.finding)} by random seeds, ` +
      `${count(caught, ({ plan }) => plan)} by plans; they are of ${bugs.size} named bugs`,
  );
  return caught.length === verdicts.length;
}

async function checkSound(program: string, mutants: readonly SimMutant[]): Promise<void> {
  for (const scenario of new Set(mutants.map((mutant) => mutant.scenario))) {
    const args = ['--scenario', scenario, '--seconds', String(SOUND_SECONDS)];
    const { runs, finding } = await hunt(program, args);
    if (finding !== null) {
      const { seed, checker, message } = finding;
      throw new Error(
        `seed ${seed} of ${scenario} fails without any mutant: ${checker}: ${message}`,
      );
    }
    console.log(`${scenario}: ${runs} seeds pass without any mutant`);
  }
}

/** A seed that fails anyway says nothing about the mutant: the hunt goes on behind it. */
async function huntFor(
  mutant: SimMutant,
  workshop: Workshop,
  seconds: number,
  unsoundSeeds: Set<string>,
): Promise<Hunted> {
  const { scenario } = mutant;
  const program = workshop.compiledPath(PROGRAM);
  const total = { runs: 0, seconds: 0 };
  for (let first = 1; ;) {
    const left = String(seconds - total.seconds);
    const args = ['--scenario', scenario, '--first', String(first), '--seconds', left];
    const repair = await workshop.make(mutant);
    const hunted = await hunt(program, args).finally(repair);
    total.runs += hunted.runs;
    total.seconds += hunted.seconds;
    const { finding } = hunted;
    if (finding === null) return { ...total, finding };
    const once = ['--scenario', scenario, '--first', String(finding.seed), '--runs', '1'];
    const sound = await hunt(program, once);
    if (sound.finding === null) return { ...total, finding };
    const { seed, checker, message } = sound.finding;
    unsoundSeeds.add(`seed ${seed} of ${scenario}: ${checker}: ${message}`);
    first = seed + 1;
  }
}

/** The first plan kept for the bug that fails with the mistake and passes without, or null. */
async function tryPlans(mutant: SimMutant, workshop: Workshop): Promise<PlanFinding | null> {
  if (mutant.bug === null) return null;
  const program = workshop.compiledPath(PROGRAM);
  const prefix = `${String(mutant.bug).padStart(2, '0')}-`;
  const files = (await readdir(PLANS)).filter((name) => name.startsWith(prefix)).sort();
  for (const file of files) {
    const args = ['--plan', resolve(PLANS, file)];
    const sound = await hunt(program, args);
    if (sound.finding !== null) throw new Error(`${file} fails without any mutant`);
    const repair = await workshop.make(mutant);
    const { finding } = await hunt(program, args).finally(repair);
    if (finding !== null) return { ...finding, file };
  }
  return null;
}

function lineOf({ mutant: { bug, name, scenario }, seeds, plan }: Verdict): string {
  const { finding, runs, seconds } = seeds;
  const fields = [
    bug ?? '',
    name,
    scenario,
    finding?.seed ?? '',
    runs,
    seconds.toFixed(1),
    finding?.checker ?? (plan === null ? 'ALIVE' : ''),
    plan?.file.replace('.json', '') ?? '',
    plan?.checker ?? '',
  ];
  return `| ${fields.join(' | ')} |`;
}
