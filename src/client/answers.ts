/**
 * What members answer, checked on arrival: a member of another release may answer in another shape,
 * and a request fails with a sentence then instead of handing `undefined` on.
 */

import { z } from 'zod';

import type { JsonObject } from '../memory/engine.js';
import type { ResultValue } from '../memory/index.js';
import { ClientError } from './errors.js';
import { rolloutSchema } from './rollout-answers.js';

export const metadataSchema = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'metadata must be an object',
);

/** Nodes number the log from 1; integers may arrive as bigint when they are large. */
const indexSchema = z.union([z.number(), z.bigint()]).transform(Number);

const memorySchema = z.object({
  id: z.string(),
  content: z.string(),
  metadata: metadataSchema,
  createdAtMs: indexSchema,
  expiresAtMs: indexSchema.optional(),
});

const edgeSchema = z.object({
  from: z.string(),
  to: z.string(),
  relation: z.string(),
  weight: z.number(),
});

const gossipSchema = z.object({
  /** `unknown`: nothing was heard of it; it may run a release without gossip. */
  status: z.enum(['unknown', 'alive', 'suspect', 'dead', 'left']),
  /** For so long. */
  forMs: z.number(),
  /** What it says of itself. */
  metadata: z
    .object({ release: z.string(), zone: z.string(), started: z.number() })
    .nullable()
    .default(null),
});

const memberSchema = z.object({
  nodeId: indexSchema,
  peerId: z.string(),
  host: z.string(),
  port: z.number(),
  status: z.enum(['joining', 'up', 'left', 'removing']),
  engine: z.enum(['v1', 'v2']),
  cordoned: z.boolean(),
  voter: z.boolean(),
  /** As far as the member that answered knows. */
  reachable: z.boolean().default(true),
  /** What the member that answered holds of it by gossip; null from a release without it. */
  gossip: gossipSchema.nullable().default(null),
  /** The release that it runs; empty while that is not known. */
  release: z.string().default(''),
  /** Whether a supervisor can exchange its release. */
  supervised: z.boolean().default(false),
  zone: z.string().default(''),
  /** Holds no leadership, and no vote while others can. */
  drained: z.boolean().default(false),
  /** As drained; it is removed once its vote is somebody else's. */
  leaving: z.boolean().default(false),
  /** The member whose place it takes when it has caught up. */
  replaces: indexSchema.nullable().default(null),
});

const votersSchema = z.object({ wanted: z.number(), goneAfterMs: z.number() });

/** Answer of every change of what is wished of the members. */
export const membershipSchema = z.object({ voters: votersSchema });

const countsSchema = z.object({
  memories: indexSchema,
  links: indexSchema,
  trajectories: indexSchema,
  entries: indexSchema,
  otherRows: indexSchema,
  quarantined: indexSchema,
  quarantinedMemories: indexSchema,
  quarantinedLinks: indexSchema,
});

const versionSchema = z.union([z.literal(1), z.literal(2)]);

/** Answer of `client.hello`. */
export const helloSchema = z.object({
  swarmId: z.string(),
  peerId: z.string(),
  nodeId: indexSchema,
  swarmVersion: versionSchema,
  members: z.array(memberSchema),
  leader: indexSchema,
});

/** Answer of `memory.openSession`; times in milliseconds. */
export const sessionSchema = z.object({
  session: z.union([z.number(), z.bigint()]),
  // Members of the previous release tell neither: one write at a time, and no time-out.
  timeoutMs: z.number().positive().nullable().default(null),
  window: z.number().int().positive().default(1),
});

/** Answer of a write: the index of the log entry that carries it. */
export const writtenSchema = z.object({ index: indexSchema });

/** Answer of `memory.get`. */
export const getSchema = z.object({ memory: memorySchema.nullable(), appliedIndex: indexSchema });

/** Answer of `memory.edges`. */
export const edgesSchema = z.object({ edges: z.array(edgeSchema), appliedIndex: indexSchema });

/** Answer of `memory.neighbours`. */
export const neighboursSchema = z.object({
  neighbours: z.array(
    z.object({
      id: z.string(),
      relation: z.string(),
      weight: z.number(),
      direction: z.enum(['out', 'in']),
    }),
  ),
  isCut: z.boolean(),
  appliedIndex: indexSchema,
});

/** Answer of `memory.hops`. */
export const hopsSchema = z.object({
  nodes: z.array(z.object({ id: z.string(), hops: z.number() })),
  isCut: z.boolean(),
  appliedIndex: indexSchema,
});

/** Answer of `memory.path`. */
export const pathSchema = z.object({
  path: z
    .object({
      ids: z.array(z.string()),
      edges: z.array(edgeSchema),
      cost: z.number().nullable(),
    })
    .nullable(),
  appliedIndex: indexSchema,
});

