import { createCipheriv, createHash, type Cipher } from 'node:crypto';

const CHUNK_BYTES = 32 * 1024;
const zeros = Buffer.alloc(CHUNK_BYTES);

/** Bytes that only the seed decides, so that both sides know what a transfer must carry. */
export class Content {
  readonly #cipher: Cipher;
  #leftBytes: number;

  constructor(seed: number, bytes: number) {
    const key = createHash('sha256').update(`content ${seed}`).digest().subarray(0, 16);
    this.#cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
    this.#leftBytes = bytes;
  }

  get isOver(): boolean {
    return this.#leftBytes === 0;
  }

  next(): Buffer {
    const bytes = Math.min(CHUNK_BYTES, this.#leftBytes);
    this.#leftBytes -= bytes;
    return this.#cipher.update(zeros.subarray(0, bytes));
  }
}

/** SHA-256 of the whole content, in hexadecimal digits. */
export function digestOf(seed: number, bytes: number): string {
  const hash = createHash('sha256');
  for (const content = new Content(seed, bytes); !content.isOver;) hash.update(content.next());
  return hash.digest('hex');
}
