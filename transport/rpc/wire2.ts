import { decodeMessage, encodeFrame, errorFromPeer, malformed } from './codec.js';
import {
  HEAD_BYTES_MAX,
  IDEMPOTENCY_KEY_CHARACTERS_MAX,
  MESSAGE_BYTES_MAX,
  TIMEOUT_MS_MAX,
} from './limits.js';
import { NO_METADATA, checkMetadata, type Metadata } from './metadata.js';
import { RpcError, type CallKind } from './rpc.js';
import { readMethod, type Notification } from './wire.js';

/**
 * Version 2 of the wire, the current one. A frame is four bytes of length (big-endian) and a
 * MessagePack array: the version, the type of the frame, and what belongs to the type.
 *
 *   head           [2, 0, kind, method, timeoutMs, options]            or with the first message:
 *                  [2, 0, kind, method, timeoutMs, options, payload]
 *   message        [2, 1, payload]
 *   trailer        [2, 2, 0, payload, options]                         the call succeeded
 *                  [2, 2, 1, [code, message, reason, details], options]  it failed
 *   end            [2, 3]                                              no more messages of the caller
 *   hello          [2, 4, {members}]                                   see hello.ts
 *   notification   [2, 5, method, payload, options]
 *   many           [2, 6]                                              notifications follow it
 *
 * `kind` is 0 unary, 1 server stream, 2 client stream, 3 duplex. `options` is nil or a map: `m`
 * metadata, and in a head also `k` idempotency key, `i` true when the call may be run twice, `u`
 * urgency. Members of arrays beyond those named, and members of maps that are not known, are
 * ignored: a later minor release adds some without a new version.
 *
 * A call is one bidirectional stream. The caller's direction:
 *
 *   unary           head [message] FIN
 *   server stream   head [message]                   then nothing until the trailer has come: FIN
 *   client stream   head message* end                likewise
 *   duplex          head message* end                likewise
 *
 * A first message that rides in the head keeps a unary call at one packet; a head has at most 64 KB, so
 * that it is known early who calls what for how long, and a larger message follows in its own frame.
 * The answering direction is message* trailer FIN; the one message of a unary call or a client stream
 * rides in the trailer, which has a payload of nil otherwise.
 *
 * Why the callers of streams end their direction only after the trailer: an earlier end then says that
 * the caller is gone, and the answering side cuts its own direction short. Nothing is reset, so that
 * no flow control is lost: with quiche 0.18 a hundred streams that are reset in the middle cost a
 * connection all its places. RESET_STREAM and STOP_SENDING of a peer mean the same and are heard too,
 * and STOP_SENDING is sent where nothing is on its way that it could lose, or when the peer does not
 * react. A unary request whose stream ends short of its frame is cancelled, as in version 1.
 *
 * The hello is the first unidirectional stream of each side; the one of the dialled side says that the
 * other is let in. A notification is all of a unidirectional stream; to a peer whose hello has the feature
 * `ordered-notifications` those that keep their order follow one another on one stream, after `many`.
 */
const WIRE_VERSION = 2;
/** Application protocol of the TLS handshake (RFC 7301). */
export const PROTOCOL_2 = 'agentic-flow/2';

const TYPE = { head: 0, message: 1, trailer: 2, end: 3, hello: 4, notification: 5, many: 6 };

const KINDS: readonly CallKind[] = ['unary', 'server-stream', 'client-stream', 'duplex'];
const KIND_NUMBERS: Readonly<Record<CallKind, number>> = {
  unary: 0,
  'server-stream': 1,
  'client-stream': 2,
  duplex: 3,
};

export interface Head {
  readonly type: 'head';
  readonly kind: CallKind;
  readonly method: string;
  readonly timeoutMs: number;
  readonly metadata: Metadata;
  readonly idempotencyKey: string | undefined;
  /** The caller says that the call may be run twice. */
  readonly isIdempotent: boolean;
  readonly urgency: number | undefined;
  /** The first message rides in the head. */
  readonly hasPayload: boolean;
  readonly payload: unknown;
}

