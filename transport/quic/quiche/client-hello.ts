import {
  CLIENT_HELLO_DATAGRAMS_MAX,
  INITIAL_PACKETS_PER_DATAGRAM_MAX,
  PACKET_NUMBERS_REORDERED_MAX,
} from '../limits.js';
import { CryptoAssembly, readCryptoFrames } from './crypto-frames.js';
import { openInitial, readLongPacket, type ProtectedPacket } from './initial-packet.js';
import { initialKeys, type PacketKeys } from './packet-protection.js';
import { readClientHello, type ClientHello } from './tls-client-hello.js';

export type { ClientHello } from './tls-client-hello.js';

function hasLongHeader(datagram: Uint8Array, at: number): boolean {
  return ((datagram[at] ?? 0) & 0x80) !== 0;
}

/**
 * Finds out what a client asks for before a connection is made for it: collects the CRYPTO data of
 * its Initial packets (RFC 9000 17.2.2), in any order and over several datagrams, until the TLS
 * ClientHello is whole. Pure; bytes of the peer never make it throw.
 *
 * What it reads must be what the TLS of the connection reads later, or a replayed ClientHello could
 * be shown to TLS and a fresh one to this. Therefore it is strict where quiche drops a packet in
 * silence: a packet for another id, a packet number that was there before with other data, an
 * Initial behind a packet of another type, data that contradicts earlier data are all `invalid`.
 * For the same reason a connection gets exactly the datagrams that were pushed, in that order, and
 * none that was `invalid`.
 */
export class ClientHelloReader {
  readonly #connectionId: Uint8Array;
  readonly #assembly = new CryptoAssembly();
  readonly #packetNumbers = new Set<number>();
  #keys: PacketKeys | undefined;
  #largestPacketNumber = -1;
  #datagramCount = 0;
  #isInvalid = false;

  /**
   * `originalConnectionId`: the destination id of the client's first packet, or the one that it was
   * told in a Retry.
   */
  constructor(originalConnectionId: Uint8Array) {
    this.#connectionId = Uint8Array.from(originalConnectionId);
  }

  /**
   * Takes the next datagram of the client, which it leaves as it is and does not keep. Once
   * `invalid`, always `invalid`: nothing can come of this attempt.
   */
  push(datagram: Uint8Array): ClientHello | 'incomplete' | 'invalid' {
    this.#datagramCount += 1;
    const isRead =
      !this.#isInvalid &&
      this.#datagramCount <= CLIENT_HELLO_DATAGRAMS_MAX &&
      this.#readDatagram(datagram);
    const hello = isRead ? readClientHello(this.#assembly.ready) : 'invalid';
    this.#isInvalid = hello === 'invalid';
    return hello;
  }

  #readDatagram(datagram: Uint8Array): boolean {
    let initialCount = 0;
    let isPastInitials = false;
    // quiche drops what follows a repeated packet number in its datagram.
    let mayBeNew = true;
    let at = 0;
    while (at < datagram.length) {
      const packet = readLongPacket(datagram, at);
      // quiche drops in silence what has a short header now, but not all that is not read here.
      if (packet === undefined) return initialCount > 0 && !hasLongHeader(datagram, at);
      at = packet.end;
      if (!packet.isInitial) {
        isPastInitials = true;
        continue;
      }
      initialCount += 1;
      if (isPastInitials || initialCount > INITIAL_PACKETS_PER_DATAGRAM_MAX) return false;
      const read = this.#readInitial(datagram, packet, mayBeNew);
      if (read === 'invalid') return false;
      if (read === 'repeated') mayBeNew = false;
    }
    return initialCount > 0;
  }

  #readInitial(
    datagram: Uint8Array,
    packet: ProtectedPacket,
    mayBeNew: boolean,
  ): 'read' | 'repeated' | 'invalid' {
    if (Buffer.compare(packet.destination, this.#connectionId) !== 0) return 'invalid';
    this.#keys ??= initialKeys(this.#connectionId, 'client');
    const opened = openInitial(datagram, packet, this.#keys, this.#largestPacketNumber);
    const frames = opened === undefined ? undefined : readCryptoFrames(opened.payload);
    if (opened === undefined || frames === undefined) return 'invalid';
    const isRepeated = this.#isRepeated(opened.packetNumber);
    for (const frame of frames) {
      const added = this.#assembly.add(frame);
      if (added === 'invalid' || (added === 'new' && (isRepeated || !mayBeNew))) return 'invalid';
    }
    return isRepeated ? 'repeated' : 'read';
  }

  /** Whether a packet may be taken for one that was there before (RFC 9000 12.3), by quiche too. */
  #isRepeated(packetNumber: number): boolean {
    const isOld = packetNumber + PACKET_NUMBERS_REORDERED_MAX < this.#largestPacketNumber;
    if (isOld || this.#packetNumbers.has(packetNumber)) return true;
    this.#packetNumbers.add(packetNumber);
    this.#largestPacketNumber = Math.max(this.#largestPacketNumber, packetNumber);
    return false;
  }
}
