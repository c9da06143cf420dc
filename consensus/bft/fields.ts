/** How proposals, votes and names lie in messages, records and what is signed. */
import type { ByteReader, ByteWriter } from '../varint.js';
import { BftError } from './error.js';
import { NAME_BYTES_MAX, NAME_CHARACTERS_MAX, NUMBER_MAX } from './limits.js';
import type { Proposal, Vote, VotedValue } from './types.js';

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What is wrong with bytes, as an error. */
export function bad(what: string): BftError {
  return new BftError('bad-encoding', `bytes of Byzantine consensus: ${what}`);
}

export function writeText(writer: ByteWriter, text: string): void {
  const bytes = textEncoder.encode(text);
  writer.varint(bytes.length);
  writer.raw(bytes);
}

export function readText(reader: ByteReader): string {
  const length = reader.varint();
  if (length === 0 || length > NAME_BYTES_MAX) throw bad(`a name of ${length} bytes`);
  const bytes = reader.raw(length);
  let text: string;
  try {
    text = textDecoder.decode(bytes);
  } catch {
    throw bad('a name that is not UTF-8');
  }
  if (text.length > NAME_CHARACTERS_MAX) throw bad(`a name of ${text.length} characters`);
  return text;
}

export function readNumber(reader: ByteReader): number {
  const number = reader.varint();
  if (number > NUMBER_MAX) throw bad(`the height or round ${number} is beyond ${NUMBER_MAX}`);
  return number;
}

/** A round, or `NO_ROUND`: one more than it, so that it is no negative number. */
export function writeRound(writer: ByteWriter, round: number): void {
  writer.varint(round + 1);
}

export function readRound(reader: ByteReader): number {
  const round = reader.varint() - 1;
  if (round > NUMBER_MAX) throw bad(`the round ${round} is beyond ${NUMBER_MAX}`);
  return round;
}

export function writeVoted(writer: ByteWriter, value: VotedValue): void {
  writer.u8(value === null ? 0 : 1);
  if (value !== null) writeText(writer, value);
}

export function readVoted(reader: ByteReader): VotedValue {
  const flag = reader.u8();
  if (flag > 1) throw bad('an unknown flag is set');
  return flag === 0 ? null : readText(reader);
}

/** All of a proposal but who it is from: that is also what is signed. */
export function writeProposal(writer: ByteWriter, proposal: Proposal): void {
  writer.varint(proposal.height);
  writer.varint(proposal.round);
  writeText(writer, proposal.value);
  writeRound(writer, proposal.validRound);
}

export function readProposal(reader: ByteReader, from: string): Proposal {
  const height = readNumber(reader);
  const round = readNumber(reader);
  const value = readText(reader);
  return { from, height, round, value, validRound: readRound(reader) };
}

/** All of a vote but who it is from: that is also what is signed. */
export function writeVote(writer: ByteWriter, vote: Vote): void {
  writer.u8(vote.type === 'prevote' ? 1 : 2);
  writer.varint(vote.height);
  writer.varint(vote.round);
  writeVoted(writer, vote.value);
}

export function readVote(reader: ByteReader, from: string): Vote {
  const kind = reader.u8();
  if (kind !== 1 && kind !== 2) throw bad('a vote of unknown type');
  const height = readNumber(reader);
  const round = readNumber(reader);
  const type = kind === 1 ? 'prevote' : 'precommit';
  return { type, from, height, round, value: readVoted(reader) };
}
