/** Carries a schedule of faults out on real processes and on the relay between them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultAction, Schedule } from '../../sim/nemesis/index.js';
import { nowMicroseconds } from './operations.js';
import type { Remote } from './remote.js';
import type { Swarm } from './swarm.js';

/** What carries an action out, and whether it begins a fault. */
interface Treatment {
  readonly by: 'relay' | 'processes';
  readonly isBeginning: boolean;
}

const begins = (by: Treatment['by']): Treatment => ({ by, isBeginning: true });
const ends = (by: Treatment['by']): Treatment => ({ by, isBeginning: false });

/** Every action that the nemesis of the simulator knows. */
const treatments: Readonly<Record<FaultAction['kind'], Treatment>> = {
  partition: begins('relay'),
  isolate: begins('relay'),
  'one-way': begins('relay'),
  bridge: begins('relay'),
  heal: ends('relay'),
  loss: begins('relay'),
  'loss-end': ends('relay'),
  crash: begins('processes'),
  restart: ends('processes'),
  pause: begins('processes'),
  resume: ends('processes'),
};

/** An action that was carried out. */
export interface AppliedAction {
  /** On the monotonic clock, when it was done. */
  readonly atMicroseconds: number;
  readonly action: FaultAction;
  readonly isBeginning: boolean;
  /** False when there was nothing to do: a restart of a node that runs. */
  readonly hadEffect: boolean;
}

export class Nemesis {
  readonly applied: AppliedAction[] = [];
  readonly #swarm: Swarm;
  readonly #relay: Remote;
  readonly #onApplied: (applied: AppliedAction) => void;

  constructor(swarm: Swarm, relay: Remote, onApplied: (applied: AppliedAction) => void) {
    this.#swarm = swarm;
    this.#relay = relay;
    this.#onApplied = onApplied;
  }

  /** Follows the schedule from now on, to its end, when everything is healed. */
  async follow(schedule: Schedule, signal: AbortSignal): Promise<void> {
    const startedMs = performance.now();
    for (const { atMicroseconds, action } of schedule.faults) {
      // What is planned for the end is healing, which is done in any case.
      if (atMicroseconds >= schedule.durationMicroseconds) break;
      await sleepUntil(startedMs + atMicroseconds / 1_000, signal);
      await this.#apply(action);
    }
    await sleepUntil(startedMs + schedule.durationMicroseconds / 1_000, signal);
    await this.#heal(schedule.nodes);
  }

  /** Ends every fault, whether or not the schedule says so. */
  async #heal(nodes: readonly string[]): Promise<void> {
    await this.#apply({ kind: 'heal' });
    await this.#apply({ kind: 'loss-end' });
    for (const node of nodes) {
      await this.#apply({ kind: 'resume', node });
      await this.#apply({ kind: 'restart', node });
    }
  }

  async #apply(action: FaultAction): Promise<void> {
    const { by, isBeginning } = treatments[action.kind];
    let hadEffect = true;
    if (by === 'relay') await this.#relay.call('apply', { action });
    else hadEffect = await this.#applyToProcess(action);
    const applied = { atMicroseconds: nowMicroseconds(), action, isBeginning, hadEffect };
    this.applied.push(applied);
    this.#onApplied(applied);
  }

  async #applyToProcess(action: FaultAction): Promise<boolean> {
    switch (action.kind) {
      case 'crash':
        return this.#swarm.nodeOf(action.node).kill();
      case 'restart':
        return this.#swarm.start(action.node);
      case 'pause':
        return this.#swarm.nodeOf(action.node).pause();
      case 'resume':
        return this.#swarm.nodeOf(action.node).resume();
      default:
        throw new Error(`${action.kind} is nothing that is done to a process`);
    }
  }
}

async function sleepUntil(atMs: number, signal: AbortSignal): Promise<void> {
  const leftMs = atMs - performance.now();
  if (leftMs > 0) await sleep(leftMs, undefined, { signal });
  else signal.throwIfAborted();
}
