/**
 * A value: commands in their order.
 *
 *     value 1   1 u8, command count, commands
 *     value 2   2 u8, command count, each: kind u8, command
 *     kind      1 application, 2 change of a validator (`change.ts`), 3 evidence (`proof.ts`)
 *     command   length, bytes: nonce 16 bytes, last height in which it is valid, data
 *
 * Values of the application alone have the first form, so that releases that know no other read them;
 * the second form has a command of another kind. The nonce makes two submissions of the same data two commands; the last height bounds how long a
 * decided command has to be remembered so that it is not decided again.
 */
import { createHash, randomBytes } from 'node:crypto';
import { bad, readNumber } from '../../consensus/bft/fields.js';
import { BftError, type ValueId } from '../../consensus/bft/index.js';
import { ByteReader, ByteWriter } from '../../consensus/varint.js';
import { BATCH_COMMANDS_MAX } from './limits.js';
import { LARGE_VALUES, PLAIN_VALUES, type ValueLimits } from './value-limits.js';

const PLAIN_VERSION = 1;
const KINDS_VERSION = 2;
const NONCE_BYTES = 16;
/** Bytes of a command besides its data. */
export const COMMAND_OVERHEAD_BYTES = 32;

/** What a command is for: the application, or the set of validators. */
export type CommandKind = 'application' | 'change' | 'evidence';

/** The number of a kind is its place, from 1 on. */
const KINDS: readonly CommandKind[] = ['application', 'change', 'evidence'];

/** A command as it waits and travels. */
export interface Command {
  readonly kind: CommandKind;
  /** SHA-256 of `bytes`, behind the number of the kind if that is not 1; one character a byte. */
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly lastHeight: number;
  /** What was submitted. */
  readonly data: Uint8Array;
}

export function makeCommand(
  data: Uint8Array,
  lastHeight: number,
  kind: CommandKind = 'application',
): Command {
  const writer = new ByteWriter();
  writer.raw(randomBytes(NONCE_BYTES));
  writer.varint(lastHeight);
  writer.raw(data);
  return readCommand(writer.done(), kind, LARGE_VALUES.commandBytesMax);
}

/** Throws `BftError` with code `bad-encoding`. */
function readCommand(bytes: Uint8Array, kind: CommandKind, commandBytesMax: number): Command {
  if (bytes.length > commandBytesMax + COMMAND_OVERHEAD_BYTES) {
    throw bad(`a command of ${bytes.length} bytes is too long`);
  }
  const reader = new ByteReader(bytes, bad);
  reader.raw(NONCE_BYTES);
  const lastHeight = readNumber(reader);
  const data = reader.raw(reader.left);
  if (data.length === 0) throw bad('a command without data');
  const hash = createHash('sha256');
  if (kind !== 'application') hash.update(Uint8Array.of(numberOf(kind)));
  const id = hash.update(bytes).digest().toString('latin1');
  return { kind, id, bytes, lastHeight, data };
}

function numberOf(kind: CommandKind): number {
  return KINDS.indexOf(kind) + 1;
}

export function encodeBatch(commands: readonly Command[]): Uint8Array {
  const isPlain = commands.every(({ kind }) => kind === 'application');
  const writer = new ByteWriter();
  writer.u8(isPlain ? PLAIN_VERSION : KINDS_VERSION);
  writer.varint(commands.length);
  for (const { kind, bytes } of commands) {
    if (!isPlain) writer.u8(numberOf(kind));
    writer.varint(bytes.length);
    writer.raw(bytes);
  }
  return writer.done();
}

/** The commands of a value, or null if it is none: then it is not valid. */
export function readBatch(
  bytes: Uint8Array,
  { commandBytesMax, valueBytesMax }: ValueLimits = PLAIN_VALUES,
): readonly Command[] | null {
  try {
    if (bytes.length > valueBytesMax) return null;
    return readCommands(new ByteReader(bytes, bad), commandBytesMax);
  } catch (error) {
    if (error instanceof BftError) return null;
    throw error;
  }
}

function readCommands(reader: ByteReader, commandBytesMax: number): readonly Command[] | null {
  const version = reader.u8();
  if (version !== PLAIN_VERSION && version !== KINDS_VERSION) return null;
  const count = reader.varint();
  if (count > BATCH_COMMANDS_MAX) return null;
  const commands: Command[] = [];
  for (let at = 0; at < count; at += 1) {
    const kind = version === PLAIN_VERSION ? 'application' : KINDS[reader.u8() - 1];
    if (kind === undefined) return null;
    commands.push(readCommand(reader.raw(reader.varint()), kind, commandBytesMax));
  }
  reader.end();
  const isPlain = commands.every(({ kind }) => kind === 'application');
  // Each value has one form.
  return isPlain === (version === PLAIN_VERSION) ? commands : null;
}

/** The name of a value: the SHA-256 of its bytes in hexadecimal. */
export function valueIdOf(bytes: Uint8Array): ValueId {
  return createHash('sha256').update(bytes).digest('hex');
}
