/**
 * What members vote for: one plan, in one swarm, as the rollout after the one that is named.
 *
 *     value   msgpack array: version 1, 'startRollout', swarm id, id of the rollout before or 0,
 *             digest of the plan, the fields of the plan as in an entry of the log
 *
 * There is one form of the bytes for a plan: what is read is written again and compared.
 */
import { createHash } from 'node:crypto';

import { NodeError } from '../errors.js';
import { canonicalPlan } from '../rollout/plan.js';
import type { RolloutPlan } from '../rollout/state.js';
import { Fields, decode, encode } from '../wire/fields.js';
import { planFields, readPlan } from '../wire/rollout-codec.js';
import { VALUE_BYTES_MAX } from './limits.js';

const VERSION = 1;

/** See the head of this file. */
export interface ApprovalValue {
  readonly swarmId: string;
  /** Id of the rollout before, 0 for the first one: a certificate starts one rollout, once. */
  readonly after: number;
  readonly digest: string;
  readonly plan: RolloutPlan;
}

/** SHA-256 of a plan, hexadecimal: what `rollout plan` prints. */
export function planDigest(plan: RolloutPlan): string {
  return createHash('sha256').update(canonicalPlan(plan)).digest('hex');
}

export function encodeValue({ swarmId, after, digest, plan }: ApprovalValue): Uint8Array {
  return encode([VERSION, 'startRollout', swarmId, after, digest, planFields(plan)]);
}

/** Throws a `NodeError` of code `malformed`, also when the digest is not that of the plan. */
export function decodeValue(bytes: Uint8Array): ApprovalValue {
  if (bytes.length > VALUE_BYTES_MAX) {
    throw new NodeError('malformed', `a proposal of ${bytes.length} bytes is too long`);
  }
  const fields = new Fields(decode(bytes, 'proposal'), 'proposal');
  const version = fields.count('version');
  if (version !== VERSION) fields.fail('version', `${VERSION}; it is ${version}`);
  fields.oneOf('kind', ['startRollout']);
  const value: ApprovalValue = {
    swarmId: fields.string('swarmId', 128),
    after: fields.count('after'),
    digest: fields.string('digest', 128),
    plan: readPlan(fields.fields('plan')),
  };
  if (value.plan.form !== 2) fields.fail('plan', 'one of this release');
  if (planDigest(value.plan) !== value.digest) fields.fail('digest', 'that of the plan');
  if (!Buffer.from(encodeValue(value)).equals(bytes)) fields.fail('bytes', 'the only form');
  return value;
}
