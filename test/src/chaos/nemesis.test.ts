import { describe, expect, it } from 'vitest';

import type { FaultAction, Schedule } from '../../../sim/nemesis/index.js';
import { Nemesis, type NemesisPorts } from '../../../src/chaos/nemesis.js';

/** A swarm of which nothing is left but what is done to it. */
class Recorder implements NemesisPorts {
  readonly done: string[] = [];
  readonly #running = new Set(['n1', 'n2', 'n3']);
  readonly #paused = new Set<string>();
  #leaders: (string | undefined)[];

  constructor(leaders: (string | undefined)[] = []) {
    this.#leaders = leaders;
  }

  relay({ kind }: FaultAction): Promise<void> {
    this.done.push(kind);
    return Promise.resolve();
  }

  kill(node: string): Promise<boolean> {
    return Promise.resolve(this.#note(`kill ${node}`, this.#running.delete(node)));
  }

  start(node: string): boolean {
    const isDown = !this.#running.has(node);
    this.#running.add(node);
    return this.#note(`start ${node}`, isDown);
  }

  pause(node: string): boolean {
    const isAwake = !this.#paused.has(node);
    this.#paused.add(node);
    return this.#note(`pause ${node}`, isAwake);
  }

  resume(node: string): boolean {
    return this.#note(`resume ${node}`, this.#paused.delete(node));
  }

  leader(): Promise<string | undefined> {
    return Promise.resolve(this.#leaders.shift());
  }

  #note(what: string, hadEffect: boolean): boolean {
    if (hadEffect) this.done.push(what);
    return hadEffect;
  }
}

const never = new AbortController().signal;

function scheduleOf(...actions: FaultAction[]): Schedule {
  const faults = actions.map((action, at) => ({ atMicroseconds: at, action }));
  return { seed: 1, nodes: ['n1', 'n2', 'n3'], durationMicroseconds: 5_000, faults };
}

async function follow(recorder: Recorder, ...actions: FaultAction[]): Promise<Nemesis> {
  const nemesis = new Nemesis(scheduleOf(...actions), recorder);
  await nemesis.follow(never);
  return nemesis;
}

describe('the nemesis of real processes', () => {
  it('does what the schedule says, and heals what it leaves broken', async () => {
    const recorder = new Recorder();
    const nemesis = await follow(
      recorder,
      { kind: 'crash', node: 'n1' },
      { kind: 'isolate', node: 'n2' },
      { kind: 'pause', node: 'n3' },
    );
    expect(recorder.done).toEqual([
      'kill n1',
      'isolate',
      'pause n3',
      'start n1',
      'resume n3',
      'heal-all',
    ]);
    expect(nemesis.applied.map(({ isBeginning, hadEffect }) => [isBeginning, hadEffect])).toEqual([
      [true, true],
      [true, true],
      [true, true],
      [false, true],
    ]);
  });

  it('counts no fault that found nothing to do', async () => {
    const nemesis = await follow(
      new Recorder(),
      { kind: 'crash', node: 'n1' },
      { kind: 'crash', node: 'n1' },
      { kind: 'resume', node: 'n2' },
      { kind: 'restart', node: 'n1' },
    );
    expect(nemesis.applied.map(({ hadEffect }) => hadEffect)).toEqual([
      true,
      false,
      false,
      true,
      true,
    ]);
  });

  it('hits whoever leads, and ends that fault on the same node', async () => {
    const recorder = new Recorder(['n2', 'n3']);
    await follow(
      recorder,
      { kind: 'crash', node: '@leader' },
      { kind: 'restart', node: '@leader' },
    );
    expect(recorder.done).toEqual(['kill n2', 'start n2', 'heal-all']);
  });

  it('hits nobody when nobody leads', async () => {
    const recorder = new Recorder([undefined]);
    const nemesis = await follow(recorder, { kind: 'crash', node: '@leader' });
    expect(recorder.done).toEqual(['heal-all']);
    expect(nemesis.applied[0]).toMatchObject({ isBeginning: true, hadEffect: false });
  });

  it('ends when it is told to', async () => {
    const ending = new AbortController();
    const nemesis = new Nemesis(
      { ...scheduleOf(), durationMicroseconds: 60_000_000 },
      new Recorder(),
    );
    const following = nemesis.follow(ending.signal);
    ending.abort();
    await expect(following).rejects.toThrow('abort');
    expect(nemesis.applied).toEqual([]);
  });
});
