/** Rollouts that the members have to approve: four real processes over QUIC. */
import { expect, it } from 'vitest';

import type { Approvals, Rollout, RolloutPlan, SwarmClient } from '../../src/client/index.js';
import { planDigest } from '../../nodes/approval/value.js';
import { dataPaths, readIdentity } from '../../nodes/data-directory.js';
import type { RolloutPlan as Plan } from '../../nodes/rollout/state.js';
import { encodeCommand } from '../../nodes/wire/command-codec.js';
import type { Command } from '../../nodes/control-plane/command.js';
import { parsePeerAddress } from '../../transport/identity/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import { certificateOf } from '../nodes/approval/approving.js';
import { until } from '../waiting.js';
import { v1Installation } from './support/directories.js';
import { run, runJson } from './support/processes.js';
import { Swarm } from './support/swarm.js';

const MEMORIES = 5;
const PLAN = ['--no-guards', '--rollback-window', '0'];

interface Status {
  readonly rollout: Rollout | null;
  readonly approvals?: Approvals;
}

const data = (swarm: Swarm, nodeId: number): string[] => ['--data', swarm.member(nodeId).directory];

it('goes through with the votes of three of four, and not with those of two', async () => {
  const swarm = await Swarm.start({ nodes: 4, from: v1Installation(MEMORIES) });
  const client = await swarm.connect();
  const { digest } = await runJson<RolloutPlan>([
    'rollout',
    'plan',
    'v2',
    ...PLAN,
    ...data(swarm, 1),
  ]);

  // Nobody's token approves anything: who leads writes the tokens.
  const byToken = ['rollout', 'approve', digest, ...data(swarm, 2)];
  const stranger = await run([...byToken.slice(0, 3), ...swarm.through(2)]);
  expect(stranger).toMatchObject({ code: 1 });
  await expect(client.rollouts.approve(digest, { only: swarm.member(2).peerId })).rejects.toThrow(
    /by its own operator only/,
  );

  expect(await runJson(byToken)).toMatchObject({ state: 'waiting' });
  const start = ['rollout', 'start', 'v2', ...PLAN, '--approve', 'bft', '--digest', digest];
  const early = await run([...start, '--no-wait', ...data(swarm, 1)]);
  expect(early.code).toBe(1);
  expect(early.stderr).toMatch(
    /2 of 4 members vote for the plan .*, 3 have to; node 3: its operator/,
  );
  const asked = await runJson<Status>(['rollout', 'approvals', ...data(swarm, 3)]);
  expect(asked.approvals?.proposals).toMatchObject([{ digest, to: 'v2', state: 'waiting' }]);
  const plain = await run(['rollout', 'start', 'v2', ...PLAN, ...data(swarm, 1)]);
  expect(plain).toMatchObject({ code: 1 });
  expect(plain.stderr).toMatch(/give --approve bft/);

  // What was signed and said is on the disk of the one who voted.
  await swarm.member(2).process.kill();
  await swarm.restart(2);
  const running = run([...start, ...swarm.through(1), '--json']);
  expect(await runJson(['rollout', 'approve', digest, ...data(swarm, 3)])).toMatchObject({
    approvals: { approved: digest },
  });
  const finished = await running;
  expect(finished.stderr).not.toMatch(/error:/);
  expect(finished.code).toBe(0);
  const { rollout } = JSON.parse(finished.stdout) as { rollout: Rollout };
  expect(rollout).toMatchObject({ status: 'completed', digest, approval: { by: 'bft' } });
  const status = await client.status();
  expect(status.swarmVersion).toBe(2);
  expect(status.members.map(({ engine }) => engine)).toEqual(['v2', 'v2', 'v2', 'v2']);
  const text = await run(['rollout', 'status', ...data(swarm, 4)]);
  expect(text.stdout).toMatch(/approved by the members \(bft\)/);
});

it('lets no node act on a certificate that somebody made up, or on none', async () => {
  const swarm = await Swarm.start({ nodes: 4, from: v1Installation(MEMORIES) });
  const client = await swarm.connect();
  for (const { nodeId } of swarm.members.slice(0, 3)) {
    const set = ['rollout', 'approvals', 'bft', '--trust', ...data(swarm, nodeId)];
    expect(await runJson(set)).toMatchObject({ approvals: { required: true } });
  }
  const { swarmId } = swarm.created;
  const { plan, digest } = await client.planRollout('v2', { plan: { soakMs: 0, guards: null } });
  const value = { swarmId, after: 0, digest, plan: plan as Plan };
  expect(planDigest(value.plan)).toBe(digest);

  // The faulty member is node 4: it has its own key, and signs with it for everybody.
  const faulty = await readIdentity(dataPaths(swarm.member(4).directory));
  const members = await Promise.all(
    swarm.members.map(({ directory }) => readIdentity(dataPaths(directory))),
  );
  const forged = certificateOf({
    members,
    value,
    signer: () => faulty,
    proposer: faulty.peerId,
  });
  await swarm.member(4).process.kill();
  for (const approval of [forged, undefined]) {
    const after = (await client.rolloutStatus())?.id ?? 0;
    const began = Date.now();
    await propose(swarm, client, faulty, {
      type: 'startRollout',
      plan: value.plan,
      digest,
      startedAtMs: began,
      after: Number(after),
      ...(approval === undefined ? {} : { approval }),
    });
    const rollout = await until('the rollout is taken back', async () => {
      const now = await client.rolloutStatus();
      return now !== null && now.id !== after && now.status === 'aborted' ? now : undefined;
    });
    const why =
      approval === undefined ? /and this one has no approval/ : /the approval proves nothing/;
    expect(rollout.reason).toMatch(why);
    expect(rollout.reason).toMatch(/^node [123] failed at cordon/);
    for (const node of rollout.nodes) expect(node.detail).toBeNull();
    for (const { peerId } of swarm.members.slice(0, 3)) {
      const status = await client.status({ only: peerId });
      expect(status).toMatchObject({ swarmVersion: 1, engine: 'v1', serving: true });
    }
  }
  const told = await runJson<Status>(['rollout', 'status', ...data(swarm, 2)]);
  expect(told.approvals?.refusal).toMatch(/has no approval/);
});

/** As the faulty member does: by the call with which members pass a command on to who leads. */
async function propose(
  swarm: Swarm,
  client: SwarmClient,
  identity: Awaited<ReturnType<typeof readIdentity>>,
  command: Command,
): Promise<void> {
  const endpoint = await listenRpc({ identity, host: '127.0.0.1', port: 0, handlers: {} });
  try {
    await until('the leader has taken the command', async () => {
      const { leader } = await client.status();
      const address = swarm.members.find(({ nodeId }) => nodeId === leader)?.address;
      if (address === undefined) return false;
      try {
        const connection = await endpoint.connect(parsePeerAddress(address), { timeoutMs: 10_000 });
        const bytes = encodeCommand(command);
        const answer = await connection.call('node.propose', bytes, { timeoutMs: 20_000 });
        expect(answer).toMatchObject({ ok: true });
        return true;
      } catch (error) {
        if (error instanceof Error && /not the leader|not-leader/.test(error.message)) return false;
        throw error;
      }
    });
  } finally {
    await endpoint.close(0);
  }
}
