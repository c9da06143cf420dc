import { METADATA_BYTES_MAX, METADATA_ENTRIES_MAX } from './limits.js';
import { RpcError } from './rpc.js';

/** Facts about a call beside its payload: for tracing, tenants, tokens. */
export type Metadata = Readonly<Record<string, string | Uint8Array>>;

export const NO_METADATA: Metadata = Object.freeze({});

const KEY = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/**
 * Checks what a caller or a peer gave: keys of 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`
 * (as in gRPC, so that nobody has to fold case), values that are strings or bytes, at most 64
 * entries and 16 KB in all. Throws `RpcError` with code `malformed`.
 */
export function checkMetadata(value: unknown): Metadata {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RpcError('malformed', 'the metadata is no map');
  }
  let bytes = 0;
  let count = 0;
  for (const [key, content] of Object.entries(value as Record<string, unknown>)) {
    if (!KEY.test(key)) throw new RpcError('malformed', `'${key.slice(0, 64)}' is no metadata key`);
    if (typeof content !== 'string' && !(content instanceof Uint8Array)) {
      throw new RpcError('malformed', `the metadata '${key}' is neither a string nor bytes`);
    }
    count += 1;
    bytes +=
      key.length + (typeof content === 'string' ? Buffer.byteLength(content) : content.length);
    if (count > METADATA_ENTRIES_MAX || bytes > METADATA_BYTES_MAX) throw tooMuch();
  }
  return value as Metadata;
}

function tooMuch(): RpcError {
  return new RpcError(
    'malformed',
    `the metadata has more than ${METADATA_ENTRIES_MAX} entries or ${METADATA_BYTES_MAX} bytes`,
    { reason: 'metadata-too-large' },
  );
}
