/** Shapes of what is asked about topics, and its errors as they travel. */
import { z } from 'zod';

import { TopicError } from '../../src/topics/error.js';
import { PUBLIC_KEY_BYTES } from '../../transport/identity/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { HOST_LENGTH_MAX } from '../wire/limits.js';
import { anyMessage, messageId, topicName } from './content.js';

export const requests = {
  publish: z.object({ topic: topicName, id: messageId, message: anyMessage }),
  subscribe: z.object({ topic: topicName }),
};

export const answers = {
  address: z.object({
    /** Of the identity of the member: its peer ids, that of nodes and that of topics, follow from it. */
    publicKey: z.custom<Uint8Array>(
      (value) => value instanceof Uint8Array && value.length === PUBLIC_KEY_BYTES,
      `must be ${PUBLIC_KEY_BYTES} bytes`,
    ),
    /** Null: where the member is reached anyway. */
    host: z.string().min(1).max(HOST_LENGTH_MAX).nullable(),
    port: z.number().int().min(1).max(65_535),
  }),
};

export type MemberAnswer = z.output<typeof answers.address>;

/** Why a node has no topics. */
export function withoutTopics(why: string): RpcError {
  return new RpcError('refused', why, { reason: 'no-topics' });
}

export function asRpcError(error: unknown): unknown {
  if (!(error instanceof TopicError)) return error;
  switch (error.code) {
    case 'overloaded':
      return new RpcError('overloaded', error.message);
    case 'closed':
      return new RpcError('refused', 'the node is stopping', { reason: 'stopping' });
    case 'bad-message':
    case 'too-large':
      return new RpcError('malformed', error.message, { reason: error.code });
    default:
      return new RpcError('refused', error.message, { reason: error.code });
  }
}
