/** Processes as a supervisor sees them, without any: what was asked for, and what may happen next. */
import { initialSupervision } from '../../../nodes/release/supervision.js';
import type { Effect, Input, Supervision } from '../../../nodes/release/supervision.js';
import { step } from '../../../nodes/release/machine.js';
import type { ReleaseRecord } from '../../../nodes/release/files.js';

export interface FakeProcess {
  readonly id: number;
  readonly release: string;
  stage: 'warming' | 'waiting' | 'opening' | 'joining' | 'ready' | 'draining' | 'keepsPort';
  isHandOver: boolean;
}

export const FIRST = 'first';
export const SECOND = 'second';
export const BROKEN = 'broken';

export function firstRecord(current = FIRST): ReleaseRecord {
  return { current, fallback: null, isTrial: false, rollout: null, failed: null };
}

export class Environment {
  state: Supervision;
  /** What is on the disk. */
  record: ReleaseRecord;
  nowMs = 0;
  readonly processes = new Map<number, FakeProcess>();
  readonly answers = new Map<string, string | null>();
  hasExited = false;
  exitProblem: string | null = null;

  constructor(record: ReleaseRecord = firstRecord()) {
    this.record = record;
    this.state = initialSupervision(record);
    this.input({ type: 'start' });
  }

  /** Processes that have the directory, or may take it this moment. */
  get holders(): FakeProcess[] {
    const holding = new Set(['opening', 'joining', 'ready', 'draining']);
    return [...this.processes.values()].filter(({ stage }) => holding.has(stage));
  }

  input(input: Input): void {
    const { state, effects } = step(this.state, input, this.nowMs);
    this.state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    const process = 'id' in effect ? this.processes.get(effect.id) : undefined;
    switch (effect.type) {
      case 'write':
        this.record = effect.record;
        return;
      case 'spawn': {
        const { id, release } = effect;
        this.processes.set(id, { id, release, stage: 'warming', isHandOver: false });
        return;
      }
      case 'go':
        if (process?.stage === 'waiting') process.stage = 'opening';
        return;
      case 'drain':
        if (process === undefined) return;
        process.isHandOver = effect.isHandOver;
        process.stage = 'draining';
        return;
      case 'leave':
        return this.end(effect.id, 'it ended with code 0');
      case 'kill':
        return this.end(effect.id, 'it ended by SIGKILL');
      case 'answer':
        this.answers.set(effect.requestId, effect.problem);
        return;
      case 'exit':
        this.hasExited = true;
        this.exitProblem = effect.problem;
        return;
      case 'serving':
      case 'log':
    }
  }

  end(id: number, how: string): void {
    if (this.processes.delete(id)) this.input({ type: 'exited', id, how });
  }

  /** Lets one process do what it does next. False when it waits for somebody else. */
  goOn(id: number): boolean {
    const process = this.processes.get(id);
    if (process === undefined) return false;
    switch (process.stage) {
      case 'warming':
        process.stage = 'waiting';
        this.input({ type: 'standby', id, release: process.release });
        return true;
      case 'opening':
        if (process.release === BROKEN) {
          this.input({ type: 'failed', id, reason: 'it is broken', isFinal: false });
          this.end(id, 'it ended with code 1');
          return true;
        }
        process.stage = 'joining';
        this.input({ type: 'opened', id });
        return true;
      case 'joining':
        process.stage = 'ready';
        this.input({ type: 'ready', id });
        return true;
      case 'draining':
        if (process.isHandOver) {
          process.stage = 'keepsPort';
          this.input({ type: 'released', id });
        } else {
          this.end(id, 'it ended with code 0');
        }
        return true;
      default:
        return false;
    }
  }

  /** Everything behaves until nothing is left to do. */
  settle(): void {
    for (let turn = 0; turn < 200; turn += 1) {
      const moved = [...this.processes.keys()].some((id) => this.goOn(id));
      if (moved) continue;
      const { due } = this.state;
      if (due === null) return;
      this.nowMs = Math.max(this.nowMs, due.atMs);
      this.input({ type: 'time' });
    }
    throw new Error('the supervisor does not come to rest');
  }
}
