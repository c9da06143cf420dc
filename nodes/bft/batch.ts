/**
 * A value: commands in their order.
 *
 *     value     version u8, command count, commands
 *     command   length, bytes: nonce 16 bytes, last height in which it is valid, data
 *
 * The nonce makes two submissions of the same data two commands; the last height bounds how long a
 * decided command has to be remembered so that it is not decided again.
 */
import { createHash, randomBytes } from 'node:crypto';
import { bad, readNumber } from '../../consensus/bft/fields.js';
import { BftError, type ValueId } from '../../consensus/bft/index.js';
import { ByteReader, ByteWriter } from '../../consensus/varint.js';
import { BATCH_BYTES_MAX, BATCH_COMMANDS_MAX, COMMAND_BYTES_MAX } from './limits.js';

const VERSION = 1;
const NONCE_BYTES = 16;
/** Bytes of a command besides its data. */
export const COMMAND_OVERHEAD_BYTES = 32;

/** A command as it waits and travels. */
export interface Command {
  /** SHA-256 of `bytes`, one character a byte. */
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly lastHeight: number;
  /** What was submitted. */
  readonly data: Uint8Array;
}

export function makeCommand(data: Uint8Array, lastHeight: number): Command {
  const writer = new ByteWriter();
  writer.raw(randomBytes(NONCE_BYTES));
  writer.varint(lastHeight);
  writer.raw(data);
  return readCommand(writer.done());
}

/** Throws `BftError` with code `bad-encoding`. */
function readCommand(bytes: Uint8Array): Command {
  if (bytes.length > COMMAND_BYTES_MAX + COMMAND_OVERHEAD_BYTES) {
    throw bad(`a command of ${bytes.length} bytes is too long`);
  }
  const reader = new ByteReader(bytes, bad);
  reader.raw(NONCE_BYTES);
  const lastHeight = readNumber(reader);
  const data = reader.raw(reader.left);
  if (data.length === 0) throw bad('a command without data');
  const id = createHash('sha256').update(bytes).digest().toString('latin1');
  return { id, bytes, lastHeight, data };
}

export function encodeBatch(commands: readonly Command[]): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(VERSION);
  writer.varint(commands.length);
  for (const { bytes } of commands) {
    writer.varint(bytes.length);
    writer.raw(bytes);
  }
  return writer.done();
}

/** The commands of a value, or null if it is none: then it is not valid. */
export function readBatch(bytes: Uint8Array): readonly Command[] | null {
  try {
    const reader = new ByteReader(bytes, bad);
    if (bytes.length > 2 * BATCH_BYTES_MAX || reader.u8() !== VERSION) return null;
    const count = reader.varint();
    if (count > BATCH_COMMANDS_MAX) return null;
    const commands: Command[] = [];
    for (let at = 0; at < count; at += 1) commands.push(readCommand(reader.raw(reader.varint())));
    reader.end();
    return commands;
  } catch (error) {
    if (error instanceof BftError) return null;
    throw error;
  }
}

/** The name of a value: the SHA-256 of its bytes in hexadecimal. */
export function valueIdOf(bytes: Uint8Array): ValueId {
  return createHash('sha256').update(bytes).digest('hex');
}
