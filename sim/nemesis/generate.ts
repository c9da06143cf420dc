import { SimulationError } from '../world/errors.js';
import { RandomStream } from '../world/random.js';
import { Draft } from './draft.js';
import { drawFault, faultKinds, type FaultKind } from './kinds.js';
import { limits } from './limits.js';
import type { Schedule } from './schedule.js';

/** What a schedule is made for. Times are in microseconds. */
export interface ScheduleOptions {
  readonly nodes: readonly string[];
  readonly durationMicroseconds: number;
  /** All kinds unless named. */
  readonly kinds?: readonly FaultKind[];
  /** Mean time between the beginnings of two faults; a tenth of the duration unless named. */
  readonly meanPauseMicroseconds?: number;
  /** Mean time that a fault lasts; the mean pause unless named. */
  readonly meanFaultMicroseconds?: number;
  /** Nodes crashed or paused at the same time; less than half of them unless named. */
  readonly nodesDownMax?: number;
  /** Nodes whose disk damages data at the same time; less than half of them unless named. */
  readonly nodesDamagedMax?: number;
  /**
   * Targets such as `@leader` that a third of the faults of one node aim at, to be resolved by
   * `applySchedule`; none unless named.
   */
  readonly targets?: readonly string[];
  /** Releases that nodes are upgraded to; without any there are no upgrades. */
  readonly releases?: readonly string[];
}

/**
 * Draws a schedule of faults. The same seed and options give the same schedule. One network shape
 * holds at a time, as does one burst of a kind and one fault of a disk; everything else overlaps.
 * At the end all is healed.
 */
export function generateSchedule(seed: number, options: ScheduleOptions): Schedule {
  const { nodes, durationMicroseconds, releases = [] } = options;
  const wanted = options.kinds ?? faultKinds;
  const kinds = wanted.filter((kind) => kind !== 'upgrade' || releases.length > 0);
  const minority = Math.floor((nodes.length - 1) / 2);
  check(nodes.length > 0 && nodes.length <= limits.nodesMax, 'nodes', nodes.length);
  check(durationMicroseconds >= 1, 'durationMicroseconds', durationMicroseconds);
  check(kinds.length > 0, 'kinds', kinds.length);
  const pause = options.meanPauseMicroseconds ?? Math.max(1, durationMicroseconds / 10);
  check(pause >= 1, 'meanPauseMicroseconds', pause);
  const meanFaultMicroseconds = options.meanFaultMicroseconds ?? pause;
  const random = new RandomStream(seed, 'nemesis');
  const draft = new Draft(random, {
    nodes,
    durationMicroseconds,
    nodesDownMax: options.nodesDownMax ?? minority,
    nodesDamagedMax: options.nodesDamagedMax ?? minority,
    targets: options.targets ?? [],
    releases,
  });
  let now = exponential(random, pause);
  for (let count = 0; now < durationMicroseconds; count++) {
    check(count < limits.faultsMax, 'number of faults', count);
    const kind = random.pick(kinds);
    drawFault[kind](draft, now, now + exponential(random, meanFaultMicroseconds));
    now += exponential(random, pause);
  }
  const ending = { atMicroseconds: durationMicroseconds, action: { kind: 'heal-all' } } as const;
  return { seed, nodes, durationMicroseconds, faults: [...draft.faults, ending] };
}

function check(holds: boolean, name: string, value: number): void {
  if (!holds) throw new SimulationError('invalid-option', `${name} is ${value}`);
}

function exponential(random: RandomStream, meanMicroseconds: number): number {
  const drawn = Math.floor(-Math.log(1 - random.fraction()) * meanMicroseconds);
  return Math.max(limits.durationMicrosecondsMin, drawn);
}
