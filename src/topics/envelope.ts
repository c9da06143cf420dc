/** What a message carries besides its body, and its bytes. */
import { LENGTH_BYTES, decodeMessage, encodeFrame } from '../../transport/rpc/codec.js';
import { TopicError, messageOf } from './error.js';
import { MESSAGE_BYTES_MAX } from './limits.js';

/** Version of the bytes: a MessagePack array `[version, epoch, sequence, sentMs, body]`. */
const VERSION = 1;
const MEMBERS = 5;

export interface Envelope {
  /** When the sending process began, by its clock, in milliseconds since 1970: grows with each start. */
  readonly epoch: number;
  /** Counts the messages of the sender in this topic and epoch, from 1. */
  readonly sequence: number;
  /** When it was published, by the clock of the sender. Milliseconds since 1970. */
  readonly sentMs: number;
  readonly body: unknown;
}

/** Throws `TopicError` `bad-message` or `too-large`. */
export function encodeEnvelope(topic: string, envelope: Envelope): Uint8Array {
  const { epoch, sequence, sentMs, body } = envelope;
  let frame: Uint8Array;
  try {
    // The length stands in front for streams; gossipsub brings its own.
    frame = encodeFrame([VERSION, epoch, sequence, sentMs, body]);
  } catch (cause) {
    const why = `the message of topic ${topic} cannot be encoded: ${messageOf(cause)}`;
    throw new TopicError('bad-message', why, { cause });
  }
  const bytes = frame.slice(LENGTH_BYTES);
  if (bytes.length > MESSAGE_BYTES_MAX) {
    const why =
      `the message of topic ${topic} has ${bytes.length} bytes; at most ${MESSAGE_BYTES_MAX} can ` +
      'be published: store the content elsewhere and publish where it is';
    throw new TopicError('too-large', why);
  }
  return bytes;
}

/** The envelope in bytes of a peer; undefined when they are none. */
export function decodeEnvelope(bytes: Uint8Array): Envelope | undefined {
  let members: unknown[];
  try {
    members = decodeMessage(bytes, VERSION, MEMBERS);
  } catch {
    return undefined;
  }
  const [, epoch, sequence, sentMs, body] = members;
  if (!isCount(epoch) || !isCount(sequence) || !isCount(sentMs)) return undefined;
  return { epoch, sequence, sentMs, body };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}
