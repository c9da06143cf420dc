import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';

import { nodesWithSteps } from '../../../nodes/rollout/machine.js';
import { makePlan } from '../../../nodes/rollout/plan.js';
import { hasEnded } from '../../../nodes/rollout/state.js';
import type { RolloutNode, RolloutStatus } from '../../../nodes/rollout/state.js';
import { GUARDS_DEFAULT } from '../../../nodes/rollout/limits.js';
import { FROM, IN_WINDOW_MS, RolloutWorld, TO, WINDOW } from './rollout-world.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
console.log(`rollout properties: SEED=${seed}`);

/** What can happen; `pick` says to whom, or how much. */
const HAPPENS = {
  work(world, pick) {
    const working = nodesWithSteps(world.rollout);
    if (working.length > 0) world.finish(working[pick % working.length]!);
  },
  /** Done, but the report is lost. */
  act(world, pick) {
    const working = nodesWithSteps(world.rollout);
    if (working.length > 0) world.act(working[pick % working.length]!);
  },
  repeat: (world, pick) => world.repeat(pick),
  late(world, pick) {
    const { nodeId, step, epoch: now } = nodeOf(world, pick);
    const epoch = Math.max(0, now - 1 - (pick % 3));
    const { id: rolloutId } = world.rollout;
    world.apply({ type: 'finishStep', rolloutId, nodeId, step, epoch, detail: {} });
  },
  leader(world, pick) {
    // In a plan with windows now within one, now outside.
    const hasWindows = world.rollout.plan.windows.length > 0;
    world.upkeep(hasWindows ? IN_WINDOW_MS + (pick - 500) * 10_000 : pick * 10);
  },
  time(world, pick) {
    world.apply({ type: 'advanceClock', nowMs: world.state.clockMs + pick * 20 });
  },
  acknowledge: (world, pick) => world.acknowledge(nodeOf(world, pick).nodeId),
  pause(world, pick) {
    const { rolloutId, epoch } = idOf(world);
    world.apply({ type: 'pauseRollout', rolloutId, epoch: epoch - (pick % 2), reason });
  },
  resume: (world) => world.apply({ type: 'resumeRollout', ...idOf(world) }),
  throttle(world, pick) {
    const limits = { maxUnavailable: pick % 4, soakMs: pick * 10 };
    world.apply({ type: 'throttleRollout', ...idOf(world), ...limits });
  },
  postpone(world, pick) {
    world.apply({ type: 'postponeRollout', ...idOf(world), notBeforeMs: pick * 10 });
  },
  abort(world, pick) {
    const { rolloutId } = idOf(world);
    if (pick % 12 === 0) world.apply({ type: 'abortRollout', rolloutId, reason });
  },
  /** Only the words of a node about the step that it has now count; all others change nothing. */
  giveUp(world, pick) {
    const { nodeId, epoch, step } = nodeOf(world, pick);
    const by = pick % 16 === 0 ? 0 : 1 + (pick % 3);
    const { rolloutId } = idOf(world);
    const nodeEpoch = Math.max(0, epoch - by);
    const taken = world.apply({ type: 'giveUpRollout', rolloutId, nodeId, nodeEpoch, reason });
    if (taken) expect([by, step]).toEqual([0, expect.not.stringMatching(/removed|pending|done/)]);
  },
  rollback(world, pick) {
    if (pick % 12 === 0) world.apply({ type: 'rollbackRollout', ...idOf(world), reason });
  },
  halt(world, pick) {
    if (pick % 8 > 1) return;
    const { nodeId, epoch } = nodeOf(world, pick);
    const { rolloutId } = idOf(world);
    const nodeEpoch = epoch - (pick % 2);
    world.apply({ type: 'haltRollout', rolloutId, nodeId, nodeEpoch, reason });
  },
  finalize: (world) => world.apply({ type: 'finalizeRollout', ...idOf(world) }),
  close(world, pick) {
    const early = pick % 3 === 0;
    world.apply({ type: 'closeWindow', ...idOf(world), nowMs: pick * 300, early });
  },
  remove(world, pick) {
    if (pick % 3 === 0) world.remove(nodeOf(world, pick).nodeId, pick % 2 === 0);
  },
  /** Whoever joins is started with what the swarm runs. */
  join(world, pick) {
    const { status, plan } = world.rollout;
    const isFinal = status === 'finalized' || status === 'completed';
    const runs = plan.kind === 'release' && isFinal ? TO.name : FROM.name;
    world.runs.set(world.state.nextNodeId, runs);
    world.apply({ type: 'addMember', peerId: `late-${pick}`, host: 'h', port: 1 });
  },
  say(world, pick) {
    const { members } = world.state;
    world.say([...members.keys()][pick % members.size]!);
  },
  /** What the old process of a node said last comes late. */
  sayOld(world, pick) {
    world.say(nodeOf(world, pick).nodeId, FROM.name);
  },
} satisfies Record<string, (world: RolloutWorld, pick: number) => unknown>;

