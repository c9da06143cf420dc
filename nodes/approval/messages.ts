/**
 * What members say to each other about approvals: msgpack arrays that begin with their version, 1. The
 * chain is its digest, 32 bytes; who says it is proven by the transport.
 *
 *     message   version, chain, public keys, bytes for the inbox of the voter (`nodes/bft/inbox.ts`)
 *     request   version, chain, a batch with the command that is asked for
 *     answer    version, state, why, certificate or null
 *     question  version, chain, method of `nodes/bft/catch-up.ts`, name of a value or height
 */
import { NAME_CHARACTERS_MAX, VALIDATORS_MAX } from '../../consensus/bft/limits.js';
import { NodeError } from '../errors.js';
import { Fields, decode, encode } from '../wire/fields.js';
import { REASON_LENGTH_MAX, REQUEST_BYTES_MAX } from './limits.js';

const VERSION = 1;

/** Where a member stands: `waiting` for its operator, `refused` with a reason, or on its way. */
const APPROVER_STATES = ['waiting', 'refused', 'voting', 'decided'] as const;
type ApproverState = (typeof APPROVER_STATES)[number];

export interface ApprovalMessage {
  readonly chain: Uint8Array;
  readonly publicKeys: readonly Uint8Array[];
  readonly payload: Uint8Array;
}

export interface ApprovalRequest {
  readonly chain: Uint8Array;
  readonly batch: Uint8Array;
}

export interface ApprovalAnswer {
  readonly state: ApproverState;
  /** In a sentence; empty when there is nothing to say. */
  readonly reason: string;
  readonly certificate: Uint8Array | null;
}

export interface ApprovalQuestion {
  readonly chain: Uint8Array;
  readonly method: 'bft.value' | 'bft.decisions' | 'bft.height';
  readonly about: string | number;
}

export function encodeMessage({ chain, publicKeys, payload }: ApprovalMessage): Uint8Array {
  return encode([VERSION, chain, publicKeys, payload]);
}

/** This and the other readers throw a `NodeError` of code `malformed`. */
export function decodeMessage(bytes: Uint8Array): ApprovalMessage {
  const fields = read(bytes, 'approval message', Number.MAX_SAFE_INTEGER);
  return {
    chain: fields.bytes('chain'),
    publicKeys: fields.list('keys', VALIDATORS_MAX, (list) => list.bytes('key')),
    payload: new Uint8Array(fields.bytes('payload')),
  };
}

export function encodeRequest({ chain, batch }: ApprovalRequest): Uint8Array {
  return encode([VERSION, chain, batch]);
}

export function decodeRequest(bytes: Uint8Array): ApprovalRequest {
  const fields = read(bytes, 'approval request');
  return { chain: fields.bytes('chain'), batch: new Uint8Array(fields.bytes('batch')) };
}

export function encodeAnswer({ state, reason, certificate }: ApprovalAnswer): Uint8Array {
  return encode([VERSION, state, reason.slice(0, REASON_LENGTH_MAX), certificate]);
}

export function decodeAnswer(bytes: Uint8Array): ApprovalAnswer {
  const fields = read(bytes, 'approval answer');
  return {
    state: fields.oneOf('state', APPROVER_STATES),
    reason: fields.string('reason', REASON_LENGTH_MAX),
    certificate: fields.nullable((outer) => new Uint8Array(outer.bytes('certificate'))),
  };
}

export function encodeQuestion({ chain, method, about }: ApprovalQuestion): Uint8Array {
  const name = typeof about === 'string' ? about : '';
  return encode([VERSION, chain, method, name, typeof about === 'number' ? about : 0]);
}

export function decodeQuestion(bytes: Uint8Array): ApprovalQuestion {
  const fields = read(bytes, 'approval question');
  const chain = fields.bytes('chain');
  const method = fields.oneOf('method', ['bft.value', 'bft.decisions', 'bft.height']);
  const name = fields.string('name', NAME_CHARACTERS_MAX);
  const height = fields.count('height');
  return { chain, method, about: method === 'bft.value' ? name : height };
}

/** What follows the version. Envelopes of votes are as long as the transport carries them. */
function read(bytes: Uint8Array, what: string, bytesMax = REQUEST_BYTES_MAX): Fields {
  if (bytes.length > bytesMax) {
    throw new NodeError('malformed', `${what}: ${bytes.length} bytes are too many`);
  }
  const fields = new Fields(decode(bytes, what), what);
  const version = fields.count('version');
  if (version !== VERSION) fields.fail('version', `${VERSION}; it is ${version}`);
  return fields;
}
