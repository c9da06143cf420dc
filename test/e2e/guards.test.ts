/**
 * Builds that are broken on purpose, in real processes over real QUIC: each works well until it answers
 * from v2, and then has to be found out and taken back without a human, within two windows.
 */
import { writeFileSync } from 'node:fs';

import { beforeAll, describe, expect, it } from 'vitest';

import type { Rollout, SwarmClient } from '../../src/client/index.js';
import { scratch, v1Installation } from './support/directories.js';
import { run, runJson } from './support/processes.js';
import { Swarm } from './support/swarm.js';
import { Writers, expectEverywhere } from './support/writers.js';
import { until } from '../waiting.js';

const MEMORIES = 16;
const WINDOW_MS = 2_500;
/** A canary that is not found out in this time would let the next node begin. */
const SOAK_MS = 45_000;
const preload = new URL('./support/broken-node.js', import.meta.url).href;

/** What is wrong with the build once it answers from v2; see `broken-node.ts`. */
const kindFile = scratch('kind');
let swarm: Swarm;
let client: SwarmClient;

beforeAll(async () => {
  writeFileSync(kindFile, 'well');
  const env = { NODE_OPTIONS: `--import=${preload}`, BROKEN_NODE: kindFile };
  swarm = await Swarm.start({ nodes: 3, from: v1Installation(MEMORIES), spawn: { env } });
  client = await swarm.connect();
});

async function start(windowMs: number, soakMs: number, p99Factor = 3): Promise<void> {
  const times = ['--soak', `${soakMs}ms`, '--guard-window', `${windowMs}ms`];
  const plan = ['--canaries', '1', '--p99-factor', `${p99Factor}`, ...times];
  const where = ['--data', swarm.member(1).directory];
  await runJson(['rollout', 'start', 'v2', '--no-wait', ...plan, ...where]);
}

/** Follows a rollout: when the first node had switched, and when it was going back. */
async function followToItsEnd(): Promise<{ rollout: Rollout; haltedAfterMs: number }> {
  let switchedAtMs = 0;
  let haltedAfterMs = 0;
  const rollout = await until('the rollout has ended', async () => {
    // The broken build may fail this too.
    const now = await client.rolloutStatus().catch(() => null);
    if (now === null) return false;
    const isSwitched = now.nodes.some(({ step }) => ['rejoin', 'soak', 'done'].includes(step));
    if (isSwitched && switchedAtMs === 0) switchedAtMs = performance.now();
    if (/rollingBack|rolledBack/.test(now.status))
      haltedAfterMs ||= performance.now() - switchedAtMs;
    return /rolledBack|aborted|completed|finalized/.test(now.status) && now;
  });
  return { rollout, haltedAfterMs };
}

const broken: readonly [kind: string, reason: RegExp][] = [
  ['errors', /errors: \d+ of \d+ (probes|requests of clients) failed/],
  ['slow', /slow: (probes|requests of clients) take \d+ ms/],
  ['leaks', /memory: the process has \d+ MiB, at the switch it had \d+ MiB/],
  ['corrupts', /answers: answers differ: memory\.get/],
  ['dies', /missing: no metrics/],
];

describe('a rollout to a build that is broken', () => {
  it.each(broken)(
    'and %s is halted within two windows and rolled back, without a human',
    async (kind, reason) => {
      writeFileSync(kindFile, kind);
      const writers = new Writers(swarm, client, kind, 2);
      // A busy machine is slow by itself: that is what one of them is about, and none of the others.
      await start(WINDOW_MS, SOAK_MS, kind === 'slow' ? 3 : 1_000);
      const { rollout, haltedAfterMs } = await followToItsEnd();
      await writers.stop();
      expect(rollout.status).toBe('rolledBack');
      expect(rollout.reason).toMatch(reason);
      expect(haltedAfterMs).toBeLessThan(SOAK_MS);
      const canary = rollout.nodes[0]?.nodeId ?? 0;
      expect(rollout.reason).toMatch(new RegExp(`^node ${canary} is unhealthy since 2 windows`));
      if (kind === 'dies') await swarm.restart(canary);
      const status = await client.status();
      expect(status.swarmVersion).toBe(1);
      for (const member of status.members) {
        expect(member).toMatchObject({ engine: 'v1', cordoned: false, status: 'up' });
      }
      expect(writers.acknowledged.size).toBeGreaterThan(0);
      await expectEverywhere(swarm, client, writers.acknowledged);
    },
  );
});

describe('a rollout to a build that works', () => {
  it('is judged healthy under load and goes to its end', async () => {
    writeFileSync(kindFile, 'well');
    const writers = new Writers(swarm, client, 'load', 2);
    await start(2 * WINDOW_MS, 6 * WINDOW_MS);
    const judged = await until('a member is judged', async () => {
      const { members, watching } = await client.health();
      return watching !== null && members.find((member) => member.judged);
    });
    expect(judged.status).toMatch(/healthy|unknown/);
    const { rollout } = await followToItsEnd();
    await writers.stop();
    expect(rollout).toMatchObject({ status: 'finalized', reason: '' });
    expect(writers.failures).toEqual([]);
    await expectEverywhere(swarm, client, writers.acknowledged);
    const shown = await run(['swarm', 'health', '--data', swarm.member(2).directory]);
    expect(shown.stdout).toMatch(/rollout \d+ is watched/);
    expect(shown.stdout.match(/^\d .*v2 .* MiB/gm)).toHaveLength(3);
  });
});

describe('swarm health', () => {
  it('shows each member, and says which one is unhealthy and why', async () => {
    const swarm = await Swarm.start({ nodes: 2 });
    const through = ['swarm', 'health', ...swarm.through(1)];
    const well = await run(through);
    expect(well).toMatchObject({ code: 0, stderr: '' });
    expect(well.stdout).toMatch(/no rollout is watched; leader [12]/);
    expect(well.stdout.match(/^\d +(healthy|unknown) /gm)).toHaveLength(2);
    await swarm.member(2).process.kill();
    const ill = await run([...through, '--json']);
    expect(ill.code).toBe(1);
    expect(ill.stderr).toMatch(/unhealthy: node 2 \(missing\)/);
    expect(JSON.parse(ill.stdout)).toMatchObject({
      version: 1,
      members: [{ nodeId: 1 }, { nodeId: 2, status: 'unhealthy', report: null }],
    });
  });
});
