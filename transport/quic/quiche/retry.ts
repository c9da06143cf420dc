import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { RETRY_TOKEN_MS_MAX } from '../limits.js';

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const TIME_BYTES = 6;
const CONNECTION_ID_BYTES_MAX = 20;

/**
 * Tokens of Retry packets (RFC 9000 8.1.2): whoever sends one back has shown that it receives what is
 * sent to its address. Nothing is kept for it meanwhile: the token holds the time and the first
 * connection id, sealed with a key of this process and bound to the address and to the connection id of the
 * Retry, to which the next packet must go: a token opens the one connection that it was made for.
 *
 *   version (1 byte), nonce (12), AES-256-GCM of [ms since the epoch (6), first connection id], tag (16)
 */
export class RetryTokens {
  readonly #key = randomBytes(32);

  /** `retryId` is the id that the Retry gives the peer; `nowMs` since the epoch. */
  seal(address: string, retryId: Uint8Array, connectionId: Uint8Array, nowMs: number): Uint8Array {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    cipher.setAAD(boundTo(address, retryId));
    const time = Buffer.alloc(TIME_BYTES);
    time.writeUIntBE(nowMs, 0, TIME_BYTES);
    const sealed = Buffer.concat([
      cipher.update(time),
      cipher.update(connectionId),
      cipher.final(),
    ]);
    return Buffer.concat([Uint8Array.of(VERSION), nonce, sealed, cipher.getAuthTag()]);
  }

  /** The first connection id in a token, or undefined when it is not ours, too old, or another's. */
  open(
    token: Uint8Array,
    address: string,
    retryId: Uint8Array,
    nowMs: number,
  ): Uint8Array | undefined {
    const sealedBytes = token.length - 1 - NONCE_BYTES - TAG_BYTES;
    const idBytes = sealedBytes - TIME_BYTES;
    if (token[0] !== VERSION || idBytes < 0 || idBytes > CONNECTION_ID_BYTES_MAX) return undefined;
    const nonce = token.subarray(1, 1 + NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce);
    decipher.setAAD(boundTo(address, retryId));
    decipher.setAuthTag(token.subarray(token.length - TAG_BYTES));
    const opened = decipher.update(token.subarray(1 + NONCE_BYTES, token.length - TAG_BYTES));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    const ageMs = nowMs - opened.readUIntBE(0, TIME_BYTES);
    if (ageMs < 0 || ageMs > RETRY_TOKEN_MS_MAX) return undefined;
    return new Uint8Array(opened.subarray(TIME_BYTES));
  }
}

function boundTo(address: string, retryId: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(retryId.length), retryId, Buffer.from(address)]);
}
