/**
 * Bytes of a record, version 1; numbers and names as in `codec.ts`.
 *
 *     record    version u8, own name, height, round + 1, step u8, locked round + 1, locked value,
 *               valid round + 1, valid value, count of own messages, messages
 *     value     0 u8 (none), or 1 u8 and its name
 *     message   1 u8 (proposal) or 2 u8 (vote), its fields, 0 u8, or 1 u8 and its signature
 */
import { ByteReader, ByteWriter } from '../varint.js';
import type { BftRecord } from './effect.js';
import {
  bad,
  readNumber,
  readProposal,
  readRound,
  readName,
  readVote,
  readVoted,
  writeProposal,
  writeRound,
  writeVote,
  writeVoted,
} from './fields.js';
import { RECORD_MESSAGES_MAX, SIGNATURE_BYTES } from './limits.js';
import type { Step } from './machine/state.js';
import type { OwnMessage } from './message.js';

const VERSION = 1;
const STEPS: readonly Step[] = [
  'initial',
  'unstarted',
  'propose',
  'prevote',
  'precommit',
  'commit',
];

/** Signatures of own messages. */
type OwnSignatures = {
  get(message: OwnMessage): Uint8Array | undefined;
};

/** A record with the signatures that were known when it was written. */
export interface StoredRecord {
  readonly record: BftRecord;
  readonly signatures: ReadonlyMap<OwnMessage, Uint8Array>;
}

export function encodeRecord({ state, sent }: BftRecord, signatures: OwnSignatures): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(VERSION);
  writer.text(state.self);
  writer.varint(state.height);
  writeRound(writer, state.round);
  writer.u8(STEPS.indexOf(state.step));
  writeRound(writer, state.lockedRound);
  writeVoted(writer, state.lockedValue);
  writeRound(writer, state.validRound);
  writeVoted(writer, state.validValue);
  writer.varint(sent.length);
  for (const message of sent) {
    writer.u8(message.type === 'proposal' ? 1 : 2);
    if (message.type === 'proposal') writeProposal(writer, message.proposal);
    else writeVote(writer, message.vote);
    const signature = signatures.get(message);
    writer.u8(signature === undefined ? 0 : 1);
    if (signature !== undefined) writer.raw(signature);
  }
  return writer.done();
}

/** Throws `BftError` with code `bad-encoding`. */
export function decodeRecord(bytes: Uint8Array): StoredRecord {
  const reader = new ByteReader(bytes.slice(), bad);
  const version = reader.u8();
  if (version !== VERSION) throw bad(`a record of version ${version}; this release reads 1`);
  const self = readName(reader);
  const height = readNumber(reader);
  const round = readRound(reader);
  const step = STEPS[reader.u8()];
  if (step === undefined) throw bad('a record with an unknown step');
  const state = {
    self,
    height,
    round,
    step,
    lockedRound: readRound(reader),
    lockedValue: readVoted(reader),
    validRound: readRound(reader),
    validValue: readVoted(reader),
  };
  const count = reader.varint();
  if (count > RECORD_MESSAGES_MAX) throw bad(`a record with ${count} messages`);
  const signatures = new Map<OwnMessage, Uint8Array>();
  const sent: OwnMessage[] = [];
  for (let at = 0; at < count; at += 1) {
    const message = readOwn(reader, self);
    sent.push(message);
    const flag = reader.u8();
    if (flag > 1) throw bad('an unknown flag is set');
    if (flag === 1) signatures.set(message, reader.raw(SIGNATURE_BYTES));
  }
  reader.end();
  return { record: { version: VERSION, state, sent }, signatures };
}

function readOwn(reader: ByteReader, self: string): OwnMessage {
  const kind = reader.u8();
  if (kind === 1) return { type: 'proposal', proposal: readProposal(reader, self) };
  if (kind === 2) return { type: 'vote', vote: readVote(reader, self) };
  throw bad('an own message of unknown type');
}
