/** Shapes of what is asked about available namespaces. */
import { z } from 'zod';

import { accessShape } from '../../src/documents/index.js';
import { checkNamespace } from '../../src/memory/memory-key.js';
import { filter, metadata } from '../service/requests.js';
import { NAMESPACE_LENGTH_MAX, SEARCH_LIMIT_MAX } from '../wire/limits.js';
import {
  ID_CHARACTERS_MAX,
  LISTED_MAX,
  MEMORY_BYTES_MAX,
  MESSAGES_PER_CALL_MAX,
  PIECED_BYTES_MAX,
  PIECE_BYTES,
} from './limits.js';

const NUMBER_MAX = Number.MAX_SAFE_INTEGER;
const bytesUpTo = (max: number) =>
  z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length <= max,
    `must be at most ${max} bytes`,
  );
const namespace = z
  .string()
  .max(NAMESPACE_LENGTH_MAX)
  .refine((name) => isNamespace(name), 'must be 1 to 256 characters without NUL and U+001F');
const id = z
  .string()
  .min(1)
  .max(ID_CHARACTERS_MAX)
  .refine(
    (text) => !/\p{Surrogate}|\0/u.test(text),
    'holds no NUL and no half of a surrogate pair',
  );
const content = z.string().min(1).max(MEMORY_BYTES_MAX);
const memory = { namespace, id, content, metadata: metadata.default({}) };
const message = z.object({ namespace, bytes: bytesUpTo(PIECE_BYTES) });

export const requests = {
  put: z.object(memory),
  /** A method of its own: a member of a release before would take the memory for one that stays. */
  putExpiring: z.object({ ...memory, expiresAtMs: z.number().int().min(0).max(NUMBER_MAX) }),
  named: z.object({ namespace, id }),
  list: z.object({
    namespace,
    after: z.string().max(ID_CHARACTERS_MAX).default(''),
    limit: z.number().int().min(1).max(LISTED_MAX).default(100),
  }),
  search: z.object({
    namespace,
    text: content,
    limit: z.number().int().min(1).max(SEARCH_LIMIT_MAX).default(10),
    mode: z.enum(['vector', 'text', 'hybrid']).optional(),
    filter: filter.optional(),
  }),
  whole: z.object({ namespace }),
  setRights: z.object({ namespace, ...accessShape.shape }),
  nothing: z.object({}),
  export: z.object({ namespace, at: z.number().int().min(0).max(PIECED_BYTES_MAX) }),
  messages: z.object({ messages: z.array(message).max(MESSAGES_PER_CALL_MAX) }),
  piece: z.object({
    namespace,
    transfer: z.number().int().min(1).max(NUMBER_MAX),
    at: z.number().int().min(0).max(PIECED_BYTES_MAX),
    total: z.number().int().min(1).max(PIECED_BYTES_MAX),
    bytes: bytesUpTo(PIECE_BYTES),
  }),
};

function isNamespace(name: string): boolean {
  try {
    checkNamespace(name);
    return true;
  } catch {
    return false;
  }
}
