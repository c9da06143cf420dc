/** Carries a schedule of faults out on real processes and on the relay between them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultAction, Schedule } from '../../sim/nemesis/index.js';
import { TargetMemory } from '../../sim/nemesis/targets.js';
import { RandomStream } from '../../sim/world/index.js';
import { nowMicroseconds } from './operations.js';
import { treatments } from './treatments.js';

/** What faults are done to. */
export interface NemesisPorts {
  /** Has the relay do one action of the network. */
  relay(action: FaultAction): Promise<unknown>;
  /** Each is false when there was nothing to do. */
  kill(node: string): Promise<boolean>;
  start(node: string): boolean;
  pause(node: string): boolean;
  resume(node: string): boolean;
  /** Name of the node that leads; undefined when nobody is known to. */
  leader(): Promise<string | undefined>;
}

/** An action that was carried out, or that found nothing to do. */
export interface AppliedAction {
  /** On the monotonic clock, when it was done. */
  readonly atMicroseconds: number;
  /** With names in place of targets, unless there was no such node. */
  readonly action: FaultAction;
  readonly isBeginning: boolean;
  /** False when there was nothing to do: a restart of a node that runs, a fault of no leader. */
  readonly hadEffect: boolean;
}

export class Nemesis {
  readonly applied: AppliedAction[] = [];
  readonly #schedule: Schedule;
  readonly #ports: NemesisPorts;
  readonly #onApplied: (applied: AppliedAction) => void;
  readonly #targets: TargetMemory;
  #leader: string | undefined;

  constructor(
    schedule: Schedule,
    ports: NemesisPorts,
    onApplied: (applied: AppliedAction) => void = () => undefined,
  ) {
    this.#schedule = schedule;
    this.#ports = ports;
    this.#onApplied = onApplied;
    const random = new RandomStream(schedule.seed, 'nemesis targets');
    this.#targets = new TargetMemory((target) => {
      if (target === '@leader') return this.#leader;
      return target === '@random' ? random.pick(schedule.nodes) : target;
    });
  }

  /** Follows the schedule from now on, to its end, when everything is healed. */
  async follow(signal: AbortSignal): Promise<void> {
    const { faults, durationMicroseconds } = this.#schedule;
    const startedMs = performance.now();
    for (const { atMicroseconds, action } of faults) {
      // What is planned for the end is healing, which is done in any case.
      if (atMicroseconds >= durationMicroseconds) break;
      await sleepUntil(startedMs + atMicroseconds / 1_000, signal);
      await this.#apply(action);
    }
    await sleepUntil(startedMs + durationMicroseconds / 1_000, signal);
    await this.#apply({ kind: 'heal-all' });
  }

  async #apply(planned: FaultAction): Promise<void> {
    if (JSON.stringify(planned).includes('"@leader"')) this.#leader = await this.#ports.leader();
    const action = this.#targets.aim(planned);
    const hadEffect = action !== undefined && (await this.#carryOut(action));
    const applied = {
      atMicroseconds: nowMicroseconds(),
      action: action ?? planned,
      isBeginning: treatments[planned.kind]?.does === 'begin',
      hadEffect,
    };
    this.applied.push(applied);
    this.#onApplied(applied);
  }

  /** False when there was nothing to do. */
  async #carryOut(action: FaultAction): Promise<boolean> {
    const ports = this.#ports;
    switch (action.kind) {
      case 'crash':
        return ports.kill(action.node);
      case 'restart':
        return ports.start(action.node);
      case 'pause':
        return ports.pause(action.node);
      case 'resume':
        return ports.resume(action.node);
      case 'heal-all':
        for (const node of this.#schedule.nodes) {
          ports.resume(node);
          ports.start(node);
        }
        await ports.relay(action);
        return true;
      default:
        await ports.relay(action);
        return true;
    }
  }
}

async function sleepUntil(atMs: number, signal: AbortSignal): Promise<void> {
  const leftMs = atMs - performance.now();
  if (leftMs > 0) await sleep(leftMs, undefined, { signal });
  else signal.throwIfAborted();
}
