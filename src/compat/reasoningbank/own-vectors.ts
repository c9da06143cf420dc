/**
 * Embeddings that a program made itself. A store has one model, so these are no vectors of it: they are kept as
 * records and given back as they came.
 */
import { memoryKey } from '../../memory/memory-key.js';
import type { Operation } from '../../memory/store/operations.js';
import type { Records } from '../records.js';

const NAMESPACE = 'reasoningbank/own_embeddings';

/** False where nobody stored any, which spares looking for each. */
export function hasOwnVectors(records: Records): boolean {
  return records.count(NAMESPACE) > 0;
}

export function readOwnVector(records: Records, id: string): Float32Array | undefined {
  const base64 = records.get(NAMESPACE, id)?.metadata['vector'];
  if (typeof base64 !== 'string') return undefined;
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length % Float32Array.BYTES_PER_ELEMENT !== 0) return undefined;
  // Copied, since a view must begin at a multiple of its elements.
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

export function writeOwnVector(
  records: Records,
  id: string,
  model: string,
  vector: Float32Array,
): Operation {
  const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
  const metadata = { model, dims: vector.length, vector: bytes.toString('base64') };
  return records.putting({ namespace: NAMESPACE, id, content: model, metadata, vector: null });
}

/** Nothing where there is none. */
export function removeOwnVector(records: Records, id: string): Operation[] {
  if (records.get(NAMESPACE, id) === null) return [];
  return [{ type: 'delete', key: memoryKey(NAMESPACE, id) }];
}
