import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { EventEmitter } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';

import { NodeError } from '../../../nodes/errors.js';
import { RolloutExecutor } from '../../../nodes/migration/executor.js';
import type { ExecutorPorts } from '../../../nodes/migration/executor.js';
import { carryOutReleaseStep } from '../../../nodes/migration/release-steps.js';
import type { ReleaseSteps } from '../../../nodes/migration/release-steps.js';
import { releaseFiles, writeReleases } from '../../../nodes/release/files.js';
import { identify } from '../../../nodes/release/identity.js';
import { findRelease } from '../../../nodes/release/registry.js';
import { supervisedReleases } from '../../../nodes/release/steps.js';
import { SupervisedChild } from '../../../nodes/release/supervised.js';
import { nodesWithSteps } from '../../../nodes/rollout/machine.js';
import type { Rollout } from '../../../nodes/rollout/state.js';
import { requireWayBack } from '../../../nodes/service/rollouts.js';
import { IN_STATUS, RELEASE, bringTo, started } from '../rollout/rollouts.js';

const root = mkdtempSync(join(tmpdir(), 'agentic-flow-way-back-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
afterEach(() => void vi.useRealTimers());

/** A rollout in which a node has to switch back. */
function switchingBack(): { rollout: Rollout; nodeId: number } {
  const rollout = IN_STATUS.rollingBack();
  const nodeId = nodesWithSteps(rollout)[0]?.nodeId ?? 0;
  bringTo(rollout, nodeId, 'switch');
  return { rollout, nodeId };
}

/** Of a node whose build of the release before is gone. */
function stepsThatFail(problem: Error): ReleaseSteps & { tries: number } {
  const steps = {
    tries: 0,
    stage: async () => ({}),
    validate: async () => ({}),
    requireStartable: async () => Promise.reject(problem),
    switchTo: async () => {
      steps.tries += 1;
      throw problem;
    },
  };
  return steps;
}

/** The executor of a node with such a rollout. */
function executorOf(
  nodeId: number,
  rollout: Rollout,
  releaseSteps: ReleaseSteps | undefined,
): RolloutExecutor {
  const ports = {
    nodeId,
    release: 'to',
    replica: { control: { rollout } },
    driver: { pinLog: () => () => undefined },
    releaseSteps,
    log: () => undefined,
  };
  return new RolloutExecutor(ports as unknown as ExecutorPorts);
}

describe('a switch back that fails', () => {
  const gone = new NodeError('refused', 'from: it ended with code 1');

  it('says what it waits for', async () => {
    const { rollout } = switchingBack();
    const node = { rollout, step: 'switch', epoch: 1 } as const;
    const { signal } = new AbortController();
    const back = carryOutReleaseStep(
      { ...node, direction: 'back' },
      'to',
      stepsThatFail(gone),
      signal,
    );
    await expect(back).rejects.toThrow(/code 1\. .* until from starts here.*release add PATH/);
    const on = carryOutReleaseStep(
      { ...node, direction: 'forward' },
      'from',
      stepsThatFail(gone),
      signal,
    );
    await expect(on).rejects.toThrow(gone);
  });

  /** Tries in the first minute. */
  async function triesOf(problem: Error): Promise<{ tries: number; progress: string }> {
    vi.useFakeTimers();
    const { rollout, nodeId } = switchingBack();
    const steps = stepsThatFail(problem);
    const executor = executorOf(nodeId, rollout, steps);
    executor.poke();
    await vi.advanceTimersByTimeAsync(60_000);
    const { progress } = executor;
    await executor.stop();
    return { tries: steps.tries, progress };
  }

  it('is tried ever later when an operator has to mend it, and shows why', async () => {
    const { tries, progress } = await triesOf(gone);
    expect(tries).toBe(7);
    expect(progress).toContain("'agentic-flow release add PATH'");
  });

  it('is tried again soon when that may pass', async () => {
    const { tries } = await triesOf(new NodeError('stopped', 'the node died meanwhile'));
    expect(tries).toBeGreaterThan(100);
  });
});

/** A folder with the files of a build, which is not run. */
function buildFolder(): string {
  const path = mkdtempSync(join(root, 'build-'));
  const main = join(path, 'dist', 'src', 'cli');
  mkdirSync(main, { recursive: true });
  writeFileSync(join(path, 'package.json'), '{"name":"agentic-flow","version":"2.1.0"}');
  writeFileSync(join(main, 'main.js'), '');
  return path;
}

it('a way back without its build says so, and goes on by itself when the build is added', async () => {
  const files = releaseFiles(mkdtempSync(join(root, 'data-')));
  const path = buildFolder();
  const from = { ...(await identify(path)), commandVersion: 5 };
  const { rollout: before, nodeId } = switchingBack();
  const plan = { ...before.plan, from: from.name, release: { ...RELEASE, from } };
  const rollout = { ...before, plan };
  // The supervisor: it starts what the registry knows, and says why it cannot.
  const channel = new EventEmitter();
  const started: string[] = [];
  const send = (raw: unknown, sent: () => void): boolean => {
    sent();
    const { type, request, to } = raw as { type: string; request: number; to: string };
    if (type !== 'handOver') return true;
    void findRelease(files, to)
      .then((found) => void started.push(found.path))
      .then(
        () => null,
        (error: Error) => error.message,
      )
      .then((problem) => {
        channel.emit('message', { type: 'answer', request, problem, isPassing: false });
      });
    return true;
  };
  const supervisor = new SupervisedChild(Object.assign(channel, { connected: true, send }));
  const running = { ...RELEASE.to, name: 'to' };
  const { steps } = supervisedReleases({ files, running, supervisor, failed: null });
  const executor = executorOf(nodeId, rollout, steps);
  executor.poke();
  await vi.waitFor(
    () => expect(executor.progress).toMatch(/knows no release .*goes back until .* starts here/),
    { timeout: 30_000 },
  );
  expect(started).toEqual([]);
  await writeReleases(files, [{ ...from, path, addedAtMs: 1 }]);
  await vi.waitFor(() => expect(started).toContain(path), { timeout: 60_000 });
  await executor.stop();
}, 120_000);

describe('an operator who wants to go back', () => {
  it('is refused where the release before is not there any more', async () => {
    const files = releaseFiles(mkdtempSync(join(root, 'data-')));
    const path = buildFolder();
    const main = join(path, 'dist', 'src', 'cli');
    const from = { ...(await identify(path)), commandVersion: 5 };
    const before = IN_STATUS.finalized();
    const rollout = { ...before, plan: { ...before.plan, release: { ...RELEASE, from } } };
    const channel = { send: () => true, on: () => undefined, once: () => undefined };
    const releasesOf = (running: typeof from) => ({
      releases: supervisedReleases({
        files,
        running,
        supervisor: new SupervisedChild(channel),
        failed: null,
      }),
    });
    const node = releasesOf({ ...RELEASE.to, name: 'to' });
    await expect(requireWayBack(node, rollout)).rejects.toThrow('knows no release');
    await writeReleases(files, [{ ...from, path, addedAtMs: 1 }]);
    await requireWayBack(node, rollout);
    writeFileSync(join(main, 'main.js'), 'changed');
    const refused = requireWayBack(node, rollout);
    await expect(refused).rejects.toThrow(/cannot go back to .*release add PATH/);
    rmSync(path, { recursive: true });
    await expect(requireWayBack(node, rollout)).rejects.toMatchObject({ code: 'refused' });
    // A node that runs it has nowhere to go.
    await requireWayBack(releasesOf(from), rollout);
    await requireWayBack(node, started(2));
  });
});
