import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  hkdfSync,
} from 'node:crypto';

/**
 * Bytes of a stored session:
 *
 *     version 1 byte, nonce 12 bytes,
 *     AES-256-GCM of: usable until, milliseconds since the epoch, u64 big-endian; the session
 *     tag 16 bytes
 *
 * with the version and the peer id as associated data: an entry of another peer, of another identity
 * or of another version cannot be read.
 */
const VERSION = 1;
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NONCE_BYTES;
const UNTIL_BYTES = 8;
/** Bytes of an entry beyond those of its session. */
export const SEAL_BYTES = HEAD_BYTES + UNTIL_BYTES + TAG_BYTES;
const KEY_BYTES = 32;
const NAME_BYTES = 16;

export interface StoredSession {
  /** Milliseconds since the epoch. */
  readonly usableUntilMs: number;
  readonly session: Uint8Array;
}

/** Seals sessions for whoever holds a private key. */
export class SessionSeal {
  readonly #key: Buffer;
  readonly #nameKey: Buffer;

  /** Derives its keys from a private key in PEM (RFC 5869); throws when that cannot be read. */
  constructor(privateKeyPem: string) {
    const secret = createPrivateKey(privateKeyPem).export({ type: 'pkcs8', format: 'der' });
    const info = 'agentic-flow stored sessions 1';
    const keys = Buffer.from(hkdfSync('sha256', secret, '', info, 2 * KEY_BYTES));
    this.#key = keys.subarray(0, KEY_BYTES);
    this.#nameKey = keys.subarray(KEY_BYTES);
  }

  /** A name for the entry of a peer that tells nobody else which peer it is: 32 characters. */
  nameOf(peerId: string): string {
    return createHmac('sha256', this.#nameKey)
      .update(peerId)
      .digest('hex')
      .slice(0, 2 * NAME_BYTES);
  }

  /** `nonce`: 12 bytes that were never used before. */
  seal(peerId: string, stored: StoredSession, nonce: Uint8Array): Uint8Array {
    const until = Buffer.alloc(UNTIL_BYTES);
    until.writeBigUInt64BE(BigInt(stored.usableUntilMs));
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    cipher.setAAD(associated(peerId));
    return Buffer.concat([
      Uint8Array.of(VERSION),
      nonce,
      cipher.update(until),
      cipher.update(stored.session),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
  }

  /** Undefined for anything but what `seal` gave for this peer. */
  open(peerId: string, bytes: Uint8Array): StoredSession | undefined {
    if (bytes.length < SEAL_BYTES || bytes[0] !== VERSION) return undefined;
    const tagAt = bytes.length - TAG_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(1, HEAD_BYTES));
    decipher.setAAD(associated(peerId));
    decipher.setAuthTag(bytes.subarray(tagAt));
    const content = decipher.update(bytes.subarray(HEAD_BYTES, tagAt));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return {
      usableUntilMs: Number(content.readBigUInt64BE(0)),
      session: Uint8Array.from(content.subarray(UNTIL_BYTES)),
    };
  }
}

function associated(peerId: string): Buffer {
  return Buffer.concat([Uint8Array.of(VERSION), Buffer.from(peerId, 'utf8')]);
}
