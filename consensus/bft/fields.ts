/** How proposals, votes and names lie in messages, records and what is signed. */
import type { ByteReader, ByteWriter } from '../varint.js';
import { BftError } from './error.js';
import { NAME_CHARACTERS_MAX, NUMBER_MAX } from './limits.js';
import type { Proposal, Vote, VotedValue } from './types.js';

/** What is wrong with bytes, as an error. */
export function bad(what: string): BftError {
  return new BftError('bad-encoding', `bytes of Byzantine consensus: ${what}`);
}

/** A name, of a validator or a value. */
export function readName(reader: ByteReader): string {
  const name = reader.text(NAME_CHARACTERS_MAX);
  if (name.length === 0) throw bad('a name is empty');
  return name;
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
  if (value !== null) writer.text(value);
}

export function readVoted(reader: ByteReader): VotedValue {
  const flag = reader.u8();
  if (flag > 1) throw bad('an unknown flag is set');
  return flag === 0 ? null : readName(reader);
}

/** All of a proposal but who it is from: that is also what is signed. */
export function writeProposal(writer: ByteWriter, proposal: Proposal): void {
  writer.varint(proposal.height);
  writer.varint(proposal.round);
  writer.text(proposal.value);
  writeRound(writer, proposal.validRound);
}

export function readProposal(reader: ByteReader, from: string): Proposal {
  const height = readNumber(reader);
  const round = readNumber(reader);
  const value = readName(reader);
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