const reason = 'random';

function nodeOf({ rollout: { nodes } }: RolloutWorld, pick: number): RolloutNode {
  return nodes[pick % nodes.length]!;
}

function idOf({ rollout: { id, epoch } }: RolloutWorld): { rolloutId: number; epoch: number } {
  return { rolloutId: id, epoch };
}

/** Work is done most of the time, so that runs come far. */
const OFTEN = ['work', 'work', 'work', 'work', 'work', 'leader', 'repeat', 'acknowledge'] as const;
const EVENTS = [...OFTEN, ...(Object.keys(HAPPENS) as (keyof typeof HAPPENS)[])];

const event = fc.record({ kind: fc.constantFrom(...EVENTS), pick: fc.nat(1_000) });

const setting = fc.record({
  nodes: fc.integer({ min: 1, max: 7 }),
  isRelease: fc.boolean(),
  batchSize: fc.integer({ min: 1, max: 4 }),
  canaries: fc.integer({ min: 0, max: 1 }),
  soakMs: fc.constantFrom(0, 10_000),
  windowMs: fc.constantFrom(0, 100_000),
  notBeforeMs: fc.constantFrom(0, 0, 5_000),
  windows: fc.constantFrom([], [], [WINDOW]),
  autoFinalize: fc.boolean(),
  action: fc.constantFrom('rollback' as const, 'pause' as const),
  leader: fc.nat(7),
});

type Setting = typeof setting extends fc.Arbitrary<infer T> ? T : never;

function started(settings: Setting): RolloutWorld {
  const world = new RolloutWorld(settings.nodes);
  const { batchSize, canaries, soakMs, notBeforeMs, windows, autoFinalize, action } = settings;
  const plan = makePlan([...world.state.members.values()], settings.leader, {
    ...(settings.isRelease ? { release: { from: FROM, to: TO } } : {}),
    batchSize,
    canaries,
    soakMs,
    notBeforeMs,
    windows,
    autoFinalize,
    rollbackWindowMs: settings.windowMs,
    guards: { ...GUARDS_DEFAULT, action },
  });
  expect(world.apply({ type: 'startRollout', plan, digest: 'd', startedAtMs: 1, after: 0 })).toBe(
    true,
  );
  return world;
}

const seen = new Set<string>();

describe('random entries', () => {
  it('keep every invariant, and whatever happened the rollout comes to an end', () => {
    fc.assert(
      fc.property(
        setting,
        fc.array(event, { maxLength: 150, size: 'max' }),
        fc.constantFrom('forward', 'rollback', 'abort'),
        (settings, events, end) => {
          const world = started(settings);
          for (const { kind, pick } of events) HAPPENS[kind](world, pick);
          bringToEnd(world, end);
          for (const status of world.seen) seen.add(status);
        },
      ),
      { seed, numRuns: Number(process.env['RUNS'] ?? 150) },
    );
  });

  afterAll(() => {
    const all: Record<RolloutStatus, true> = {
      scheduled: true,
      running: true,
      paused: true,
      switched: true,
      finalizing: true,
      finalized: true,
      completed: true,
      rollingBack: true,
      rolledBack: true,
      aborted: true,
    };
    expect([...seen].sort()).toEqual(Object.keys(all).sort());
  });
});

function bringToEnd(world: RolloutWorld, end: string): void {
  if (hasEnded(world.rollout)) return;
  const { id: rolloutId } = world.rollout;
  const reason = 'the end';
  if (end === 'abort') world.apply({ type: 'abortRollout', rolloutId, reason });
  if (end === 'rollback' || world.rollout.status === 'rollingBack') {
    const { epoch } = world.rollout;
    world.apply({ type: 'rollbackRollout', rolloutId, epoch, reason });
  } else {
    world.apply({ type: 'resumeRollout', rolloutId, epoch: world.rollout.epoch });
  }
  world.runToEnd();
}
