import { createHash } from 'node:crypto';

import { dataPaths, readIdentity } from '../../../nodes/data-directory.js';
import { canonicalPlan, makePlan } from '../../../nodes/rollout/plan.js';
import type { PlanOptions } from '../../../nodes/rollout/plan.js';
import { encodeCommand } from '../../../nodes/wire/command-codec.js';
import { parseCommandResult } from '../../../nodes/wire/result-codec.js';
import { parsePeerAddress } from '../../../transport/identity/index.js';
import { listenRpc } from '../../../transport/rpc/index.js';
import type { SwarmClient } from '../../../src/client/index.js';
import type { Swarm } from './swarm.js';

/** Starts a rollout of the engines with any plan, as a member proposes it to the leader. */
export async function startPlanned(
  swarm: Swarm,
  client: SwarmClient,
  options: PlanOptions,
): Promise<void> {
  const { leader, members } = await client.status();
  const plan = makePlan(members, leader, options);
  const digest = createHash('sha256').update(canonicalPlan(plan)).digest('hex');
  const bytes = encodeCommand({ type: 'startRollout', plan, digest, startedAtMs: Date.now() });
  const result = parseCommandResult(await propose(swarm, leader, bytes));
  if (!result.ok) throw new Error(`the rollout was not started: ${result.refusal}`);
}

/** As a member that does not lead: a node makes no connection to itself. */
async function propose(swarm: Swarm, leader: number, bytes: Uint8Array): Promise<unknown> {
  const member = swarm.members.find(({ nodeId }) => nodeId !== leader);
  if (member === undefined) throw new Error('a swarm of one has nobody who could propose');
  const identity = await readIdentity(dataPaths(member.directory));
  const endpoint = await listenRpc({ identity, host: '127.0.0.1', port: 0, handlers: {} });
  try {
    const address = parsePeerAddress(swarm.member(leader).address);
    const connection = await endpoint.connect(address, { timeoutMs: 5_000 });
    return await connection.call('node.propose', bytes, { timeoutMs: 10_000 });
  } finally {
    await endpoint.close(0);
  }
}
