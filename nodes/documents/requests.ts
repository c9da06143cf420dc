/** Shapes of what is asked about documents. */
import { z } from 'zod';
import { DocumentError, accessShape, rightsShape } from '../../src/documents/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { AWARENESS_BYTES_MAX } from '../../src/documents/limits.js';
import { AWARE_STATES_PER_CALL_MAX, EXCHANGES_PER_ROUND_MAX } from './limits.js';

const BYTES_MAX = 12 * 1024 * 1024;
const DIGEST_BYTES = 32;
const bytesUpTo = (max: number) =>
  z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length <= max,
    `must be at most ${max} bytes`,
  );
const bytes = bytesUpTo(BYTES_MAX);
const name = z.string().min(1).max(256);
const digest = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length === DIGEST_BYTES,
  `must be ${DIGEST_BYTES} bytes`,
);
const awareness = z.object({ name, bytes: bytesUpTo(AWARENESS_BYTES_MAX) });

export const requests = {
  named: z.object({ name }),
  list: z.object({ after: z.string().max(256).default('') }),
  setRights: z.object({ name, ...accessShape.shape }),
  compare: z.object({ message: bytes }),
  names: z.object({ digests: z.array(digest).max(EXCHANGES_PER_ROUND_MAX) }),
  exchange: z.object({ name, stateVector: bytes, rights: rightsShape }),
  push: z.object({ name, update: bytes }),
  aware: z.object({ states: z.array(awareness).max(AWARE_STATES_PER_CALL_MAX) }),
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
