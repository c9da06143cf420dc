import { readFrames, type Frame } from './frames.js';
import { KEY_UPDATES_TRIED } from './guard-limits.js';
import {
  decodePacketNumber,
  openHeader,
  openPacket,
  openPayload,
  packetKeys,
  updatedKeys,
  type CipherSuite,
  type OpenedPacket,
  type PacketKeys,
} from './packet-protection.js';

const KEY_PHASE = 0x04;
/** A packet number that fits a truncated one is looked for in so many windows on each side. */
const WINDOWS_TRIED = 4;

/** Reads the 1-RTT packets of one direction, beside quiche. */
export class Inspector {
  readonly #secret: Buffer;
  readonly #idBytes: number;
  #keys: PacketKeys | undefined;
  #keyPhase = 0;
  #largest = -1;

  /** `idBytes`: length of the connection id in the packets, which short headers do not say. */
  constructor(secret: Buffer, idBytes: number) {
    this.#secret = secret;
    this.#idBytes = idBytes;
  }

  /**
   * Opens a packet; undefined when it is not of this connection, or cannot be read. `about` is how
   * many packets there have been, a guess at the number of this one.
   */
  open(packet: Uint8Array, about: number): OpenedPacket | undefined {
    const opened = this.#openKnown(packet) ?? this.#search(packet, about);
    if (opened !== undefined) this.#largest = Math.max(this.#largest, opened.packetNumber);
    return opened;
  }

  /** The frames of a packet; empty when they cannot be read to their end. */
  frames(packet: Uint8Array, about: number): readonly Frame[] | undefined {
    const opened = this.open(packet, about);
    return opened === undefined ? undefined : (readFrames(opened.payload) ?? []);
  }

  #openKnown(packet: Uint8Array): OpenedPacket | undefined {
    if (this.#keys === undefined) return undefined;
    return openPacket(this.#keys, packet, 1 + this.#idBytes, this.#largest);
  }

  /** The first packet, one far from the last that was seen, or one with newer keys. */
  #search(packet: Uint8Array, about: number): OpenedPacket | undefined {
    const suites = this.#keys === undefined ? suitesOf(this.#secret) : [this.#keys.suite];
    for (const suite of suites) {
      let keys = this.#keys ?? packetKeys(this.#secret, suite);
      const opened = openHeader(keys, packet, 1 + this.#idBytes);
      if (opened === undefined) return undefined;
      const { header, truncatedNumber, numberBytes } = opened;
      const numbers = this.#candidates(truncatedNumber, numberBytes * 8, about);
      const isOtherPhase = ((header[0] ?? 0) & KEY_PHASE) !== this.#keyPhase;
      for (let update = 0; update <= KEY_UPDATES_TRIED; update += 1) {
        // RFC 9001 6: each update toggles the key phase.
        const isFitting = (update % 2 === 1) === isOtherPhase;
        const payload = isFitting && firstOpened(keys, packet, header, numbers);
        if (payload) {
          this.#keys = keys;
          this.#keyPhase = (header[0] ?? 0) & KEY_PHASE;
          return payload;
        }
        keys = updatedKeys(keys);
      }
    }
    return undefined;
  }

  #candidates(truncated: number, bits: number, about: number): ReadonlySet<number> {
    const numbers = new Set<number>();
    for (const largest of [this.#largest, about - 1]) {
      for (let step = -WINDOWS_TRIED; step <= WINDOWS_TRIED; step += 1) {
        const from = Math.max(largest + step * 2 ** bits, -1);
        numbers.add(decodePacketNumber(from, truncated, bits));
      }
    }
    return numbers;
  }
}

function firstOpened(
  keys: PacketKeys,
  packet: Uint8Array,
  header: Buffer,
  numbers: ReadonlySet<number>,
): OpenedPacket | undefined {
  for (const number of numbers) {
    const opened = openPayload(keys, packet, header, number);
    if (opened !== undefined) return opened;
  }
  return undefined;
}

function suitesOf(secret: Buffer): readonly CipherSuite[] {
  return secret.length === 48 ? ['aes-256-gcm'] : ['aes-128-gcm', 'chacha20-poly1305'];
}
