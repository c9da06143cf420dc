/**
 * What a supervisor and its children say to each other over the channel of the process. The two may be
 * of different releases: a message of an unknown type is ignored, unknown fields are too, and a child
 * that speaks another version is not used.
 */
import { z } from 'zod';

import { REASON_CHARACTERS_MAX } from './limits.js';

export const CHANNEL_VERSION = 1;
/** Set in the environment of a process that has time to warm before it gets the directory. */
export const STANDBY_VARIABLE = 'AGENTIC_FLOW_STANDBY';

const rolloutStep = z.object({
  id: z.number().int().positive(),
  epoch: z.number().int().nonnegative(),
});
const text = z.string().max(REASON_CHARACTERS_MAX * 4);
const name = z.string().min(1).max(200);

const release = z.object({
  name,
  digest: z.string().length(64),
  commandVersion: z.number().int().positive(),
});

export const fromChild = z.discriminatedUnion('type', [
  /** Everything is loaded that may be before the directory is taken. */
  z.object({ type: z.literal('standby'), version: z.number().int(), release }),
  z.object({ type: z.literal('ready'), nodeId: z.number().int(), peerId: name, address: name }),
  z.object({
    type: z.literal('failed'),
    reason: text,
    isFinal: z.boolean(),
    /** Any release would end so: the port is taken, the disk is full, the directory is locked. */
    isOfPlace: z.boolean().default(false),
  }),
  /** The directory is open here; the process before may let go of the port. */
  z.object({ type: z.literal('opened') }),
  /** The directory is free; the port is not yet, in a hand-over. */
  z.object({ type: z.literal('released') }),
  z.object({ type: z.literal('pong') }),
  z.object({
    type: z.literal('handOver'),
    request: z.number().int(),
    to: name,
    rollout: rolloutStep.nullable(),
  }),
  z.object({ type: z.literal('settle') }),
]);

export const fromSupervisor = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('go'),
    restarts: z.number().int().nonnegative(),
    /** Which release was given up here last, and in which step of a rollout. */
    failed: z.object({ release: name, reason: text, rollout: rolloutStep.nullable() }).nullable(),
  }),
  z.object({ type: z.literal('drain'), isHandOver: z.boolean() }),
  z.object({ type: z.literal('leave') }),
  z.object({ type: z.literal('ping') }),
  z.object({
    type: z.literal('answer'),
    request: z.number().int(),
    problem: text.nullable(),
    /** The problem may pass by itself. */
    isPassing: z.boolean(),
  }),
]);

export type FromChild = z.infer<typeof fromChild>;
export type FromSupervisor = z.infer<typeof fromSupervisor>;
