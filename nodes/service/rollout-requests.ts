/** Shapes of what operators send about rollouts. Bounds are those of the plans. */
import { z } from 'zod';

import {
  MAINTENANCE_WINDOWS_MAX,
  PLAN_NODES_MAX,
  RELEASE_NAME_LENGTH_MAX,
  ROLLBACK_WINDOW_MS_MAX,
  SOAK_MS_MAX,
} from '../rollout/limits.js';
import { REASON_LENGTH_MAX } from '../wire/limits.js';

const nodes = z.number().int().min(1).max(PLAN_NODES_MAX);
const soakMs = z.number().int().min(0).max(SOAK_MS_MAX);
const timeOfDayMs = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const bytes = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const reason = z.string().max(REASON_LENGTH_MAX).default('');

const guards = z
  .strictObject({
    windowMs: z.number().int().min(500).max(600_000),
    windows: z.number().int().min(1).max(100),
    errorRateMax: z.number().min(0).max(1),
    p99Factor: z.number().min(1).max(1_000),
    p99FloorMs: z.number().min(0).max(600_000),
    applyLagMax: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
    memoryFactor: z.number().min(1).max(1_000),
    memoryBytesMax: bytes,
    diskFreeBytesMin: bytes,
    restartsMax: z.number().int().min(0).max(1_000),
    action: z.enum(['rollback', 'pause']),
  })
  .partial();

/** Its bounds are those of `planFault`. */
const maintenanceWindow = z.strictObject({
  days: z.array(z.number().int()).max(7),
  fromMinute: z.number().int(),
  lengthMinutes: z.number().int(),
  offsetMinutes: z.number().int(),
});

const plan = {
  /** `v2`, or the name of a release. */
  to: z
    .string()
    .max(RELEASE_NAME_LENGTH_MAX)
    .regex(/^(v2$|\d+\.\d+\.\d+)/, 'must be v2 or the name of a release'),
  canaries: z.number().int().min(0).max(PLAN_NODES_MAX).optional(),
  batchSize: nodes.optional(),
  maxUnavailable: nodes.optional(),
  soakMs: soakMs.optional(),
  notBeforeMs: timeOfDayMs.optional(),
  windows: z.array(maintenanceWindow).max(MAINTENANCE_WINDOWS_MAX).optional(),
  autoFinalize: z.boolean().optional(),
  rollbackWindowMs: z.number().int().min(0).max(ROLLBACK_WINDOW_MS_MAX).optional(),
  guards: guards.nullable().optional(),
};

export const rolloutRequests = {
  plan: z.object(plan),
  start: z.object({ ...plan, digest: z.string().max(128).optional() }),
  change: z.discriminatedUnion('action', [
    z.strictObject({ action: z.literal('pause'), reason }),
    z.strictObject({ action: z.literal('resume') }),
    z.strictObject({
      action: z.literal('throttle'),
      maxUnavailable: nodes.optional(),
      soakMs: soakMs.optional(),
    }),
    z.strictObject({ action: z.literal('postpone'), notBeforeMs: timeOfDayMs }),
    z.strictObject({ action: z.literal('rollback'), reason }),
    z.strictObject({ action: z.literal('finalize') }),
    z.strictObject({ action: z.literal('closeWindow') }),
  ]),
};

export type PlanRequest = z.output<typeof rolloutRequests.plan>;
export type ChangeRequest = z.output<typeof rolloutRequests.change>;