/** The end of an answer. */
type Trailer = {
  readonly type: 'trailer';
  readonly metadata: Metadata;
} & ({ readonly error: RpcError } | { readonly error: undefined; readonly payload: unknown });

export type Frame =
  | Head
  | Trailer
  | { readonly type: 'message'; readonly payload: unknown }
  | { readonly type: 'end' }
  | { readonly type: 'many' }
  | { readonly type: 'hello'; readonly members: Readonly<Record<string, unknown>> }
  | ({ readonly type: 'notification' } & Notification);

/** What a head says; a `first` message of undefined is none. */
export interface HeadContent {
  readonly kind: CallKind;
  readonly method: string;
  readonly timeoutMs: number;
  readonly metadata?: Metadata | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly idempotent?: boolean | undefined;
  readonly urgency?: number | undefined;
}

/** Frames of a call without a first message. */
export function encodeHead(head: HeadContent): Uint8Array {
  try {
    return encodeFrame([...headMembers(head)], HEAD_BYTES_MAX);
  } catch (error) {
    throw asHeadError(error);
  }
}

/**
 * Frames of a call with its first message: one, or two when it does not fit into a head. Throws
 * `RpcError` with code `malformed` when something cannot be sent.
 */
export function encodeCall(
  head: HeadContent,
  payload: unknown,
  bytesMax: number,
): readonly [Uint8Array, Uint8Array?] {
  // Large bytes would only be copied in vain.
  if (!(payload instanceof Uint8Array && payload.length > HEAD_BYTES_MAX)) {
    const members = headMembers(head);
    members.push(payload);
    const frame = encodeFrame(members, bytesMax);
    if (frame.length <= HEAD_BYTES_MAX) return [frame];
  }
  return [encodeHead(head), encodeMessage(payload, bytesMax)];
}

export function encodeMessage(payload: unknown, bytesMax = MESSAGE_BYTES_MAX): Uint8Array {
  return encodeFrame([WIRE_VERSION, TYPE.message, payload], bytesMax);
}

/** Throws `RpcError` with code `malformed` when the payload cannot be sent. */
export function encodeTrailer(
  payload: unknown,
  metadata: Metadata = NO_METADATA,
  bytesMax = MESSAGE_BYTES_MAX,
): Uint8Array {
  return encodeFrame([WIRE_VERSION, TYPE.trailer, 0, payload, metadataOptions(metadata)], bytesMax);
}

/** Details that cannot be sent are left out. */
export function encodeFailureTrailer(
  error: RpcError,
  metadata: Metadata = NO_METADATA,
): Uint8Array {
  const options = metadataOptions(metadata);
  const fields = [error.code, error.message, error.reason ?? null];
  try {
    const content = [...fields, error.details ?? null];
    return encodeFrame([WIRE_VERSION, TYPE.trailer, 1, content, options]);
  } catch {
    return encodeFrame([WIRE_VERSION, TYPE.trailer, 1, [error.code, '', null, null], null]);
  }
}

export function encodeEnd(): Uint8Array {
  return encodeFrame([WIRE_VERSION, TYPE.end]);
}

export function encodeMany(): Uint8Array {
  return encodeFrame([WIRE_VERSION, TYPE.many]);
}

export function encodeHelloFrame(members: Readonly<Record<string, unknown>>): Uint8Array {
  return encodeFrame([WIRE_VERSION, TYPE.hello, members]);
}

export function encodeNotification2(notification: Notification): Uint8Array {
  const { method, payload } = notification;
  return encodeFrame([WIRE_VERSION, TYPE.notification, method, payload, null]);
}

