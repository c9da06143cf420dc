import { describe, expect, it } from 'vitest';
import { applySchedule, generateSchedule, Nemesis } from '../../../sim/nemesis/index.js';
import type { FaultAction } from '../../../sim/nemesis/index.js';
import { recordedWorld, recorder } from '../world/recorder.js';

const nodes = ['a', 'b', 'c'];

/** A nemesis of a world whose leader changes, and what it leaves. */
function withLeader() {
  const { world } = recordedWorld();
  const leader = { name: 'a' as string | undefined };
  const resolve = (target: string): string | undefined =>
    target === '@leader' ? leader.name : target === '@follower' ? 'c' : undefined;
  const nemesis = new Nemesis(world, nodes, { resolve });
  const down = (): string => nodes.filter((name) => !world.isUp(name)).join('');
  return { world, leader, nemesis, down };
}

describe('targets', () => {
  it('are resolved when the action happens', () => {
    const { world } = recordedWorld();
    let leader = 'a';
    applySchedule(
      world,
      {
        seed: 1,
        nodes,
        durationMicroseconds: 1000,
        faults: [{ atMicroseconds: 500, action: { kind: 'crash', node: '@leader' } }],
      },
      { resolve: () => leader },
    );
    world.at(400, 'election', () => {
      leader = 'b';
    });
    world.run({ untilMicroseconds: 1000 });
    expect(nodes.map((name) => world.isUp(name))).toEqual([true, false, true]);
  });

  it('a fault ends on the node that it hit, whoever leads by then', () => {
    const { leader, nemesis, down, world } = withLeader();
    nemesis.apply({ kind: 'crash', node: '@leader' });
    leader.name = 'b';
    nemesis.apply({ kind: 'pause', node: '@leader' });
    nemesis.apply({ kind: 'crash', node: '@follower' });
    leader.name = undefined;
    expect([down(), world.isPaused('b')]).toEqual(['ac', true]);
    nemesis.apply({ kind: 'resume', node: '@leader' });
    nemesis.apply({ kind: 'restart', node: '@leader' });
    expect([down(), world.isPaused('b')]).toEqual(['c', false]);
    nemesis.apply({ kind: 'restart', node: '@follower' });
    expect([down(), nemesis.skipped]).toEqual(['', 0]);
  });

  it('two faults of one target end in the order in which they happened', () => {
    const { leader, nemesis, down } = withLeader();
    nemesis.apply({ kind: 'crash', node: '@leader' });
    leader.name = 'b';
    nemesis.apply({ kind: 'crash', node: '@leader' });
    nemesis.apply({ kind: 'restart', node: '@leader' });
    expect(down()).toBe('b');
    nemesis.apply({ kind: 'restart', node: '@leader' });
    expect(down()).toBe('');
  });

  it('of both ends of a link are remembered together', () => {
    const { world, leader, nemesis } = withLeader();
    nemesis.apply({ kind: 'clog', from: '@leader', to: '@follower' });
    leader.name = 'b';
    expect(world.network.link('a', 'c').isClogged).toBe(true);
    nemesis.apply({ kind: 'unclog', from: '@leader', to: '@follower' });
    expect(world.network.cloggedLinks()).toEqual([]);
  });

  it('a drift ends on the clock that it hit', () => {
    const { world, leader, nemesis } = withLeader();
    nemesis.apply({ kind: 'clock-drift', node: '@leader', partsPerMillion: 500 });
    leader.name = 'b';
    expect(world.clockOf('a').driftPartsPerMillion).toBe(500);
    nemesis.apply({ kind: 'clock-drift', node: '@leader', partsPerMillion: 0 });
    expect(world.clockOf('a').driftPartsPerMillion).toBe(0);
  });

  it.each<FaultAction>([
    { kind: 'crash', node: '@nobody' },
    // Nothing that began is to be ended.
    { kind: 'restart', node: '@leader' },
    // Both ends are the same node.
    { kind: 'reset', node: '@leader', peer: 'a' },
    { kind: 'upgrade', node: 'a', release: 'v9' },
  ])('%j is skipped and counted', (action) => {
    const { nemesis, world } = withLeader();
    nemesis.apply(action);
    expect(nemesis.skipped).toBe(1);
    expect(nodes.every((name) => world.isUp(name))).toBe(true);
  });

  it('@random needs no resolver', () => {
    const { world } = recordedWorld();
    const nemesis = new Nemesis(world, nodes);
    nemesis.apply({ kind: 'crash', node: '@random' });
    expect(nodes.filter((name) => !world.isUp(name))).toHaveLength(1);
    nemesis.apply({ kind: 'restart', node: '@random' });
    expect(nodes.every((name) => world.isUp(name))).toBe(true);
  });

  it('are drawn into schedules when asked for', () => {
    const options = { nodes, durationMicroseconds: 100_000_000, meanPauseMicroseconds: 500_000 };
    const drawn = JSON.stringify(generateSchedule(1, { ...options, targets: ['@leader'] }));
    expect(drawn.match(/"node":"@leader"/g)!.length).toBeGreaterThan(20);
    expect(JSON.stringify(generateSchedule(1, options))).not.toContain('@');
  });
});

describe('an upgrade', () => {
  it('restarts the node with the program of the release', () => {
    const { world, notes, send } = recordedWorld();
    const upgraded: string[] = [];
    const nemesis = new Nemesis(world, nodes, {
      program: (release) => (release === 'v2' ? recorder(upgraded) : undefined),
    });
    nemesis.apply({ kind: 'upgrade', node: 'b', release: 'v2' });
    world.run();
    send('a', 'b', 'x');
    send('a', 'c', 'y');
    world.run();
    expect([notes, upgraded]).toEqual([['1000 c message a y'], ['1000 b message a x']]);
  });
});
