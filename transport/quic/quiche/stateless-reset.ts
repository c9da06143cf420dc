import { createHmac, createPrivateKey, hkdfSync, randomBytes } from 'node:crypto';
import { RESETS_PER_SECOND_MAX } from '../limits.js';

const TOKEN_BYTES = 16;
/** Unpredictable bits in front of the token (RFC 9000 10.3): 5 bytes at least, here more. */
const PADDING_BYTES = 24;
const PADDING_BYTES_MIN = 5;

/**
 * Stateless reset (RFC 9000 10.3): a node that has restarted tells a peer that goes on talking to it
 * that the connection is gone, in one packet, instead of leaving it to its idle timeout. The token
 * that proves it is a function of the node's private key and of the connection id.
 */
export class StatelessReset {
  readonly #key: Uint8Array;
  #second = 0;
  #sentInSecond = 0;

  /** `privateKeyPem`: PKCS #8. */
  constructor(privateKeyPem: string) {
    const secret = createPrivateKey(privateKeyPem).export({ type: 'pkcs8', format: 'der' });
    this.#key = new Uint8Array(hkdfSync('sha256', secret, '', 'agentic-flow stateless reset', 32));
  }

  /** The token of a connection id, as the engine takes it. */
  tokenNumber(connectionId: Uint8Array): bigint {
    return BigInt(`0x${this.#token(connectionId).toString('hex')}`);
  }

  /**
   * The packet that answers one with an unknown connection id, or undefined: it is always shorter
   * than what it answers, so that two nodes cannot keep each other busy.
   * Ask `isAllowed` before.
   */
  answer(datagram: Uint8Array, connectionId: Uint8Array): Uint8Array | undefined {
    const paddingBytes = Math.min(PADDING_BYTES, datagram.length - TOKEN_BYTES - 1);
    if (paddingBytes < PADDING_BYTES_MIN) return undefined;
    const padding = randomBytes(paddingBytes);
    // A short header: the two high bits are 01.
    padding[0] = ((padding[0] ?? 0) & 0x3f) | 0x40;
    return Buffer.concat([padding, this.#token(connectionId)]);
  }

  #token(connectionId: Uint8Array): Buffer {
    return createHmac('sha256', this.#key).update(connectionId).digest().subarray(0, TOKEN_BYTES);
  }

  /** Whether one more unknown packet is looked at in this second; `nowMs` of a clock that never goes back. */
  isAllowed(nowMs: number): boolean {
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#sentInSecond = 0;
    }
    this.#sentInSecond += 1;
    return this.#sentInSecond <= RESETS_PER_SECOND_MAX;
  }
}
