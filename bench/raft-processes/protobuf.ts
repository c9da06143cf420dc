/** As much of the protocol buffers encoding as the calls of etcd need: varints and byte fields. */
const VARINT = 0;
const BYTES = 2;

/** Numbers and bytes of a message by field; of a repeated field the last. */
export type Fields = ReadonlyMap<number, bigint | Uint8Array>;

/** One field of bytes: `tag, length, bytes`. */
export function bytesField(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([varint((field << 3) | BYTES), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  bytes.push(value);
  return Buffer.from(bytes);
}

/** Reads a message. Throws `RangeError` when it ends too early or holds other kinds of fields. */
export function readFields(message: Uint8Array): Fields {
  const fields = new Map<number, bigint | Uint8Array>();
  let at = 0;
  const number = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at];
      if (byte === undefined) throw new RangeError('a protobuf message ends too early');
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError('a protobuf number is longer than 64 bits');
  };
  while (at < message.length) {
    const tag = Number(number());
    const kind = tag & 7;
    if (kind === VARINT) {
      fields.set(tag >>> 3, number());
    } else if (kind === BYTES) {
      const length = Number(number());
      if (length > message.length - at) throw new RangeError('a protobuf field ends too early');
      fields.set(tag >>> 3, message.subarray(at, at + length));
      at += length;
    } else {
      throw new RangeError(`a protobuf field is of kind ${kind}`);
    }
  }
  return fields;
}

/** The message in a field, empty when it is missing. */
export function messageField(fields: Fields, field: number): Fields {
  const value = fields.get(field);
  return value instanceof Uint8Array ? readFields(value) : new Map();
}
