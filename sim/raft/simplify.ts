/** Simpler plans of a Raft scenario, for the shrinker. */
import type { Plan } from '../explore/plan.js';
import { restrictSchedule } from '../explore/schedule-edit.js';
import { raftNodeName } from './messages.js';
import { usualSettings } from './settings.js';

/** Fewer nodes first; then one mechanism off or as usual each, but for the `fixed` ones. */
export function simplifyRaftPlan(plan: Plan, fixed: readonly string[]): Plan[] {
  const { settings } = plan;
  const of = (name: string): number => Number(settings[name] ?? usualSettings[name]);
  const simpler: Plan[] = [];
  // Of fewer nodes those that are gone could be a majority, and who waits longer for each answer is
  // served too late: that would not be the failure that was found.
  const demandsService = of('answerMicrosecondsMax') > 0;
  const kept = demandsService ? [...fixed, 'attemptMicroseconds'] : fixed;
  const fewer = demandsService ? [] : [1, 2, 3, 5].filter((voters) => voters < of('voters'));
  const sizes: (readonly [voters: number, spares: number])[] = [
    ...fewer.map((voters) => [voters, 0] as const),
    ...(of('spares') > 0 ? [[of('voters'), 0] as const] : []),
  ];
  for (const [voters, spares] of sizes) {
    const names = Array.from({ length: voters + spares }, (_, at) => raftNodeName(at + 1));
    const schedule = restrictSchedule(plan.schedule, names);
    simpler.push({ ...plan, schedule, settings: { ...settings, voters, spares } });
  }
  for (const name of Object.keys(settings)) {
    if (name === 'voters' || name === 'spares' || kept.includes(name)) continue;
    const { [name]: value, ...others } = settings;
    // What a plan leaves out is as usual.
    if (value !== undefined) simpler.push({ ...plan, settings: others });
  }
  return simpler;
}
