/** Vectors that another node has made already, asked for by the hash of their text. */
import type { SwarmNode } from '../node.js';
import { VECTORS_TIMEOUT_MS } from '../limits.js';
import { bytesToFloats } from '../wire/fields.js';

/** One vector or undefined for each hash; what nobody has is made by the caller. */
export async function fetchVectors(
  node: SwarmNode,
  hashes: string[],
): Promise<(Float32Array | undefined)[]> {
  for (const { nodeId, engine } of node.control.members.values()) {
    if (engine !== 'v2' || nodeId === node.file.nodeId) continue;
    try {
      const answer = await node.peers.call(nodeId, 'node.vectors', { hashes }, VECTORS_TIMEOUT_MS);
      if (!Array.isArray(answer) || answer.length !== hashes.length) continue;
      return answer.map((bytes) => checkedVector(bytes, node.embedder.dimensions));
    } catch {
      // The next member may have them; at worst they are made again here.
    }
  }
  return hashes.map(() => undefined);
}

function checkedVector(bytes: unknown, dimensions: number): Float32Array | undefined {
  if (!(bytes instanceof Uint8Array) || bytes.byteLength !== dimensions * 4) return undefined;
  const values = bytesToFloats(bytes);
  return values.every((value) => Number.isFinite(value)) ? values : undefined;
}
