/**
 * What the two ends of an open document say to each other: arrays, version 1. The stream is one duplex
 * call; the first message of the peer is a hello.
 *
 *     peer                                    node
 *       ['hello', 1, name, stateVector]  -->
 *                                        <--  ['welcome', author, canWrite, stateVector, update]
 *       ['update', id, update]           -->
 *                                        <--  ['saved', id]  or  ['refused', id, code, message]
 *                                        <--  ['update', update]        of others
 *       ['aware', bytes]                 -->  <--                       awareness of y-protocols
 */
import { z } from 'zod';
import {
  AWARENESS_BYTES_MAX,
  NAME_CHARACTERS_MAX,
  STATE_VECTOR_BYTES_MAX,
  TEXT_CHARACTERS_MAX,
  UPDATE_BYTES_MAX,
} from './limits.js';

/** The version that a hello names. */
export const PROTOCOL = 1;

const bytes = (max: number) =>
  z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length <= max,
    `must be at most ${max} bytes`,
  );
const id = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const text = z.string().max(TEXT_CHARACTERS_MAX);

export const helloShape = z.tuple([
  z.literal('hello'),
  z.literal(PROTOCOL),
  z.string().min(1).max(NAME_CHARACTERS_MAX),
  bytes(STATE_VECTOR_BYTES_MAX),
]);

/** What a peer says after its hello. */
export const peerShape = z.union([
  z.tuple([z.literal('update'), id, bytes(UPDATE_BYTES_MAX)]),
  z.tuple([z.literal('aware'), bytes(AWARENESS_BYTES_MAX)]),
]);

/** What a node says. */
export const nodeShape = z.union([
  z.tuple([
    z.literal('welcome'),
    z.number().int().min(0),
    z.boolean(),
    bytes(STATE_VECTOR_BYTES_MAX),
    bytes(UPDATE_BYTES_MAX * 2),
  ]),
  z.tuple([z.literal('update'), bytes(UPDATE_BYTES_MAX * 2)]),
  z.tuple([z.literal('saved'), id]),
  z.tuple([z.literal('refused'), id, text, text]),
  z.tuple([z.literal('aware'), bytes(UPDATE_BYTES_MAX)]),
]);

export type PeerMessage = z.infer<typeof peerShape>;
export type NodeMessage = z.infer<typeof nodeShape>;
