import { SimulationError } from '../world/errors.js';
import { RandomStream } from '../world/random.js';
import { limits } from './limits.js';
import type { FaultAction, Schedule, TimedFault } from './schedule.js';

/** The faults that a schedule can be made of. */
export type FaultKind = 'partition' | 'isolate' | 'one-way' | 'bridge' | 'crash' | 'loss' | 'pause';

/** All faults that `generateSchedule` knows. */
export const faultKinds: readonly FaultKind[] = [
  'partition',
  'isolate',
  'one-way',
  'bridge',
  'crash',
  'loss',
  'pause',
];

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
}

/**
 * Draws a schedule of faults. The same seed and options give the same schedule. One network shape
 * (partition, isolate, one-way, bridge) holds at a time, as does one burst of loss; everything else
 * overlaps. At the end all is healed.
 */
export function generateSchedule(seed: number, options: ScheduleOptions): Schedule {
  const { nodes, durationMicroseconds } = options;
  const kinds = options.kinds ?? faultKinds;
  check(nodes.length > 0 && nodes.length <= limits.nodesMax, 'nodes', nodes.length);
  check(durationMicroseconds >= 1, 'durationMicroseconds', durationMicroseconds);
  check(kinds.length > 0, 'kinds', kinds.length);
  const pause = options.meanPauseMicroseconds ?? Math.max(1, durationMicroseconds / 10);
  check(pause >= 1, 'meanPauseMicroseconds', pause);
  const draft = new Draft(new RandomStream(seed, 'nemesis'), options, kinds, pause);
  return { seed, nodes, durationMicroseconds, faults: draft.faults() };
}

function check(holds: boolean, name: string, value: number): void {
  if (!holds) throw new SimulationError('invalid-option', `${name} is ${value}`);
}

class Draft {
  readonly #random: RandomStream;
  readonly #nodes: readonly string[];
  readonly #durationMicroseconds: number;
  readonly #kinds: readonly FaultKind[];
  readonly #meanPauseMicroseconds: number;
  readonly #meanFaultMicroseconds: number;
  readonly #nodesDownMax: number;
  readonly #faults: TimedFault[] = [];
  /** Until when each crashed or paused node is out, so that both never meet in one node. */
  readonly #outUntil = new Map<string, number>();
  #shapeUntil = 0;
  #lossUntil = 0;

  constructor(
    random: RandomStream,
    options: ScheduleOptions,
    kinds: readonly FaultKind[],
    meanPauseMicroseconds: number,
  ) {
    this.#random = random;
    this.#nodes = options.nodes;
    this.#durationMicroseconds = options.durationMicroseconds;
    this.#kinds = kinds;
    this.#meanPauseMicroseconds = meanPauseMicroseconds;
    this.#meanFaultMicroseconds = options.meanFaultMicroseconds ?? meanPauseMicroseconds;
    this.#nodesDownMax = options.nodesDownMax ?? Math.floor((options.nodes.length - 1) / 2);
  }

  faults(): TimedFault[] {
    let now = this.#exponential(this.#meanPauseMicroseconds);
    for (let count = 0; now < this.#durationMicroseconds; count++) {
      check(count < limits.faultsMax, 'number of faults', count);
      this.#add(now, this.#random.pick(this.#kinds));
      now += this.#exponential(this.#meanPauseMicroseconds);
    }
    // Stable: what was drawn first stays first at equal times.
    this.#faults.sort((a, b) => a.atMicroseconds - b.atMicroseconds);
    return [...this.#faults, ...this.#ending()];
  }

  #add(now: number, kind: FaultKind): void {
    const end = now + this.#exponential(this.#meanFaultMicroseconds);
    if (kind === 'crash') this.#takeOut(now, end, 'crash', 'restart');
    else if (kind === 'pause') this.#takeOut(now, end, 'pause', 'resume');
    else if (kind === 'loss') this.#lose(now, end);
    else this.#shape(now, end, kind);
  }

  #takeOut(now: number, end: number, begin: 'crash' | 'pause', finish: 'restart' | 'resume'): void {
    const isOut = (node: string): boolean => (this.#outUntil.get(node) ?? -1) >= now;
    const inside = this.#nodes.filter((node) => !isOut(node));
    const node = this.#random.pick(inside.length > 0 ? inside : this.#nodes);
    if (this.#nodes.length - inside.length >= this.#nodesDownMax) return;
    this.#outUntil.set(node, end);
    this.#plan(now, { kind: begin, node });
    this.#plan(end, { kind: finish, node });
  }

  #lose(now: number, end: number): void {
    const probability = this.#random.integer(5, 60) / 100;
    if (now <= this.#lossUntil) return;
    this.#lossUntil = end;
    this.#plan(now, { kind: 'loss', probability });
    this.#plan(end, { kind: 'loss-end' });
  }

  #shape(now: number, end: number, kind: 'partition' | 'isolate' | 'one-way' | 'bridge'): void {
    const action = this.#drawShape(kind);
    // The end of one shape would heal the other.
    if (now <= this.#shapeUntil) return;
    this.#shapeUntil = end;
    this.#plan(now, action);
    this.#plan(end, { kind: 'heal' });
  }

  #drawShape(kind: 'partition' | 'isolate' | 'one-way' | 'bridge'): FaultAction {
    const mixed = this.#random.shuffle(this.#nodes);
    if (kind === 'isolate') return { kind, node: mixed[0]! };
    if (kind === 'bridge') {
      const [middle, ...others] = mixed as [string, ...string[]];
      const half = Math.ceil(others.length / 2);
      return { kind, left: others.slice(0, half), middle, right: others.slice(half) };
    }
    const cut = this.#random.integer(Math.min(1, mixed.length - 1), mixed.length - 1);
    const groups = [mixed.slice(0, cut), mixed.slice(cut)] as const;
    return kind === 'partition' ? { kind, groups } : { kind, from: groups[0], to: groups[1] };
  }

  #plan(atMicroseconds: number, action: FaultAction): void {
    if (atMicroseconds < this.#durationMicroseconds) this.#faults.push({ atMicroseconds, action });
  }

  #ending(): TimedFault[] {
    const everywhere = this.#nodes.flatMap((node): FaultAction[] => [
      { kind: 'restart', node },
      { kind: 'resume', node },
    ]);
    const actions: FaultAction[] = [{ kind: 'heal' }, { kind: 'loss-end' }, ...everywhere];
    return actions.map((action) => ({ atMicroseconds: this.#durationMicroseconds, action }));
  }

  #exponential(meanMicroseconds: number): number {
    const drawn = Math.floor(-Math.log(1 - this.#random.fraction()) * meanMicroseconds);
    return Math.max(limits.durationMicrosecondsMin, drawn);
  }
}
