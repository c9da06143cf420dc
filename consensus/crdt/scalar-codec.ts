/** Texts and the values of registers as bytes; the format stands at the top of `codec.ts`. */
import type { ByteReader, ByteWriter } from '../varint.js';
import { badEncoding } from './error.js';
import type { Scalar } from './value.js';

const FLOAT_BYTES = 8;

export function writeScalar(writer: ByteWriter, value: Scalar): void {
  if (value === null) writer.u8(0);
  else if (typeof value === 'boolean') writer.u8(value ? 2 : 1);
  else if (typeof value === 'number') writeNumber(writer, value);
  else if (typeof value === 'string') {
    writer.u8(6);
    writer.text(value);
  } else {
    writer.u8(7);
    writer.varint(value.length);
    writer.raw(value);
  }
}

function writeNumber(writer: ByteWriter, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    writer.u8(value < 0 ? 4 : 3);
    writer.varint(Math.abs(value));
    return;
  }
  writer.u8(5);
  const bytes = new Uint8Array(FLOAT_BYTES);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  writer.raw(bytes);
}

export function readScalar(reader: ByteReader, bytesMax: number): Scalar {
  const tag = reader.u8();
  switch (tag) {
    case 0:
      return null;
    case 1:
    case 2:
      return tag === 2;
    case 3:
      return reader.varint();
    case 4: {
      const value = reader.varint();
      if (value === 0) throw badEncoding('an integer has two forms');
      return -value;
    }
    case 5:
      return readFloat(reader);
    case 6:
      return reader.text(bytesMax);
    case 7: {
      const length = reader.varint();
      if (length > bytesMax) throw badEncoding('a value is too long');
      return reader.raw(length).slice();
    }
    default:
      throw badEncoding(`a value has the tag ${tag}`);
  }
}

function readFloat(reader: ByteReader): number {
  const bytes = reader.raw(FLOAT_BYTES).slice();
  const value = new DataView(bytes.buffer).getFloat64(0, true);
  if (!Number.isFinite(value)) throw badEncoding('a number is not finite');
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    throw badEncoding('an integer has two forms');
  }
  return value;
}
