import { MESSAGE_BYTES_MAX } from '../raft/index.js';

/** Groups that one node takes part in. */
export const GROUPS_MAX = 65_536;
/** Bytes after which the messages of a round go on in another envelope; one message may exceed it. */
export const ENVELOPE_BYTES_TARGET = 1 << 20;
/** Bytes of an envelope: one message of the greatest size alone. */
export const ENVELOPE_BYTES_MAX = MESSAGE_BYTES_MAX + 256;
/** Heartbeats and answers to them in one envelope, and other messages likewise. */
export const ENVELOPE_ITEMS_MAX = 65_536;
/** Messages to one peer that wait for the end of a round. */
export const OUTBOX_MESSAGES_MAX = 262_144;
