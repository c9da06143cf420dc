/** Awareness of y-protocols: what a peer says of itself may only be of itself, and small. */
import {
  Awareness,
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  modifyAwarenessUpdate,
} from 'y-protocols/awareness';
import * as Y from 'yjs';
import { type Author, authorOfClient } from './client-id.js';
import { DocumentError } from './error.js';
import { AWARENESS_BYTES_MAX } from './limits.js';

/** What one client of Yjs says of itself. */
export interface Said {
  readonly client: number;
  /** Later words have a higher one. */
  readonly clock: number;
  /** False: it goes. */
  readonly isHere: boolean;
  /** An update of awareness with this client alone. */
  readonly bytes: Uint8Array;
}

/**
 * What the bytes say; undefined when it is nothing yet. Throws `DocumentError` `malformed-update` for bytes
 * that are no awareness of one client.
 */
export function readAwareness(bytes: Uint8Array): Said | undefined {
  const scratch = new Awareness(new Y.Doc());
  try {
    // Of itself it would know, too.
    scratch.setLocalState(null);
    scratch.meta.clear();
    applyAwarenessUpdate(scratch, new Uint8Array(bytes), null);
    const [first, ...others] = scratch.meta;
    if (others.length > 0) throw new Error('it is of several clients');
    if (first === undefined) return undefined;
    const [client, { clock }] = first;
    const isHere = scratch.states.has(client);
    const said = encodeAwarenessUpdate(scratch, [client]);
    // 1e20 is longer when it is written anew.
    if (said.length > AWARENESS_BYTES_MAX) throw new Error('it is too long');
    return { client, clock, isHere, bytes: said };
  } catch {
    throw new DocumentError('malformed-update', 'bytes are no awareness of a peer');
  } finally {
    scratch.destroy();
  }
}

/** Throws `DocumentError` `malformed-update` or `forged-author`. */
export function checkAwareness(bytes: Uint8Array, author: Author): Said | undefined {
  const said = readAwareness(bytes);
  if (said === undefined || authorOfClient(said.client) === author) return said;
  throw new DocumentError('forged-author', 'awareness is said in the name of another peer');
}

/** The same client, which goes. */
export function leaving({ client, clock, bytes }: Said): Said {
  return { client, clock, isHere: false, bytes: modifyAwarenessUpdate(bytes, () => null) };
}
