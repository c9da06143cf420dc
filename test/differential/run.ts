/** Runs groups side by side, so that one exchange with the driver is a step of each of them. */
import { type Driver } from './driver.js';
import { type Difference, Group } from './group.js';
import type { EventName } from './events.js';
import type { RuleName } from './rules.js';
import type { Core } from './view.js';

/** What to run. */
export interface RunOptions {
  readonly core: Core;
  readonly driver: Driver;
  readonly steps: number;
  readonly seed: number;
  /** Run the group of this seed alone. */
  readonly only?: number;
}

/** What came out. */
export interface RunResult {
  readonly steps: number;
  readonly groups: number;
  readonly seconds: number;
  /** How often each rule was needed. */
  readonly rules: ReadonlyMap<RuleName, number>;
  /** What happened, and how often. */
  readonly events: ReadonlyMap<EventName, number>;
  /** How often groups ended early, by reason. */
  readonly ended: ReadonlyMap<string, number>;
  readonly difference?: Difference & { readonly groupSeed: number };
}

const LANES = 16;
const STEPS_PER_GROUP = 2_000;

/** The seed of group `at` of a run. */
function groupSeed(seed: number, at: number): number {
  return (Math.imul(seed, 0x9e3779b1) + Math.imul(at + 1, 0x85ebca6b)) >>> 0;
}

function count<Key>(counts: Map<Key, number>, key: Key, times = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + times);
}

/** Runs until `steps` inputs are done, or a difference shows. */
export async function run(options: RunOptions): Promise<RunResult> {
  const { core, driver, seed, only } = options;
  const rules = new Map<RuleName, number>();
  const events = new Map<EventName, number>();
  const ended = new Map<string, number>();
  const startedMs = performance.now();
  let steps = 0;
  let groups = 0;
  const lanes: Group[] = [];
  const result = (): RunResult => {
    const seconds = (performance.now() - startedMs) / 1000;
    return { steps, groups, seconds, rules, events, ended };
  };
  const open = async (lane: number): Promise<void> => {
    const own = only ?? groupSeed(seed, groups);
    groups += 1;
    const group = new Group(
      core,
      own,
      lane,
      (rule) => count(rules, rule),
      (event, times) => count(events, event, times),
    );
    const [views = []] = await driver.run([group.opening]);
    group.opened(views);
    lanes[lane] = group;
  };
  for (let lane = 0; lane < (only === undefined ? LANES : 1); lane += 1) await open(lane);
  while (steps < options.steps) {
    const answers = await driver.run(lanes.map((group) => group.next()));
    for (const [lane, group] of lanes.entries()) {
      steps += 1;
      const difference = group.judge(answers[lane] ?? []);
      if (difference) return { ...result(), difference: { ...difference, groupSeed: group.seed } };
      if (group.ended === undefined && group.steps < STEPS_PER_GROUP) continue;
      if (group.ended !== undefined) count(ended, group.ended);
      if (only !== undefined) return result();
      await open(lane);
    }
  }
  return result();
}