/** Answer of `memory.traverse`. */
export const traversalSchema = z.object({
  nodes: z.array(z.object({ id: z.string(), score: z.number(), hops: z.number() })),
  isCut: z.boolean(),
  appliedIndex: indexSchema,
});

/** Answer of `memory.query`; what is in a row, only the query knows. */
export const querySchema = z.object({
  columns: z.array(z.string()),
  rows: z.array(z.array(z.custom<ResultValue>((value) => value !== undefined, 'must be a value'))),
  appliedIndex: indexSchema,
});

/** What a search has found. */
export const hitSchema = z.object({
  id: z.string(),
  content: z.string(),
  metadata: metadataSchema,
  score: z.number(),
  matchedBy: z.enum(['vector', 'text', 'both']),
});

/** Answer of `memory.search`. */
export const searchSchema = z.object({
  hits: z.array(hitSchema.extend({ rerankedBy: z.enum(['attention', 'gnn']).optional() })),
  /** Options of the question that the member knew; none from a release that knows none. */
  understood: z.array(z.string()).default([]),
  appliedIndex: indexSchema,
});

/** Answer of `memory.list`. */
export const listSchema = z.object({
  memories: z.array(memorySchema),
  /** Where the next page begins; null behind the last one. */
  next: z.string().nullable(),
  appliedIndex: indexSchema,
});

/** Answer of `memory.counts`. */
export const localCountsSchema = z.object({
  counts: countsSchema,
  engine: z.enum(['v1', 'v2']),
  appliedIndex: indexSchema,
});

/** Answer of `swarm.health`. */
export const healthSchema = z.object({
  version: z.number(),
  /** The member that collected it: the leader, unless it could not be asked. */
  nodeId: indexSchema,
  leader: indexSchema,
  windowMs: indexSchema,
  /** The rollout whose guards judge members; null when none does. */
  watching: z.object({ rolloutId: indexSchema, endedAtMs: indexSchema }).nullable(),
  members: z.array(
    z.object({
      nodeId: indexSchema,
      status: z.enum(['healthy', 'unhealthy', 'unknown']),
      judged: z.boolean(),
      windows: indexSchema,
      alarms: z.array(z.object({ kind: z.string(), text: z.string() })),
      report: z
        .object({
          engine: z.string(),
          release: z.string(),
          serving: z.boolean(),
          incarnation: z.string(),
          uptimeMs: indexSchema,
          windowMs: indexSchema,
          requests: indexSchema,
          faults: indexSchema,
          p50Ms: z.number().nullable(),
          p99Ms: z.number().nullable(),
          appliedIndex: indexSchema,
          applyLagEntries: indexSchema,
          rssBytes: indexSchema,
          heapUsedBytes: indexSchema,
          eventLoopDelayMs: z.number(),
          diskFreeBytes: indexSchema.nullable(),
        })
        .nullable(),
    }),
  ),
});

/** Answer of `swarm.status`. */
export const statusSchema = z.object({
  swarmId: z.string(),
  swarmVersion: versionSchema,
  nodeId: indexSchema,
  leader: indexSchema,
  term: indexSchema,
  appliedIndex: indexSchema,
  commitIndex: indexSchema,
  members: z.array(memberSchema),
  /** How many are to vote (0: all), and after which silence one is replaced. */
  voters: votersSchema.default({ wanted: 0, goneAfterMs: 0 }),
  rollout: rolloutSchema.nullable(),
  /** What the member does for a rollout now. */
  progress: z.string().default(''),
  serving: z.boolean().default(true),
  /** Null while the store of the member is not open. */
  counts: countsSchema.nullable(),
  engine: z.enum(['v1', 'v2']),
  uptimeSeconds: z.number(),
});

/** Answer of `swarm.remove`. */
export const removedSchema = z.object({ nodeId: indexSchema });

/** One node of the swarm, as the members know it. */
export type Member = z.infer<typeof memberSchema>;
export type Hello = z.infer<typeof helloSchema>;
export type SwarmHealth = z.infer<typeof healthSchema>;
export type SwarmStatus = z.infer<typeof statusSchema>;

/** What an answer is checked against. */
export type AnswerSchema<T> = z.ZodType<T>;

/** Checks an answer; a `ClientError` of code `failed` names the method and what is wrong with it. */
export function parseAnswer<T>(schema: z.ZodType<T>, method: string, answer: unknown): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const first = parsed.error.issues[0];
  const where = first === undefined || first.path.length === 0 ? 'it' : first.path.join('.');
  throw new ClientError(
    'failed',
    `the answer of the member to ${method} has another shape than this release knows ` +
      `(${where}: ${first?.message ?? 'unknown'}); is it of another version?`,
  );
}
