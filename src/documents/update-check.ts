/**
 * What an update from outside must be before Yjs applies it. Yjs believes what it reads: it keeps what
 * builds on unknown things for ever, takes content under any name, and throws in the middle of a
 * transaction at what no editor writes. So the update is decoded apart from the document, and each item
 * is looked at; only then it is applied.
 */
import * as Y from 'yjs';
import { type Author, authorOfClient } from './client-id.js';
import { DocumentError, messageOf } from './error.js';
import {
  AUTHOR_CLOCK_MAX,
  ROOTS_MAX,
  ROOT_NAME_CHARACTERS_MAX,
  STRUCTS_PER_UPDATE_MAX,
  UPDATE_BYTES_MAX,
  VALUE_DEPTH_MAX,
} from './limits.js';

type Struct = Y.Item | Y.GC | Y.Skip;
type Decoded = ReturnType<typeof Y.decodeUpdate>;

/** The clocks of one author that are known once the update is applied: all below. */
type Ends = Map<number, number>;

/**
 * Throws `DocumentError` `malformed-update`, `too-large`, `incomplete-update` or `forged-author`;
 * `author` null: whoever sends it vouches for the authors. Returns a copy of the bytes, which no
 * message shares.
 */
export function checkUpdate(bytes: Uint8Array, document: Y.Doc, author: Author | null): Uint8Array {
  if (bytes.length > UPDATE_BYTES_MAX) {
    throw new DocumentError(
      'too-large',
      `an update has ${bytes.length} bytes, and ${UPDATE_BYTES_MAX} are the most`,
    );
  }
  // Yjs reads beyond a view into what lies behind it: it gets bytes with nothing around them.
  const own = new Uint8Array(bytes);
  const decoded = decode(own);
  const ends = endsOf(decoded, document, author);
  for (const struct of decoded.structs) checkStruct(struct as Struct, document, ends);
  checkRoots(decoded, document);
  checkDeletions(decoded, document, ends);
  return own;
}

function decode(bytes: Uint8Array): Decoded {
  try {
    return Y.decodeUpdate(bytes);
  } catch (error) {
    throw malformed(`it cannot be decoded (${messageOf(error)})`);
  }
}

function endsOf({ structs }: Decoded, document: Y.Doc, author: Author | null): Ends {
  if (structs.length > STRUCTS_PER_UPDATE_MAX) throw tooMany();
  const ends: Ends = new Map();
  for (const struct of structs as Struct[]) {
    const { client, clock } = struct.id;
    if (struct instanceof Y.Skip) throw malformed('it leaves a gap');
    if (!Number.isSafeInteger(client) || !(struct.length > 0))
      throw malformed('an item has no place');
    const known = Y.getState(document.store, client);
    const expected = ends.get(client);
    if (expected === undefined ? clock > known : clock !== expected) {
      throw new DocumentError(
        'incomplete-update',
        `an update begins at ${clock} of author ${client}, of whom ${expected ?? known} is known`,
      );
    }
    const end = clock + struct.length;
    if (end > AUTHOR_CLOCK_MAX) {
      throw new DocumentError('too-large', `an item claims to reach to ${end}`);
    }
    if (end > known && author !== null && authorOfClient(client) !== author) {
      throw new DocumentError(
        'forged-author',
        `an update writes under the client id ${client}, which is another author's`,
      );
    }
    ends.set(client, end);
  }
  return ends;
}

function checkStruct(struct: Struct, document: Y.Doc, ends: Ends): void {
  if (!(struct instanceof Y.Item)) return;
  const { origin, rightOrigin, parent } = struct;
  for (const id of [origin, rightOrigin, parent instanceof Y.ID ? parent : null]) {
    if (id === null) continue;
    const known = Y.getState(document.store, id.client);
    // Of its own author it may only name what comes before it, or Yjs looks in vain.
    const inUpdate = id.client === struct.id.client ? struct.id.clock : (ends.get(id.client) ?? 0);
    if (id.clock < Math.max(known, inUpdate)) continue;
    throw new DocumentError(
      'incomplete-update',
      `an update builds on ${id.clock} of author ${id.client}, which is not known`,
    );
  }
  checkContent(struct.content);
}

function checkContent(content: unknown): void {
  if (content instanceof Y.ContentDoc) throw malformed('documents inside documents are not served');
  if (content instanceof Y.ContentAny || content instanceof Y.ContentJSON) checkDepth(content.arr);
  else if (content instanceof Y.ContentEmbed) checkDepth(content.embed);
  else if (content instanceof Y.ContentFormat) checkDepth(content.value);
}

/** Without recursion: what is nested too deep for the stack gets here, too. */
function checkDepth(value: unknown): void {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > VALUE_DEPTH_MAX) throw malformed('a value is nested too deep');
    level = level.flatMap((one) => {
      if (typeof one !== 'object' || one === null || one instanceof Uint8Array) return [];
      return Object.values(one);
    });
  }
}

function checkRoots({ structs }: Decoded, document: Y.Doc): void {
  const names = new Set<string>();
  for (const struct of structs as Struct[]) {
    if (!(struct instanceof Y.Item)) continue;
    const parent: unknown = struct.parent;
    if (typeof parent !== 'string' || document.share.has(parent)) continue;
    if (parent.length > ROOT_NAME_CHARACTERS_MAX) throw malformed('the name of a root is too long');
    names.add(parent);
  }
  if (document.share.size + names.size > ROOTS_MAX) {
    throw new DocumentError('too-large', `a document has at most ${ROOTS_MAX} roots`);
  }
}

function checkDeletions({ ds, structs }: Decoded, document: Y.Doc, ends: Ends): void {
  let left = STRUCTS_PER_UPDATE_MAX - structs.length;
  for (const [client, deletions] of ds.clients) {
    const known = Math.max(Y.getState(document.store, client), ends.get(client) ?? 0);
    left -= deletions.length;
    if (left < 0) throw tooMany();
    for (const { clock, len } of deletions) {
      if (clock + len <= known) continue;
      throw new DocumentError(
        'incomplete-update',
        `an update deletes up to ${clock + len} of author ${client}, of whom ${known} is known`,
      );
    }
  }
}

function malformed(why: string): DocumentError {
  return new DocumentError('malformed-update', `bytes are no update of a document: ${why}`);
}

function tooMany(): DocumentError {
  return new DocumentError(
    'too-large',
    `an update has more than ${STRUCTS_PER_UPDATE_MAX} items and deletions`,
  );
}
