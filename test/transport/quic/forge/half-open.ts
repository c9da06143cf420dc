import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:dgram';
import {
  initialKeys,
  type PacketKeys,
} from '../../../../transport/quic/quiche/packet-protection.js';
import { crypto, padding } from './frames.js';
import { INITIAL, longPacket } from './packets.js';

/** RFC 9000 14.1. */
const FIRST_DATAGRAM_BYTES = 1_200;
const HOST = '127.0.0.1';

/** The beginning of a handshake that never ends: Initial packets with what one likes in them. */
export class HalfOpen {
  readonly #socket: Socket;
  readonly #port: number;
  readonly #ids = { destination: randomBytes(16), source: randomBytes(16) };
  readonly #keys: PacketKeys;
  #packetNumber = 0;

  constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
    this.#keys = initialKeys(this.#ids.destination, 'client');
  }

  send(frames: readonly Uint8Array[]): void {
    const payload = Buffer.concat(frames);
    const missing = Math.max(0, FIRST_DATAGRAM_BYTES - payload.length);
    const packet = longPacket(
      this.#keys,
      INITIAL,
      this.#ids,
      this.#packetNumber,
      Buffer.concat([payload, padding(missing)]),
    );
    this.#packetNumber += 1;
    this.#socket.send(packet, this.#port, HOST);
  }

  /** A first packet that opens a connection and asks for the rest of a ClientHello for ever. */
  begin(): void {
    // Handshake type 1, length 4,000: TLS waits for what never comes.
    this.send([crypto(0, Buffer.of(1, 0, 0x0f, 0xa0, 3, 3))]);
  }
}
