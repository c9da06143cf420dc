/** How the commands that read memories ask, and how they show texts. */
import type { ReadOptions, SwarmClient } from '../client/index.js';
import { withClient, withOneNode } from './connection.js';
import type { ConnectionFlags } from './connection.js';

export type ReadFlags = ConnectionFlags & { readonly json?: boolean; readonly local?: boolean };

/** A local read is answered by the node that the flags name, and by no other one. */
export async function reading(
  flags: ReadFlags,
  work: (client: SwarmClient, options: ReadOptions) => Promise<void>,
): Promise<void> {
  if (flags.local !== true) return withClient(flags, (client) => work(client, {}));
  return withOneNode(flags, (client, peerId) =>
    work(client, { consistency: 'local', only: peerId }),
  );
}

export function firstLine(text: string): string {
  const line = text.split('\n', 1)[0] ?? '';
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
