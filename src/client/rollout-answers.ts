/**
 * Rollouts as members tell them. What a member of the release before does not tell has the value that its
 * rollouts have: no batches of many, no soak, no window.
 */
import { z } from 'zod';

/** Nodes number the log from 1; integers may arrive as bigint when they are large. */
const count = z.union([z.number(), z.bigint()]).transform(Number);
const sentences = z.array(z.string()).default([]);

const releaseSchema = z.object({ name: z.string(), digest: z.string(), commandVersion: count });

const guardsSchema = z.object({
  windowMs: count,
  windows: count,
  errorRateMax: z.number(),
  p99Factor: z.number(),
  p99FloorMs: z.number(),
  applyLagMax: count,
  memoryFactor: z.number(),
  memoryBytesMax: count,
  diskFreeBytesMin: count,
  restartsMax: count,
  action: z.enum(['rollback', 'pause']),
});

const windowSchema = z.object({
  days: z.array(count),
  fromMinute: count,
  lengthMinutes: count,
  offsetMinutes: count,
});

export const rolloutPlanSchema = z.object({
  /** 1: of a release before, and of swarms in which a member still runs one. */
  form: z.union([z.literal(1), z.literal(2)]).default(1),
  kind: z.enum(['engine', 'release']).default('engine'),
  from: z.string(),
  to: z.string(),
  release: z.object({ from: releaseSchema, to: releaseSchema }).nullable().default(null),
  batches: z.array(z.array(count)).default([]),
  canaries: count.default(0),
  maxUnavailable: count.default(1),
  soakMs: count.default(0),
  notBeforeMs: count.default(0),
  windows: z.array(windowSchema).default([]),
  autoFinalize: z.boolean().default(true),
  rollbackWindowMs: count.default(0),
  guards: guardsSchema.nullable().default(null),
  irreversible: sentences,
  inexpressible: sentences,
});

export const rolloutSchema = z.object({
  id: z.union([z.string(), count]),
  digest: z.string(),
  from: z.string(),
  to: z.string(),
  kind: z.enum(['engine', 'release']).default('engine'),
  plan: rolloutPlanSchema.optional(),
  status: z.enum([
    'scheduled',
    'running',
    'paused',
    'switched',
    'finalizing',
    'finalized',
    'completed',
    'rollingBack',
    'rolledBack',
    'aborted',
  ]),
  epoch: count.default(1),
  nodes: z.array(
    z.object({
      nodeId: count,
      step: z.enum([
        'pending',
        'cordon',
        'drain',
        'snapshot',
        'stage',
        'catchUp',
        'validate',
        'switch',
        'rejoin',
        'soak',
        'done',
        'removed',
      ]),
      direction: z.enum(['forward', 'back']).default('forward'),
      epoch: count,
      sinceMs: count.default(0),
      detail: z.unknown(),
    }),
  ),
  startedAtMs: count,
  /** On the replicated clock, as `clockMs` of the status; 0 before. */
  finalizedAtMs: count.default(0),
  windowEndsMs: count.default(0),
  limits: z
    .object({ maxUnavailable: count, soakMs: count })
    .default({ maxUnavailable: 1, soakMs: 0 }),
  /** Time of day before which nothing new begins; 0: at once. */
  notBeforeMs: count.default(0),
  /** On the replicated clock, until when nodes may begin in a plan with windows; 0: not now. */
  openUntilMs: count.default(0),
  fenced: z.array(count).default([]),
  /** Why it was paused, aborted or rolled back; empty while it was not. */
  reason: z.string().default(''),
  goal: z.enum(['forward', 'rolledBack', 'aborted']).default('forward'),
  /** Only when the members had to approve it. */
  approval: z.object({ by: z.literal('bft') }).optional(),
});

/** What one member knows of approvals by itself. */
const approvalsSchema = z.object({
  /** Whether rollouts without approval are refused there. */
  required: z.boolean(),
  /** Whether it votes for what its operator approves, or for any plan that it finds in order. */
  policy: z.enum(['operator', 'any']),
  /** Peer ids of the members whose votes count there. */
  trusted: z.array(z.string()),
  /** Whether these are the members of the swarm. */
  trustsMembers: z.boolean(),
  /** Digest of the plan that it may vote for. */
  approved: z.string().nullable(),
  /** It has voted for what comes after this rollout. */
  votedAfter: count.nullable(),
  /** Why it takes no part in the rollout that is under way; empty when it does. */
  refusal: z.string(),
  /** Plans that members ask for as the next rollout. */
  proposals: z.array(
    z.object({
      digest: z.string(),
      from: z.string(),
      to: z.string(),
      askedBy: count,
      state: z.enum(['waiting', 'refused', 'voting', 'decided']),
      reason: z.string(),
    }),
  ),
});

/** Answer of `approval.approve`. */
export const approvedSchema = z.object({
  state: z.enum(['waiting', 'refused', 'voting', 'decided']),
  reason: z.string(),
  approvals: approvalsSchema.nullable(),
});

/** Answer of `approval.settings`. */
export const approvalSettingsSchema = z.object({ approvals: approvalsSchema.nullable() });

/** Answer of `rollout.plan`. */
export const planSchema = z.object({
  plan: z.unknown(),
  digest: z.string(),
  /** What is stored now and the older side has no form for, in sentences with counts. */
  stored: sentences,
});

/** Answer of `rollout.start`, `rollout.abort` and `rollout.change`. */
export const rolloutAnswerSchema = z.object({ rollout: rolloutSchema });

/** Answer of `rollout.status`. */
export const rolloutStatusSchema = z.object({
  rollout: rolloutSchema.nullable(),
  /** What the member that answers does of it now. */
  progress: z.string().default(''),
  /** The replicated clock in milliseconds: time in which the swarm had a leader. */
  clockMs: count.default(0),
  /** Of the member that answers; missing where nobody uses approvals. */
  approvals: approvalsSchema.optional(),
});

export type RolloutPlan = z.infer<typeof planSchema>;
/** The state of a rollout: where each node stands on its way. */
export type Rollout = z.infer<typeof rolloutSchema>;
export type RolloutStatus = z.infer<typeof rolloutStatusSchema>;
export type Approvals = z.infer<typeof approvalsSchema>;
export type ApproveAnswer = z.infer<typeof approvedSchema>;

const ENDED: ReadonlySet<Rollout['status']> = new Set(['completed', 'rolledBack', 'aborted']);

/** Whether nothing of it is open any more, not even the time for a rollback. */
export function hasEnded({ status }: Pick<Rollout, 'status'>): boolean {
  return ENDED.has(status);
}
