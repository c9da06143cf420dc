/** Shapes of what is asked about documents. */
import { z } from 'zod';
import { DocumentError, accessShape, rightsShape } from '../../src/documents/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { EXCHANGES_PER_ROUND_MAX } from './limits.js';

const BYTES_MAX = 12 * 1024 * 1024;
const DIGEST_BYTES = 32;
const bytes = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length <= BYTES_MAX,
  `must be at most ${BYTES_MAX} bytes`,
);
const name = z.string().min(1).max(256);
const digest = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length === DIGEST_BYTES,
  `must be ${DIGEST_BYTES} bytes`,
);

export const requests = {
  named: z.object({ name }),
  list: z.object({ after: z.string().max(256).default('') }),
  setRights: z.object({ name, ...accessShape.shape }),
  compare: z.object({ message: bytes }),
  names: z.object({ digests: z.array(digest).max(EXCHANGES_PER_ROUND_MAX) }),
  exchange: z.object({ name, stateVector: bytes, rights: rightsShape }),
  push: z.object({ name, update: bytes }),
};

export const answers = {
  compare: z.object({ message: bytes }),
  names: z.object({ names: z.array(name).max(EXCHANGES_PER_ROUND_MAX) }),
  exchange: z.object({ stateVector: bytes, update: bytes, rights: rightsShape }),
};

/** Errors of documents as they travel: `reason` is their code. */
export function asRpcError(error: unknown): unknown {
  if (!(error instanceof DocumentError)) return error;
  const code = error.code === 'not-allowed' ? 'permission-denied' : 'refused';
  return new RpcError(code, error.message, { reason: error.code });
}
