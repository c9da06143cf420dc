/**
 * Bytes of messages, versions 1 and 2. Numbers are LEB128 of at most 2^53-1, each in its shortest form;
 * bytes that do not fit exactly are refused.
 *
 *     envelope   version u8 (2 exactly if a message is of type 6 or 7), message count, messages
 *     message    type u8, body
 *       1 proposal     proposal
 *       2 vote         vote
 *       3 certificate  vote count, votes
 *       4 decision     proposal, vote count, votes
 *       5 value        length, bytes
 *       6 share        vote (a precommit for a value), share 96 bytes
 *       7 aggregated decision
 *                      proposal, length and bytes of the bitmap of those who signed, signature 96 bytes
 *     proposal   from, height, round, value, valid round + 1, signature
 *     vote       from, type u8 (1 prevote, 2 precommit), height, round,
 *                0 u8 (nil) or 1 u8 and the value, signature
 *     names      length, UTF-8
 *     signature  64 bytes
 *
 * Signed is `DOMAIN`, the 32 bytes that name the chain, 1 u8 for a proposal or 2 u8 for a vote, and its
 * bytes from after `from` to before the signature. What is signed with BLS by a share, and by the sum of
 * shares in an aggregated decision, is `SHARE_DOMAIN`, the 32 bytes, 2 u8, and the same bytes of a precommit.
 */
import { ByteReader, ByteWriter } from '../varint.js';
import { bad, readProposal, readName, readVote, writeProposal, writeVote } from './fields.js';
import {
  BLS_SIGNATURE_BYTES,
  ENVELOPE_BYTES_MAX,
  ENVELOPE_MESSAGES_MAX,
  SIGNATURE_BYTES,
  VALIDATORS_MAX,
  VALUE_BYTES_MAX,
} from './limits.js';
import type { OwnMessage } from './message.js';
import type { Proposal, Vote } from './types.js';

const VERSION = 1;
const AGGREGATES_VERSION = 2;
const DOMAIN = new TextEncoder().encode('agentic-flow bft 1\n');
const SHARE_DOMAIN = new TextEncoder().encode('agentic-flow bft share 1\n');
const PROPOSAL = 1;
const VOTE = 2;
const CERTIFICATE = 3;
const DECISION = 4;
const VALUE = 5;
const SHARE = 6;
const AGGREGATED = 7;

interface Signed {
  readonly signature: Uint8Array;
}

/** The core hands on the very objects that it was given, so that a signature stays with its vote. */
export type SignedVote = Vote & Signed;
/** See `SignedVote`. */
export type SignedProposal = Proposal & Signed;

/** A decision that convinces whoever knows the keys of the validators. */
export interface SignedDecision {
  readonly proposal: SignedProposal;
  readonly certificate: readonly SignedVote[];
}

/** A precommit for a value with its share of the one signature under a decision, which is made with BLS. */
export type SharedVote = SignedVote & { readonly share: Uint8Array };

/** The same where the precommits share one signature (`aggregate.ts`). */
export interface AggregatedDecision {
  readonly proposal: SignedProposal;
  /** A bitmap over the validators of the height, in the order of their names. */
  readonly signers: Uint8Array;
  readonly aggregate: Uint8Array;
}

export function isAggregated(
  decision: SignedDecision | AggregatedDecision,
): decision is AggregatedDecision {
  return 'aggregate' in decision;
}

/** What travels between validators: messages of the core with signatures, and bytes of values. */
export type WireMessage =
  | { readonly type: 'proposal'; readonly proposal: SignedProposal }
  | { readonly type: 'vote'; readonly vote: SignedVote }
  | { readonly type: 'certificate'; readonly certificate: readonly SignedVote[] }
  | { readonly type: 'decision'; readonly decision: SignedDecision | AggregatedDecision }
  | { readonly type: 'value'; readonly bytes: Uint8Array }
  | { readonly type: 'share'; readonly vote: SharedVote };

/** What a validator signs. `chain` are 32 bytes that no other chain has. */
export function signedBytes(chain: Uint8Array, message: OwnMessage): Uint8Array {
  const writer = new ByteWriter();
  writer.raw(DOMAIN);
  writer.raw(chain);
  if (message.type === 'proposal') {
    writer.u8(PROPOSAL);
    writeProposal(writer, message.proposal);
  } else {
    writer.u8(VOTE);
    writeVote(writer, message.vote);
  }
  return writer.done();
}

/** What the shares of precommits for one value in one round sign, and so the sum of them. */
export function sharedBytes(chain: Uint8Array, precommit: Vote): Uint8Array {
  const writer = new ByteWriter();
  writer.raw(SHARE_DOMAIN);
  writer.raw(chain);
  writer.u8(VOTE);
  writeVote(writer, precommit);
  return writer.done();
}

/** Bytes of an envelope. */
export function encodeMessages(messages: readonly WireMessage[]): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(messages.some(isOfAggregates) ? AGGREGATES_VERSION : VERSION);
  writer.varint(messages.length);
  for (const message of messages) writeMessage(writer, message);
  return writer.done();
}

/**
 * Reads an envelope with values of so many bytes at most. Keeps no view into the bytes. Throws `BftError`
 * with code `bad-encoding`.
 */
