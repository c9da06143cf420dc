/**
 * Who may write under which client id of Yjs. Yjs takes any number; here it is
 *
 *     32 bits   of the SHA-256 of the peer id of the author
 *     21 bits   drawn by the author for each time that it opens the document
 *
 * so that every node can tell from the id whose it is, without asking anybody, in every partition.
 * Somebody who wants to write as a certain author has to find a key of which 32 bits are the same.
 * Pages load this file too: nothing of Node.
 */
const SESSION_BITS = 21;
const SESSIONS = 2 ** SESSION_BITS;

/** Stands for a peer in the client ids of its documents: an integer of 32 bits. */
export type Author = number;

/** The client id of an author's session; `session` is taken modulo 2^21. */
export function clientIdOf(author: Author, session: number): number {
  return author * SESSIONS + (session % SESSIONS);
}

/** Whose client id it is. */
export function authorOfClient(clientId: number): Author {
  return Math.floor(clientId / SESSIONS);
}

/** A client id of the author that the document has not seen yet. */
export function freshClientId(
  author: Author,
  isTaken: (clientId: number) => boolean,
  random: () => number = Math.random,
): number {
  for (;;) {
    const clientId = clientIdOf(author, Math.floor(random() * SESSIONS));
    if (!isTaken(clientId)) return clientId;
  }
}
