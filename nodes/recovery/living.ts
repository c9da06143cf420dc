/** Which other members of a swarm that is to be recovered are there after all. */
import type { Identity } from '../../transport/identity/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import { wildcard } from '../listening.js';
import type { RecoveryMember } from './plan.js';

/** Ids of those that prove their identity at their address within so long. */
export async function whoAnswers(
  identity: Identity,
  members: readonly RecoveryMember[],
  timeoutMs: number,
): Promise<readonly number[]> {
  const others = members.filter(({ peerId }) => peerId !== '' && peerId !== identity.peerId);
  const answers = await Promise.all(others.map((each) => isThere(identity, each, timeoutMs)));
  return others.filter((_, at) => answers[at]).map(({ nodeId }) => nodeId);
}

async function isThere(
  identity: Identity,
  { host, port, peerId }: RecoveryMember,
  timeoutMs: number,
): Promise<boolean> {
  const endpoint = await listenRpc({ identity, host: wildcard(host), port: 0, handlers: {} });
  try {
    await endpoint.connect({ host, port, peerId }, { timeoutMs });
    return true;
  } catch {
    // Nobody is there, or somebody else.
    return false;
  } finally {
    await endpoint.close();
  }
}