export function decodeMessages(
  bytes: Uint8Array,
  valueBytesMax = VALUE_BYTES_MAX,
): readonly WireMessage[] {
  const bytesMax = valueBytesMax + (ENVELOPE_BYTES_MAX - VALUE_BYTES_MAX);
  if (bytes.length > bytesMax) throw bad(`${bytes.length} of them came; at most ${bytesMax} do`);
  const reader = new ByteReader(bytes.slice(), bad);
  const version = reader.u8();
  if (version !== VERSION && version !== AGGREGATES_VERSION) {
    throw bad(`version ${version} is not known; this release reads 1 and 2`);
  }
  const count = reader.varint();
  if (count > ENVELOPE_MESSAGES_MAX) {
    throw bad(`${count} messages are more than ${ENVELOPE_MESSAGES_MAX}`);
  }
  const messages: WireMessage[] = [];
  for (let at = 0; at < count; at += 1) messages.push(readMessage(reader, valueBytesMax));
  reader.end();
  const areOfAggregates = messages.some(isOfAggregates);
  if (areOfAggregates !== (version === AGGREGATES_VERSION)) {
    throw bad(`an envelope of a version that its messages do not have`);
  }
  return messages;
}

function isOfAggregates(message: WireMessage): boolean {
  return (
    message.type === 'share' || (message.type === 'decision' && isAggregated(message.decision))
  );
}

function writeMessage(writer: ByteWriter, message: WireMessage): void {
  switch (message.type) {
    case 'proposal':
      writer.u8(PROPOSAL);
      return writeSignedProposal(writer, message.proposal);
    case 'vote':
      writer.u8(VOTE);
      return writeSignedVote(writer, message.vote);
    case 'certificate':
      writer.u8(CERTIFICATE);
      return writeVotes(writer, message.certificate);
    case 'decision':
      return writeDecision(writer, message.decision);
    case 'value':
      writer.u8(VALUE);
      writer.varint(message.bytes.length);
      return writer.raw(message.bytes);
    case 'share':
      writer.u8(SHARE);
      writeSignedVote(writer, message.vote);
      return writer.raw(message.vote.share);
  }
}

function writeDecision(writer: ByteWriter, decision: SignedDecision | AggregatedDecision): void {
  writer.u8(isAggregated(decision) ? AGGREGATED : DECISION);
  writeSignedProposal(writer, decision.proposal);
  if (!isAggregated(decision)) return writeVotes(writer, decision.certificate);
  writer.varint(decision.signers.length);
  writer.raw(decision.signers);
  writer.raw(decision.aggregate);
}

function readMessage(reader: ByteReader, valueBytesMax: number): WireMessage {
  switch (reader.u8()) {
    case PROPOSAL:
      return { type: 'proposal', proposal: readSignedProposal(reader) };
    case VOTE:
      return { type: 'vote', vote: readSignedVote(reader) };
    case CERTIFICATE:
      return { type: 'certificate', certificate: readVotes(reader) };
    case DECISION: {
      const proposal = readSignedProposal(reader);
      return { type: 'decision', decision: { proposal, certificate: readVotes(reader) } };
    }
    case VALUE: {
      const length = reader.varint();
      if (length > valueBytesMax) throw bad(`a value of ${length} bytes is too long`);
      return { type: 'value', bytes: reader.raw(length) };
    }
    case SHARE: {
      const vote = readSignedVote(reader);
      if (vote.type !== 'precommit' || vote.value === null) throw bad('a share of nothing');
      return { type: 'share', vote: { ...vote, share: reader.raw(BLS_SIGNATURE_BYTES) } };
    }
    case AGGREGATED:
      return { type: 'decision', decision: readAggregated(reader) };
    default:
      throw bad('a message of unknown type');
  }
}

function readAggregated(reader: ByteReader): AggregatedDecision {
  const proposal = readSignedProposal(reader);
  const length = reader.varint();
  if (length > VALIDATORS_MAX / 8) throw bad(`a bitmap of ${length} bytes is too long`);
  const signers = reader.raw(length);
  return { proposal, signers, aggregate: reader.raw(BLS_SIGNATURE_BYTES) };
}

function writeSignedProposal(writer: ByteWriter, proposal: SignedProposal): void {
  writer.text(proposal.from);
  writeProposal(writer, proposal);
  writer.raw(proposal.signature);
}

function readSignedProposal(reader: ByteReader): SignedProposal {
  const proposal = readProposal(reader, readName(reader));
  return { ...proposal, signature: reader.raw(SIGNATURE_BYTES) };
}

function writeSignedVote(writer: ByteWriter, vote: SignedVote): void {
  writer.text(vote.from);
  writeVote(writer, vote);
  writer.raw(vote.signature);
}

function readSignedVote(reader: ByteReader): SignedVote {
  const vote = readVote(reader, readName(reader));
  return { ...vote, signature: reader.raw(SIGNATURE_BYTES) };
}

function writeVotes(writer: ByteWriter, votes: readonly SignedVote[]): void {
  writer.varint(votes.length);
  for (const vote of votes) writeSignedVote(writer, vote);
}

function readVotes(reader: ByteReader): SignedVote[] {
  const count = reader.varint();
  if (count > VALIDATORS_MAX) throw bad(`${count} votes are more than ${VALIDATORS_MAX}`);
  const votes: SignedVote[] = [];
  for (let at = 0; at < count; at += 1) votes.push(readSignedVote(reader));
  return votes;
}
