/** Awareness of y-protocols: what a peer says of itself may only be of itself, and small. */
import { Awareness, applyAwarenessUpdate } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { type Author, authorOfClient } from './client-id.js';
import { DocumentError } from './error.js';

/** Throws `DocumentError` `malformed-update` or `forged-author`. */
export function checkAwareness(bytes: Uint8Array, author: Author): void {
  const scratch = new Awareness(new Y.Doc());
  try {
    // Of itself it would know, too.
    scratch.setLocalState(null);
    scratch.meta.clear();
    applyAwarenessUpdate(scratch, new Uint8Array(bytes), null);
    if ([...scratch.meta.keys()].every((client) => authorOfClient(client) === author)) return;
  } catch {
    throw new DocumentError('malformed-update', 'bytes are no awareness of a peer');
  } finally {
    scratch.destroy();
  }
  throw new DocumentError('forged-author', 'awareness is said in the name of another peer');
}
