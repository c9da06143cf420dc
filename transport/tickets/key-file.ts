import { createHash } from 'node:crypto';
import { TICKET_KEYS_MAX } from './limits.js';
import { TICKET_KEY_BYTES, type KeyRing, type TicketKey } from './key-ring.js';
import { TicketError } from './ticket-error.js';

/**
 * Bytes of a file of ticket keys, numbers big-endian:
 *
 *     magic 8 bytes, format version u32, number of keys u32,
 *     for each key: created at, milliseconds since the epoch, u64; key 48 bytes
 *     SHA-256 of all before, 32 bytes
 */
const MAGIC = Buffer.from('AF2TKEY\n', 'latin1');
const FORMAT_VERSION = 1;
const HEAD_BYTES = MAGIC.length + 4 + 4;
const RECORD_BYTES = 8 + TICKET_KEY_BYTES;
const CHECKSUM_BYTES = 32;
/** Largest file of version 1; of a larger one no more is read. */
export const KEY_FILE_BYTES_MAX = HEAD_BYTES + TICKET_KEYS_MAX * RECORD_BYTES + CHECKSUM_BYTES;

function checksum(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

export function encodeKeyFile(ring: KeyRing): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  MAGIC.copy(head);
  head.writeUInt32BE(FORMAT_VERSION, MAGIC.length);
  head.writeUInt32BE(ring.length, MAGIC.length + 4);
  const records = ring.map(({ createdAtMs, bytes }) => {
    const created = Buffer.alloc(8);
    created.writeBigUInt64BE(BigInt(createdAtMs));
    return Buffer.concat([created, bytes]);
  });
  const content = Buffer.concat([head, ...records]);
  return Buffer.concat([content, checksum(content)]);
}

/** Reads what `encodeKeyFile` wrote. Throws `TicketError`: `damaged`, `newer-version`. */
export function decodeKeyFile(bytes: Buffer, path: string): KeyRing {
  const damaged = (what: string): TicketError =>
    new TicketError('damaged', path, `${path} is damaged: ${what}`);
  if (bytes.length < HEAD_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw damaged('it does not start like a file of ticket keys');
  }
  const version = bytes.readUInt32BE(MAGIC.length);
  if (version > FORMAT_VERSION) {
    const message =
      `${path} has format version ${version}, this software reads up to ${FORMAT_VERSION}; ` +
      'run the newer version, or remove the file: peers then make full handshakes once';
    throw new TicketError('newer-version', path, message);
  }
  const count = bytes.readUInt32BE(MAGIC.length + 4);
  const contentBytes = HEAD_BYTES + count * RECORD_BYTES;
  if (count < 1 || count > TICKET_KEYS_MAX || bytes.length !== contentBytes + CHECKSUM_BYTES) {
    throw damaged(`${bytes.length} bytes do not hold ${count} keys`);
  }
  const content = bytes.subarray(0, contentBytes);
  if (!checksum(content).equals(bytes.subarray(contentBytes))) {
    throw damaged('its checksum does not match');
  }
  const keyAt = (index: number): TicketKey => {
    const at = HEAD_BYTES + index * RECORD_BYTES;
    const createdAtMs = Number(content.readBigUInt64BE(at));
    if (!Number.isSafeInteger(createdAtMs)) throw damaged('a key has an impossible age');
    return { createdAtMs, bytes: Uint8Array.from(content.subarray(at + 8, at + RECORD_BYTES)) };
  };
  return [keyAt(0), ...Array.from({ length: count - 1 }, (_, index) => keyAt(index + 1))];
}
