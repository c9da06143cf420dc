/** Shapes of what clients send, checked before anything is done with it. */
import { z } from 'zod';

import { isHost } from '../../transport/identity/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { RELEASE_NAME_LENGTH_MAX } from '../rollout/limits.js';
import { isJsonObject, jsonDepth } from '../wire/fields.js';
import {
  CONTENT_LENGTH_MAX,
  FILTER_LENGTH_MAX,
  HOST_LENGTH_MAX,
  ID_LENGTH_MAX,
  METADATA_DEPTH_MAX,
  METADATA_LENGTH_MAX,
  NAMESPACE_LENGTH_MAX,
  RELATION_LENGTH_MAX,
  RELATIONS_MAX,
  SEARCH_LIMIT_MAX,
  TOKEN_LENGTH_MAX,
  VECTOR_HASHES_MAX,
  ZONE_LENGTH_MAX,
} from '../wire/limits.js';
import type { JsonObject, MetadataFilter } from '../../src/memory/engine.js';

/** A filter, a condition, a list. */
const FILTER_DEPTH = 3;

const id = z.string().min(1).max(ID_LENGTH_MAX);
const count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
/** SHA-256 in hexadecimal. */
export const digestShape = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits');
const consistency = z.enum(['linearizable', 'local']).default('linearizable');

export const metadata = z
  .custom<JsonObject>(isJsonObject, 'must be an object')
  .superRefine((value, context) => {
    if (jsonDepth(value, METADATA_DEPTH_MAX) > METADATA_DEPTH_MAX) {
      context.addIssue({ code: 'custom', message: `may be nested ${METADATA_DEPTH_MAX} deep` });
      return;
    }
    if (JSON.stringify(value).length > METADATA_LENGTH_MAX) {
      context.addIssue({ code: 'custom', message: `may have ${METADATA_LENGTH_MAX} characters` });
    }
  });

/** `awaitedFrom`: clients of the previous release have one write of a session on its way. */
const write = {
  session: count,
  sequence: count.min(1),
  awaitedFrom: count.min(1).optional(),
};

/** Its conditions are checked by the engine. */
export const filter = z
  .custom<MetadataFilter>(isJsonObject, 'must be an object')
  .refine(
    (value) => jsonDepth(value as JsonObject, FILTER_DEPTH) <= FILTER_DEPTH,
    'is nested too deep',
  )
  .refine(
    (value) => JSON.stringify(value).length <= FILTER_LENGTH_MAX,
    `may have ${FILTER_LENGTH_MAX} characters`,
  );

const fusion = z.discriminatedUnion('by', [
  z.object({ by: z.literal('rank'), rankConstant: z.number().optional() }),
  z.object({ by: z.literal('weight'), vectorWeight: z.number() }),
]);

/** Weights stay in a program: nodes have none. */
const rerankMethod = z.enum(['attention', 'gnn']);
const rerank = z.union([
  rerankMethod,
  z.strictObject({
    by: rerankMethod,
    kind: z.enum(['multi-head', 'linear', 'hyperbolic', 'blocked']).optional(),
    relations: z.array(z.string().max(RELATION_LENGTH_MAX)).max(RELATIONS_MAX).optional(),
    blend: z.number().optional(),
  }),
]);

const namespace = z.string().min(1).max(NAMESPACE_LENGTH_MAX);
const created = z.strictObject({ fromMs: z.number().optional(), toMs: z.number().optional() });

export const requests = {
  hello: z.object({
    protocol: z.literal(1),
    token: z.string().max(TOKEN_LENGTH_MAX).nullable().default(null),
  }),
  nothing: z.custom<object>(
    (value) => isJsonObject(value) && !(value instanceof Uint8Array),
    'must be an empty object',
  ),
  join: z.object({
    token: z.string().max(TOKEN_LENGTH_MAX),
    host: z
      .string()
      .max(HOST_LENGTH_MAX)
      .refine(isHost, 'must be an address without a zone, or a host name'),
    port: z.number().int().min(1).max(65_535),
    /** The newest command version that the new node reads. */
    commandVersion: count.default(1),
    zone: z.string().max(ZONE_LENGTH_MAX).optional(),
    /** The member whose place it takes when it has caught up. */
    replaces: count.min(1).optional(),
    /** The name of the release that the new node runs. */
    release: z.string().min(1).max(RELEASE_NAME_LENGTH_MAX).optional(),
  }),
  session: z.object({ session: count.min(1) }),
  insert: z.object({
    ...write,
    id,
    content: z.string().max(CONTENT_LENGTH_MAX),
    metadata: metadata.default({}),
  }),
  /** A method of its own, since a release before would pass over the time. */
  insertExpiring: z.object({
    ...write,
    id,
    content: z.string().max(CONTENT_LENGTH_MAX),
    metadata: metadata.default({}),
    expiresAtMs: count,
  }),
  addEdge: z.object({
    ...write,
    from: id,
    to: id,
    relation: z.string().min(1).max(RELATION_LENGTH_MAX),
    weight: z.number().min(0).max(1),
  }),
  delete: z.object({ ...write, id }),
  deleteEdge: z.object({
    ...write,
    from: id,
    to: id,
    relation: z.string().min(1).max(RELATION_LENGTH_MAX),
  }),
  byId: z.object({ id, consistency }),
  search: z.object({
    text: z.string().min(1).max(CONTENT_LENGTH_MAX),
    limit: z.number().int().min(1).max(SEARCH_LIMIT_MAX).default(10),
    consistency,
    filter: filter.optional(),
    mode: z.enum(['vector', 'text', 'hybrid']).optional(),
    fusion: fusion.optional(),
    diversity: z.object({ lambda: z.number() }).optional(),
    rerank: rerank.optional(),
    namespace: namespace.optional(),
    created: created.optional(),
  }),
  list: z.object({
    namespace: namespace.optional(),
    created: created.optional(),
    limit: z.number().int().min(1).max(SEARCH_LIMIT_MAX),
    after: id.optional(),
    consistency,
  }),
  vectors: z.object({ hashes: z.array(z.string().max(128)).max(VECTOR_HASHES_MAX) }),
  health: z.object({ windowMs: count }),
  /** `direct`: the member that is asked answers by itself, and asks no leader. */
  swarmHealth: z.object({ direct: z.boolean().default(false) }),
  greet: z.string().min(1).max(64),
  leave: z.object({ nodeId: count.min(1) }),
};

/** The payload in its agreed shape, or an error that names the field which is not. */
export function parseRequest<T extends z.ZodType>(shape: T, payload: unknown): z.output<T> {
  const parsed = shape.safeParse(payload);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.join('.') ?? '';
  throw new RpcError('malformed', `the request is not valid: ${where} ${issue?.message ?? ''}`);
}
