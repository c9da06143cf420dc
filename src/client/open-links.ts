/** The first contact of a client with its swarm. */

import { isHost } from '../../transport/identity/index.js';
import type { PeerAddress } from '../../transport/rpc/rpc.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { ClientErrorCode } from './errors.js';
import { ClientError, messageOf } from './errors.js';
import type { Links } from './links.js';
import type { MemberLink } from './member-link.js';

/** Throws `ClientError` with code `invalid`: programs without types give texts, and ports as texts. */
export function checkSeeds(seeds: unknown): asserts seeds is readonly PeerAddress[] {
  if (!Array.isArray(seeds) || seeds.length === 0) {
    throw new ClientError('invalid', 'give at least one address of a member in `seeds`');
  }
  for (const seed of seeds as unknown[]) {
    const { host, port, peerId } = (seed ?? {}) as Record<string, unknown>;
    const isValid =
      typeof host === 'string' &&
      isHost(host) &&
      Number.isSafeInteger(port) &&
      Number(port) > 0 &&
      Number(port) <= 65_535 &&
      typeof peerId === 'string' &&
      peerId !== '';
    if (!isValid) {
      throw new ClientError(
        'invalid',
        `${JSON.stringify(seed)} is not the address of a member; expected { host, port, peerId }, which parsePeerAddress makes of HOST:PORT#PEERID`,
      );
    }
  }
}

/**
 * Returns once a seed answered and the members it named were tried once. A `ClientError` lists each
 * seed with its reason when none answered in time or all were refused.
 */
export async function openLinks(links: Links, seeds: readonly PeerAddress[]): Promise<void> {
  for (const seed of seeds) links.add(seed);
  const deadlineMs = performance.now() + links.settings.connectDeadlineMs;
  const seedLinks = [...links.links()];
  for (;;) {
    if (seedLinks.some((link) => link.state === 'open')) break;
    const leftMs = deadlineMs - performance.now();
    const refused = seedLinks.every((link) => link.settled && refusalOf(link) !== undefined);
    if (leftMs <= 0 || refused) throw unreachable(seedLinks);
    await links.changed(leftMs);
  }
  const discoveredMs = performance.now() + links.settings.discoveryMs;
  for (;;) {
    const leftMs = discoveredMs - performance.now();
    if (leftMs <= 0 || [...links.links()].every((link) => link.settled)) return;
    await links.changed(leftMs);
  }
}

/** A reason that trying again does not change. */
function refusalOf(link: MemberLink): ClientErrorCode | undefined {
  if (link.error instanceof ClientError) return link.error.code;
  if (!(link.error instanceof RpcError)) return undefined;
  switch (link.error.code) {
    case 'permission-denied':
      return 'permission-denied';
    case 'unauthenticated':
      return 'unexpected-identity';
    case 'refused':
      return 'refused';
    default:
      return undefined;
  }
}

function unreachable(links: readonly MemberLink[]): ClientError {
  const reasons = links.map((link) => {
    const { host, port, peerId } = link.address;
    const reason = link.error === undefined ? 'nobody answered in time' : messageOf(link.error);
    return `${host}:${port}#${peerId}: ${reason}`;
  });
  const code = links.map(refusalOf).find((each) => each !== undefined) ?? 'no-seed-reachable';
  const sentence =
    code === 'permission-denied'
      ? 'the swarm does not accept this token'
      : code === 'unexpected-identity'
        ? 'another peer answers at the given address'
        : 'no member of the swarm could be reached';
  return new ClientError(code, `${sentence}:\n  ${reasons.join('\n  ')}`, {
    cause: links[0]?.error,
  });
}
