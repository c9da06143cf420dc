/**
 * `npm run mutants -- sim [--only BUG|NAME] [--seconds S]`: breaks the cores one line at a time, in a
 * copy, and requires of the simulator that it finds the mistake: by random seeds of a scenario within
 * `S` seconds of one core, or else by a plan that is kept for the bug.
 */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
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
const MESSAGE_CHARACTERS_MAX = 100;

/** Returns whether every mutant was caught. */
export async function runSimMutants({ only, seconds }: SimFlags): Promise<boolean> {
  const mutants = SIM_MUTANTS.filter(
    ({ bug, name }) => only === undefined || bug === Number(only) || name.includes(only),
  );
  if (mutants.length === 0) throw new Error(`no mutant is of bug ${only}, or has that in its name`);
  const workshop = await Workshop.open(process.cwd(), FOLDERS, {});
  try {
    const program = workshop.compiledPath(PROGRAM);
    await checkSound(program, mutants);
    console.log('| bug | mutant | scenario | seed | runs | seconds | checker | what it saw |');
    console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
    const unsoundSeeds = new Set<string>();
    let caught = 0;
    for (const mutant of mutants) {
      const hunted = await huntFor(mutant, workshop, seconds, unsoundSeeds);
      const byPlan = hunted.finding === null ? await tryPlans(mutant, workshop) : null;
      if (hunted.finding !== null || byPlan !== null) caught += 1;
      console.log(lineOf(mutant, byPlan ?? hunted));
    }
    for (const unsound of unsoundSeeds) console.log(`fails without any mutant: ${unsound}`);
    console.log(`${caught} of ${mutants.length} mutants caught`);
    return caught === mutants.length && unsoundSeeds.size === 0;
  } finally {
    await workshop.close();
  }
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
async function tryPlans(mutant: SimMutant, workshop: Workshop): Promise<Hunted | null> {
  if (mutant.bug === null) return null;
  const program = workshop.compiledPath(PROGRAM);
  const prefix = `${String(mutant.bug).padStart(2, '0')}-`;
  const files = (await readdir(PLANS)).filter((name) => name.startsWith(prefix)).sort();
  for (const file of files) {
    const args = ['--plan', resolve(PLANS, file)];
    const sound = await hunt(program, args);
    if (sound.finding !== null) throw new Error(`${file} fails without any mutant`);
    const repair = await workshop.make(mutant);
    const hunted = await hunt(program, args).finally(repair);
    if (hunted.finding === null) continue;
    const message = `${file}: ${hunted.finding.message}`;
    return { ...hunted, finding: { ...hunted.finding, message } };
  }
  return null;
}

function lineOf({ bug, name, scenario }: SimMutant, { runs, seconds, finding }: Hunted): string {
  const message = (finding?.message ?? '').replaceAll(/[|\s]+/g, ' ');
  const fields = [
    bug ?? '',
    name,
    scenario,
    finding?.seed ?? '',
    runs,
    seconds.toFixed(1),
    finding?.checker ?? 'ALIVE',
    message.slice(0, MESSAGE_CHARACTERS_MAX),
  ];
  return `| ${fields.join(' | ')} |`;
}
