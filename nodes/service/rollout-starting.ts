/** What starting a rollout takes with and without approval, and the answer to it. */
import { RpcError } from '../../transport/rpc/rpc.js';
import type { Command } from '../control-plane/command.js';
import type { SwarmNode } from '../node.js';
import type { Rollout } from '../rollout/state.js';
import { applied } from './handlers.js';

/** The form in which clients know a rollout, with what the plan says of it beside the plan. */
export function described(rollout: Rollout | null): object | null {
  if (rollout === null) return null;
  const { approval, ...rest } = rollout;
  const { kind, from, to } = rollout.plan;
  const told = { ...rest, kind, from, to };
  return approval === undefined ? told : { ...told, approval: { by: 'bft' } };
}

/** Fails unless the plan is the one that somebody has looked at. */
export function requireDigest(wanted: string | undefined, digest: string): void {
  if (wanted === undefined || wanted === digest) return;
  throw refusal('digest-differs', `the plan is now ${digest}, not ${wanted}; look at it again`);
}

/** Fails while a member is known to be down. */
export function requireAllUp(node: SwarmNode): void {
  const missing = [...node.control.members.values()].filter(({ status }) => status !== 'up');
  if (missing.length > 0) {
    const ids = missing.map(({ nodeId, status }) => `${nodeId} (${status})`).join(', ');
    throw refusal('member-not-up', `every member has to be up; start or remove these: ${ids}`);
  }
}

/** The rollout as it is when the command is applied here. */
export async function submitted(
  node: SwarmNode,
  command: Command,
  timeoutMs: number,
): Promise<object> {
  applied(await node.submit(command, timeoutMs));
  await node.driver.readBarrier();
  return { rollout: described(node.control.rollout) };
}

/** An answer with a reason that a caller can act on. */
export function refusal(reason: string, message: string): RpcError {
  return new RpcError('refused', message, { reason });
}
