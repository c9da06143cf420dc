import type { QuicSettings } from '../../transport/quic/index.js';

/** Who keeps a connection alive, and how. */
export interface KeepAlive {
  readonly name: string;
  readonly node: Partial<QuicSettings>;
  readonly peers: Partial<QuicSettings>;
}

function byPeers(keepAliveMs: number): KeepAlive {
  const idleTimeoutMs = keepAliveMs * 4;
  return {
    name: `by the peers, every ${keepAliveMs / 1_000} s`,
    node: { keepAliveMs: 0, idleTimeoutMs },
    peers: { keepAliveMs, idleTimeoutMs },
  };
}

const never = { keepAliveMs: 0, idleTimeoutMs: 3_600_000 };

export const keepAlives: readonly KeepAlive[] = [
  { name: 'default settings', node: {}, peers: {} },
  byPeers(5_000),
  byPeers(15_000),
  { name: 'no keep-alive', node: never, peers: never },
];

/** By place in the list, as the processes get it. */
export function keepAliveAt(index: string | undefined): KeepAlive {
  const found = keepAlives[Number(index)];
  if (found === undefined) throw new Error(`there is no keep-alive number ${index}`);
  return found;
}
