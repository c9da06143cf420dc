/** Whom the client ids of a peer name: see `client-id.ts`. */
import { createHash } from 'node:crypto';
import type { Author } from './client-id.js';

/** The author that a peer is. `peerId` is proven by the transport. */
export function authorOf(peerId: string): Author {
  return createHash('sha256').update(peerId).digest().readUInt32BE(0);
}
