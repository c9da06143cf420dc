/** What travels between members for one message of a client. */
import { createHash } from 'node:crypto';

import { z } from 'zod';

import { topicNameProblem } from '../../src/topics/name.js';
import { encodePayload } from '../../transport/rpc/codec.js';
import { PEER_ID_LENGTH_MAX } from '../wire/limits.js';
import { CHANNELS, ID_CHARACTERS_MAX, MESSAGE_BYTES_MAX, MESSAGE_DEPTH_MAX } from './limits.js';

export const topicName = z.string().superRefine((name, context) => {
  const problem = topicNameProblem(name);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

export const messageId = z.string().min(1).max(ID_CHARACTERS_MAX);

/** Any value that a payload can be, within bounds. */
export const anyMessage = z.unknown().superRefine((message, context) => {
  const problem = messageProblem(message);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

/** The body on gossipsub. A later release may add members; they are passed over. */
export const contentShape = z.object({
  topic: topicName,
  /** Peer id of the client, as it has proven it to the member that signs. */
  author: z.string().min(1).max(PEER_ID_LENGTH_MAX),
  /** Made by the author, the same for each copy of a message that was sent again. */
  id: messageId,
  message: anyMessage,
});

export type TopicContent = z.output<typeof contentShape>;

/**
 * The topic of gossipsub that carries a topic of the swarm. Gossipsub must know its topics when it is
 * opened, and agents name theirs as they go: so several share one, and each member hears only those
 * that one of its clients wants.
 */
export function channelOf(topic: string): string {
  const number = createHash('sha256').update(topic).digest().readUInt32BE(0) % CHANNELS;
  return channelName(number);
}

export function channelNames(): string[] {
  return Array.from({ length: CHANNELS }, (_, number) => channelName(number));
}

function channelName(number: number): string {
  return `swarm/${number}`;
}

/** Bytes of a message as it travels. */
export function bytesOf(message: unknown): number {
  return encodePayload(message).length;
}

function messageProblem(message: unknown): string | undefined {
  if (message === undefined) return 'is missing; publish null to say nothing';
  if (isDeeperThan(message, MESSAGE_DEPTH_MAX)) return `may be nested ${MESSAGE_DEPTH_MAX} deep`;
  const bytes = bytesOf(message);
  if (bytes <= MESSAGE_BYTES_MAX) return undefined;
  return (
    `has ${bytes} bytes; at most ${MESSAGE_BYTES_MAX} can be published: store the content elsewhere ` +
    'and publish where it is'
  );
}

function isDeeperThan(value: unknown, depthMax: number): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  if (depthMax === 0) return true;
  return Object.values(value).some((member) => isDeeperThan(member, depthMax - 1));
}