/** Reads a frame without its length. Throws `RpcError` with code `malformed`. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const members = decodeMessage(bytes, WIRE_VERSION, 2);
  switch (members[1]) {
    case TYPE.head:
      return readHead(members);
    case TYPE.message:
      if (members.length < 3) throw malformed('the message lacks members');
      return { type: 'message', payload: members[2] };
    case TYPE.trailer:
      return readTrailer(members);
    case TYPE.end:
      return { type: 'end' };
    case TYPE.many:
      return { type: 'many' };
    case TYPE.hello:
      return { type: 'hello', members: readMap(members[2], 'hello') };
    case TYPE.notification:
      return { type: 'notification', method: readMethod(members[2]), payload: members[3] ?? null };
    default:
      throw unexpectedFrame(`of type ${String(members[1])}`);
  }
}

export function unexpectedFrame(what: string): RpcError {
  return new RpcError('malformed', `a frame ${what} has no place here`, {
    reason: 'unexpected-frame',
  });
}

function headMembers(head: HeadContent): unknown[] {
  const { kind, method, timeoutMs } = head;
  const options = headOptions(head);
  return [WIRE_VERSION, TYPE.head, KIND_NUMBERS[kind], method, Math.ceil(timeoutMs), options];
}

function headOptions(head: HeadContent): unknown {
  const { metadata, idempotencyKey, idempotent, urgency } = head;
  if (
    metadata === undefined &&
    idempotencyKey === undefined &&
    urgency === undefined &&
    idempotent !== true
  ) {
    return null;
  }
  if (idempotencyKey !== undefined) readKey(idempotencyKey);
  if (urgency !== undefined) readUrgency(urgency);
  return {
    m: metadata === undefined ? undefined : checkMetadata(metadata),
    k: idempotencyKey,
    i: idempotent === true ? true : undefined,
    u: urgency,
  };
}

function metadataOptions(metadata: Metadata): unknown {
  return metadata === NO_METADATA ? null : { m: checkMetadata(metadata) };
}

function readHead(members: readonly unknown[]): Head {
  const [, , kind, method, timeoutMs, options, payload] = members;
  const known = typeof kind === 'number' ? KINDS[kind] : undefined;
  if (known === undefined) throw malformed('the call is of no known kind');
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0)) throw malformed('the call has no timeout');
  const map = options === null || options === undefined ? undefined : readMap(options, 'options');
  return {
    type: 'head',
    kind: known,
    method: readMethod(method),
    timeoutMs: Math.min(timeoutMs, TIMEOUT_MS_MAX),
    metadata: readMetadata(map),
    idempotencyKey: map?.['k'] === undefined ? undefined : readKey(map['k']),
    isIdempotent: map?.['i'] === true,
    urgency: map?.['u'] === undefined ? undefined : readUrgency(map['u']),
    hasPayload: members.length > 6,
    payload,
  };
}

function readTrailer(members: readonly unknown[]): Trailer {
  const [, , status, content, options] = members;
  const map = options === null || options === undefined ? undefined : readMap(options, 'options');
  const metadata = readMetadata(map);
  if (status === 0 && members.length > 3) {
    return { type: 'trailer', metadata, error: undefined, payload: content };
  }
  if (status !== 1 || !Array.isArray(content)) {
    throw malformed('the trailer is neither of a success nor of a failure');
  }
  return { type: 'trailer', metadata, error: errorFromPeer(content as unknown[]) };
}

function readMetadata(options: Readonly<Record<string, unknown>> | undefined): Metadata {
  const metadata = options?.['m'];
  return metadata === undefined ? NO_METADATA : checkMetadata(metadata);
}

function readMap(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(`the ${what} of a frame is no map`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function readKey(key: unknown): string {
  if (typeof key === 'string' && key !== '' && key.length <= IDEMPOTENCY_KEY_CHARACTERS_MAX) {
    return key;
  }
  throw malformed(
    `an idempotency key must be a string of 1 to ${IDEMPOTENCY_KEY_CHARACTERS_MAX} characters`,
  );
}

function readUrgency(urgency: unknown): number {
  if (Number.isInteger(urgency) && Number(urgency) >= 0 && Number(urgency) <= 7) {
    return Number(urgency);
  }
  throw malformed('the urgency of a call must be an integer from 0 to 7');
}

function asHeadError(error: unknown): unknown {
  if (!(error instanceof RpcError) || error.reason !== 'message-too-long') return error;
  return new RpcError('malformed', `the head of the call is longer than ${HEAD_BYTES_MAX} bytes`, {
    reason: 'head-too-long',
  });
}
