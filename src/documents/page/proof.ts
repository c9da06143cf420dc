/**
 * How a page shows who it is: it signs what the node has just drawn, with its Ed25519 key. The peer id
 * follows from the key, as that of every peer does. Pages load this file too: nothing of Node.
 */
const DOMAIN = 'agentic-flow documents in pages 1';

/** The bytes that a page signs. `nonce`: what the node drew for this session. */
export function proofBytes(nodePeerId: string, nonce: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(`${DOMAIN}\n${nodePeerId}\n`);
  const bytes = new Uint8Array(head.length + nonce.length);
  bytes.set(head);
  bytes.set(nonce, head.length);
  return bytes;
}
