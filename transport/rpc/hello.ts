import { HELLO_ENTRIES_MAX, MESSAGE_BYTES_MAX } from './limits.js';
import { malformed } from './codec.js';
import { ORDERED_NOTIFICATIONS } from './ordered-notifications.js';
import { decodeFrame, encodeHelloFrame } from './wire2.js';

/**
 * The first thing that each side of a connection of version 2 says, on its first unidirectional
 * stream. A map, so that a later minor release adds members; those that are not known are ignored.
 *
 *   versions    the versions of the wire that this side speaks, newest first
 *   features    names of what this side can do beyond the version
 *   limits      what this side takes: `messageBytes`, the longest message
 *   keyExchange reserved. A hybrid exchange (X25519 with ML-KEM-768) will put its shares here and
 *               derive from both secrets and the TLS exporter a key with which payloads and metadata
 *               are sealed once more, against whoever records packets now and owns a quantum computer
 *               later. It will protect what follows the hellos of both sides, not the hellos, not
 *               0-RTT, and not who talks to whom. Until then nobody sends it and it is ignored.
 */
export interface Hello {
  readonly versions: readonly number[];
  readonly features: readonly string[];
  readonly limits: { readonly messageBytes: number };
}

/** What this release says. */
export const OWN_HELLO: Hello = {
  versions: [2, 1],
  features: ['datagrams', 'early-data', 'idempotency-keys', ORDERED_NOTIFICATIONS],
  limits: { messageBytes: MESSAGE_BYTES_MAX },
};

/** Smallest bound on messages that a peer may ask for: below it not even a head would fit. */
const MESSAGE_BYTES_FLOOR = 64 * 1024;

export function encodeHello(hello: Hello): Uint8Array {
  return encodeHelloFrame({ ...hello });
}

/** Reads the frame of a hello without its length. Throws `RpcError` with code `malformed`. */
export function decodeHello(bytes: Uint8Array): Hello {
  const frame = decodeFrame(bytes);
  if (frame.type !== 'hello') throw malformed('the first stream does not carry a hello');
  return readHello(frame.members);
}

/** Reads the members of a hello. Throws `RpcError` with code `malformed`. */
export function readHello(members: Readonly<Record<string, unknown>>): Hello {
  const { versions, features, limits } = members;
  if (!isListOf(versions, Number.isSafeInteger) || !(versions as number[]).includes(2)) {
    throw malformed('the hello does not name the version that it is written in');
  }
  if (features !== undefined && !isListOf(features, (each) => typeof each === 'string')) {
    throw malformed('the features of the hello are no list of names');
  }
  return {
    versions: versions as number[],
    features: (features ?? []) as string[],
    limits: { messageBytes: readMessageBytes(limits) },
  };
}

function readMessageBytes(limits: unknown): number {
  if (typeof limits !== 'object' || limits === null) return MESSAGE_BYTES_MAX;
  const { messageBytes } = limits as Record<string, unknown>;
  if (messageBytes === undefined) return MESSAGE_BYTES_MAX;
  if (!Number.isSafeInteger(messageBytes) || Number(messageBytes) < MESSAGE_BYTES_FLOOR) {
    throw malformed(`the limit of messages in the hello is below ${MESSAGE_BYTES_FLOOR} bytes`);
  }
  return Math.min(Number(messageBytes), MESSAGE_BYTES_MAX);
}

function isListOf(value: unknown, isMember: (each: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length <= HELLO_ENTRIES_MAX && value.every(isMember);
}
