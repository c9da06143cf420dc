import { Http3Error } from './http3-error.js';
import { concat } from './bytes.js';
import { encodeVarint, readVarint } from './varint.js';

/** Largest quarter stream id: that of stream 2^62 - 4 (RFC 9297 2.1). */
const QUARTER_ID_MAX = 2 ** 60 - 1;

/** A datagram of a request (RFC 9297 2.1). */
export interface HttpDatagram {
  readonly streamId: number;
  readonly payload: Uint8Array;
}

export function encodeDatagram({ streamId, payload }: HttpDatagram): Uint8Array {
  return concat(encodeVarint(streamId / 4), payload);
}

/** Throws `Http3Error` with code `datagram-error`. */
export function decodeDatagram(bytes: Uint8Array): HttpDatagram {
  const quarter = readVarint(bytes, 0);
  if (quarter === undefined || quarter.value > QUARTER_ID_MAX) {
    throw new Http3Error('datagram-error', 'a datagram without the id of its stream');
  }
  return { streamId: quarter.value * 4, payload: bytes.subarray(quarter.end) };
}
