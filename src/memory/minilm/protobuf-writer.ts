/** The few pieces of the protocol-buffers wire format that an ONNX file needs. */

/** An encoded field or message, as chunks, so that large tensors are copied once. */
export interface Encoded {
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
}

const WIRE_VARINT = 0;
const WIRE_LENGTH = 2;
const WIRE_FIXED32 = 5;

function single(chunk: Uint8Array): Encoded {
  return { chunks: [chunk], bytes: chunk.byteLength };
}

/** Concatenates fields into a message body. */
export function message(...fields: readonly Encoded[]): Encoded {
  return {
    chunks: fields.flatMap(({ chunks }) => chunks),
    bytes: fields.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function varint(value: number): Uint8Array {
  // Negative numbers take ten bytes in two's complement of 64 bits.
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Uint8Array.from(bytes);
}

/** A whole number. */
export function integerField(field: number, value: number): Encoded {
  return message(single(varint((field << 3) | WIRE_VARINT)), single(varint(value)));
}

/** A float of 32 bits. */
export function floatField(field: number, value: number): Encoded {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return message(single(varint((field << 3) | WIRE_FIXED32)), single(bytes));
}

/** Bytes, a text or a nested message. */
export function lengthField(field: number, content: Encoded | Uint8Array | string): Encoded {
  let body: Encoded;
  if (typeof content === 'string') body = single(new TextEncoder().encode(content));
  else body = content instanceof Uint8Array ? single(content) : content;
  return message(single(varint((field << 3) | WIRE_LENGTH)), single(varint(body.bytes)), body);
}

/** The message as one block. */
export function encode({ chunks, bytes }: Encoded): Uint8Array {
  const out = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.byteLength;
  }
  return out;
}
