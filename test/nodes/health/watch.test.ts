import { describe, expect, it } from 'vitest';

import type { Command } from '../../../nodes/control-plane/command.js';
import { Latencies } from '../../../nodes/health/latency.js';
import type { HealthReport } from '../../../nodes/health/report.js';
import { HealthWatch } from '../../../nodes/health/watch.js';
import { GUARDS_DEFAULT } from '../../../nodes/rollout/limits.js';
import type { Guards, Rollout, RolloutStep } from '../../../nodes/rollout/state.js';
import { RpcError } from '../../../transport/rpc/rpc.js';
import { sleep, undisturbed } from '../../waiting.js';

const WINDOW_MS = 400;
const guards: Guards = { ...GUARDS_DEFAULT, windowMs: WINDOW_MS, diskFreeBytesMin: 0 };

/** Three members, of which the first has switched unless it is said otherwise. */
function rolloutWith(change: Partial<Rollout> = {}, steps: readonly RolloutStep[] = []): Rollout {
  const of = (nodeId: number): RolloutStep =>
    steps[nodeId - 1] ?? (nodeId === 1 ? 'soak' : 'pending');
  const node = (nodeId: number) => {
    return { nodeId, step: of(nodeId), direction: 'forward', epoch: nodeId + 5 } as const;
  };
  return {
    id: 40,
    status: 'running',
    plan: { kind: 'engine', from: 'v1', to: 'v2', guards } as Rollout['plan'],
    nodes: [1, 2, 3].map((nodeId) => ({ ...node(nodeId), sinceMs: 0, detail: null })),
    ...change,
  } as Rollout;
}

/** A swarm whose members answer as the test says. */
class Swarm {
  rollout: Rollout | null = rolloutWith();
  readonly proposed: Command[] = [];
  readonly logged: string[] = [];
  readonly reports = new Map<number, Partial<HealthReport> | Error>();
  /** What each member answers instead of the truth; a function may wait or throw. */
  readonly answers = new Map<number, (method: string) => unknown>();
  readonly watch = new HealthWatch({
    rollout: () => this.rollout,
    commitIndex: () => 100,
    report: (nodeId) => Promise.resolve(this.#report(nodeId)),
    ask: async (nodeId, method) => {
      const answer = await this.answers.get(nodeId)?.(method);
      return answer ?? truth(method);
    },
    propose: (command) => {
      this.proposed.push(command);
      return Promise.resolve({ ok: true, index: 1, value: 0 });
    },
    log: (message) => this.logged.push(message),
  });

  #report(nodeId: number): HealthReport {
    const told = this.reports.get(nodeId) ?? {};
    if (told instanceof Error) throw told;
    const latencies = new Latencies();
    for (let i = 0; i < 20; i += 1) latencies.add(5);
    const rest = { release: '', serving: true, incarnation: 'first', uptimeMs: 9, windowMs: 9 };
    const bytes = { rssBytes: 3e8, heapUsedBytes: 1e8, eventLoopDelayMs: 0, diskFreeBytes: 1e9 };
    const engine = nodeId === 1 ? 'v2' : 'v1';
    const counts = { requests: 20, faults: 0, latencies, appliedIndex: 100 };
    return { nodeId, engine, ...rest, ...bytes, ...counts, ...told };
  }

  /** The halts, and after how many milliseconds the first one came. */
  async firstHalt(withinMs: number): Promise<{ halt: Command | undefined; tookMs: number }> {
    const startedMs = performance.now();
    while (this.proposed.length === 0 && performance.now() - startedMs < withinMs) await sleep(10);
    return { halt: this.proposed[0], tookMs: performance.now() - startedMs };
  }
}

function truth(method: string): unknown {
  const memory = { id: 'a', content: 'the cache is empty', metadata: {}, createdAtMs: 1 };
  switch (method) {
    case 'memory.list':
      return { memories: [memory], next: null, appliedIndex: 100 };
    case 'memory.openSession':
      return { session: 7 };
    case 'memory.counts':
      return { counts: { quarantined: 0 } };
    case 'memory.search':
      return { hits: [{ ...memory, score: 0.9 }], appliedIndex: 100 };
    case 'memory.edges':
      return { edges: [], appliedIndex: 100 };
    case 'memory.neighbours':
      return { neighbours: [], isCut: false, appliedIndex: 100 };
    default:
      return { memory, appliedIndex: 100 };
  }
}

/** Windows are real time: a run in which the machine stood still says nothing. */
function watched(run: (swarm: Swarm) => Promise<void>): () => Promise<void> {
  return () =>
    undisturbed(async () => {
      const swarm = new Swarm();
      try {
        await run(swarm);
      } finally {
        await swarm.watch.stop();
      }
    });
}

const troubles: readonly [string, RegExp, (swarm: Swarm) => void][] = [
  [
    'tells nothing',
    /missing: no metrics: it is gone/,
    (swarm) => void swarm.reports.set(1, new Error('it is gone')),
  ],
  [
    'tells an error that is longer than an entry of the log may be',
    /missing: no metrics: e{200}$/,
    (swarm) => void swarm.reports.set(1, new Error('e'.repeat(10_000))),
  ],
  [
    'fails probes',
    /errors: \d+ of \d+ probes failed.*it is broken/,
    (swarm) => {
      swarm.answers.set(1, () => {
        throw new RpcError('internal', 'it is broken');
      });
    },
  ],
  [
    'is slow to answer probes',
    /slow: probes take/,
    (swarm) => void swarm.answers.set(1, () => sleep(120)),
  ],
  [
    'answers wrongly',
    /answers: answers differ: memory\.get .*rubbish/,
    (swarm) => {
      swarm.answers.set(1, (method) => {
        const memory = { id: 'a', content: 'rubbish', metadata: {} };
        return method === 'memory.get' ? { memory } : undefined;
      });
    },
  ],
  [
    'cannot write',
    /errors: .* failed, the last one with: the disk is read-only/,
    (swarm) => {
      swarm.answers.set(1, (method) => {
        if (method === 'memory.openSession')
          throw new RpcError('internal', 'the disk is read-only');
        return undefined;
      });
    },
  ],
  ['takes no requests', /not-serving/, (swarm) => void swarm.reports.set(1, { serving: false })],
];

