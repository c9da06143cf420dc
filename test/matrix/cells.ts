/** The cells of the matrix: every moment of a rollout, every fault, both ways. */
import { stepsOf } from '../../nodes/rollout/state.js';
import type { RolloutKind } from '../../nodes/rollout/state.js';
import type { Plan } from '../../sim/explore/plan.js';
import { drawMemoryOperations } from '../../sim/scenarios/swarm-operations.js';
import { nodeName } from '../../sim/scenarios/swarm-messages.js';
import { drawSwarmSettings, swarmNodeIds } from '../../sim/scenarios/swarm-world.js';
import { HITS, drawRollout } from '../../sim/scenarios/upgrade-settings.js';
import type { Hit } from '../../sim/scenarios/upgrade-settings.js';
import { RandomStream } from '../../sim/world/index.js';

const SECOND = 1_000_000;

/** One line of the table. */
export interface Row {
  readonly kind: RolloutKind;
  /** `rollback`: an operator asks for it at the moment that is hit. */
  readonly way: 'forward' | 'rollback';
  readonly moment: string;
}

export interface Cell extends Row {
  readonly hit: Hit;
}

export function rowsOf(): Row[] {
  const rows: Row[] = [];
  for (const kind of ['engine', 'release'] as const) {
    const moments = [...stepsOf(kind, 'forward'), 'finalizing', 'finalized'];
    for (const way of ['forward', 'rollback'] as const) {
      for (const moment of moments) rows.push({ kind, way, moment });
    }
    for (const step of stepsOf(kind, 'back')) {
      rows.push({ kind, way: 'rollback', moment: `back ${step}` });
    }
  }
  return rows;
}

export function cellsOf(rows: readonly Row[]): Cell[] {
  return rows.flatMap((row) => HITS.map((hit) => ({ ...row, hit })));
}

/** The run of a cell with this seed: a quiet world under load, but for what hits at the moment. */
export function planOf({ kind, way, moment, hit }: Cell, seed: number): Plan {
  const random = new RandomStream(seed, `matrix ${kind} ${way} ${moment} ${hit}`);
  const nodes = random.pick([3, 3, 5]);
  const names = swarmNodeIds(nodes).map(nodeName);
  const isOnTheWayBack = moment.startsWith('back ');
  const settings = {
    nodes,
    ...drawSwarmSettings(random, { isLossless: false }),
    ...drawRollout(random, nodes),
    kind,
    // Without them the moments of the same name would not come.
    soakMs: random.integer(200, 1_500),
    rollbackWindowMs: random.integer(1_500, 6_000),
    rollbackAt: rollbackAt(way, moment, random.chance(0.5)),
    hit,
    hitAt: moment,
    hitAfterNodes: isOnTheWayBack ? 0 : random.integer(0, nodes - 1),
    hitLastsMs: random.integer(300, 4_000),
  };
  const schedule = { seed, nodes: names, durationMicroseconds: SECOND, faults: [] };
  const operations = drawMemoryOperations(seed, random.integer(1, 4), 20 * SECOND);
  return { scenario: 'rolling-upgrade', seed, settings, schedule, operations };
}

/** What begins the way back: the moment itself, or a later one for a moment of the way back. */
function rollbackAt(way: Row['way'], moment: string, early: boolean): string {
  if (way === 'forward') return '';
  if (!moment.startsWith('back ')) return moment;
  return early ? 'soak' : 'finalized';
}
