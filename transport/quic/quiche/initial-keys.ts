import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';

/** RFC 9001 5.2, for version 1: public, so that everybody can derive these keys. */
const INITIAL_SALT = Buffer.from('38762cf7f55934b34d179ae6a4c80cadccbb7f0a', 'hex');
const HASH_BYTES = 32;
const KEY_BYTES = 16;
const NONCE_BYTES = 12;
export const TAG_BYTES = 16;
/** Bytes of the ciphertext from which the mask of the header follows (RFC 9001 5.4.2). */
export const SAMPLE_BYTES = 16;

/** Input of the one round of HKDF-Expand that up to 32 bytes need (RFC 5869 2.3, RFC 8446 7.1). */
function expandInput(label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`, 'latin1');
  return Buffer.concat([
    Uint8Array.of(0, length, name.length),
    name,
    Uint8Array.of(0), // no context
    Uint8Array.of(1), // first round
  ]);
}

const CLIENT_IN = expandInput('client in', HASH_BYTES);
const QUIC_KEY = expandInput('quic key', KEY_BYTES);
const QUIC_IV = expandInput('quic iv', NONCE_BYTES);
const QUIC_HP = expandInput('quic hp', KEY_BYTES);

function hmac(key: Uint8Array, input: Uint8Array): Buffer {
  return createHmac('sha256', key).update(input).digest();
}

/**
 * What a client's Initial packets are protected with: keys that follow from the destination
 * connection id of its first packet (RFC 9001 5.2). They hide nothing from anybody on the path.
 */
export class ClientInitialKeys {
  readonly #key: Uint8Array;
  readonly #iv: Uint8Array;
  readonly #headerKey: Uint8Array;

  constructor(originalConnectionId: Uint8Array) {
    const secret = hmac(hmac(INITIAL_SALT, originalConnectionId), CLIENT_IN);
    this.#key = hmac(secret, QUIC_KEY).subarray(0, KEY_BYTES);
    this.#iv = hmac(secret, QUIC_IV).subarray(0, NONCE_BYTES);
    this.#headerKey = hmac(secret, QUIC_HP).subarray(0, KEY_BYTES);
  }

  /** Mask of the protected bits of the header (RFC 9001 5.4.3). */
  headerMask(sample: Uint8Array): Uint8Array {
    return createCipheriv('aes-128-ecb', this.#headerKey, null).update(sample);
  }

  /**
   * The payload of a packet (RFC 9001 5.3), in memory of its own; undefined when it was not
   * protected with these keys. `sealed` ends with the tag and has at least its length.
   */
  open(header: Uint8Array, packetNumber: number, sealed: Uint8Array): Uint8Array | undefined {
    const nonce = Buffer.from(this.#iv);
    // The packet number has 62 bits at most; of those this takes the lower 48.
    const at = NONCE_BYTES - 6;
    nonce.writeUIntBE(
      nonce.readUIntBE(at, 2) ^ (Math.floor(packetNumber / 2 ** 32) & 0xffff),
      at,
      2,
    );
    nonce.writeUInt32BE((nonce.readUInt32BE(at + 2) ^ packetNumber) >>> 0, at + 2);
    const decipher = createDecipheriv('aes-128-gcm', this.#key, nonce);
    decipher.setAAD(header);
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    const payload = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return payload;
  }
}