// At once: they wait more than they work.
describe.concurrent('the watch of a leader', () => {
  it.each(troubles)('halts a rollout when a member %s', async (_what, reason, break_) => {
    await watched(async (swarm) => {
      break_(swarm);
      const { halt, tookMs } = await swarm.firstHalt(WINDOW_MS * 10);
      expect(halt).toMatchObject({ type: 'haltRollout', rolloutId: 40, nodeId: 1, nodeEpoch: 6 });
      expect(halt).toMatchObject({ reason: expect.stringMatching(reason) as string });
      // Two windows, up to one in which it began, and what a busy machine adds.
      expect(tookMs).toBeLessThan(WINDOW_MS * 5);
    })();
  });

  it(
    'lets a rollout go on whose members do well',
    watched(async (swarm) => {
      await sleep(WINDOW_MS * 4.5);
      expect(swarm.proposed).toEqual([]);
      const verdicts = swarm.watch.last?.verdicts;
      expect(verdicts).toEqual([{ nodeId: 1, status: 'healthy', alarms: [] }]);
    }),
  );

  it(
    'blames no member for what those that have not switched do too',
    watched(async (swarm) => {
      for (const nodeId of [1, 2, 3]) swarm.answers.set(nodeId, () => sleep(120));
      await sleep(WINDOW_MS * 4.5);
      expect(swarm.proposed).toEqual([]);
      expect(swarm.watch.last?.verdicts).toMatchObject([{ nodeId: 1, status: 'healthy' }]);
    }),
  );

  it(
    'does not judge members that have not switched',
    watched(async (swarm) => {
      swarm.reports.set(3, { serving: false, faults: 20 });
      await sleep(WINDOW_MS * 4.5);
      expect(swarm.proposed).toEqual([]);
      expect(swarm.watch.last?.verdicts).toMatchObject([{ nodeId: 1, status: 'healthy' }]);
    }),
  );

  it(
    'counts restarts from the switch on',
    watched(async (swarm) => {
      await sleep(WINDOW_MS);
      for (const incarnation of ['second', 'third']) {
        swarm.reports.set(1, { incarnation });
        await sleep(WINDOW_MS * 1.2);
      }
      const { halt } = await swarm.firstHalt(WINDOW_MS * 4);
      expect(halt).toMatchObject({ reason: expect.stringMatching(/2 restarts/) as string });
    }),
  );

  it(
    'judges memory by what the member had when it had switched',
    watched(async (swarm) => {
      await sleep(WINDOW_MS * 1.5);
      swarm.reports.set(1, { rssBytes: 7e8 });
      const { halt } = await swarm.firstHalt(WINDOW_MS * 5);
      expect(halt).toMatchObject({ reason: expect.stringMatching(/memory: .*286 MiB/) as string });
    }),
  );

  it(
    'begins anew when an operator resumes what it has paused',
    watched(async (swarm) => {
      const plan = { ...rolloutWith().plan, guards: { ...guards, action: 'pause' as const } };
      swarm.rollout = rolloutWith({ plan });
      swarm.reports.set(1, { serving: false });
      await swarm.firstHalt(WINDOW_MS * 10);
      swarm.rollout = rolloutWith({ plan, status: 'paused' });
      await sleep(WINDOW_MS * 3);
      expect(swarm.proposed).toHaveLength(1);
      swarm.rollout = rolloutWith({ plan });
      // One window that is unhealthy; with those before it would be one too many.
      await sleep(WINDOW_MS * 1.2);
      swarm.reports.set(1, {});
      await sleep(WINDOW_MS * 3);
      expect(swarm.proposed).toHaveLength(1);
      expect(swarm.watch.last?.verdicts).toMatchObject([{ nodeId: 1, status: 'healthy' }]);
    }),
  );

  it(
    'tells and does not halt once the rollout is finalized',
    watched(async (swarm) => {
      swarm.rollout = rolloutWith({ status: 'finalized' }, ['done', 'done', 'done']);
      swarm.reports.set(1, { serving: false });
      await sleep(WINDOW_MS * 4.5);
      expect(swarm.proposed).toEqual([]);
      expect(swarm.watch.last?.streaks.get(1)).toBeGreaterThanOrEqual(2);
      expect(swarm.logged.join('\n')).toMatch(/node 1: not-serving/);
    }),
  );

  it(
    'watches nothing while it does not lead, and begins anew when it leads again',
    watched(async (swarm) => {
      swarm.reports.set(1, new Error('it is gone'));
      await sleep(WINDOW_MS * 1.7);
      swarm.rollout = null;
      await sleep(WINDOW_MS * 2);
      expect(swarm.watch.last).toBeNull();
      expect(swarm.proposed).toEqual([]);
    }),
  );

  it(
    'watches nothing without guards',
    watched(async (swarm) => {
      const plan = { ...rolloutWith().plan, guards: null };
      swarm.rollout = rolloutWith({ plan });
      swarm.reports.set(1, new Error('it is gone'));
      await sleep(WINDOW_MS * 3.5);
      expect(swarm.watch.last).toBeNull();
      expect(swarm.proposed).toEqual([]);
    }),
  );
});
