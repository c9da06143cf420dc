import type { PeerId } from '@libp2p/interface';
import type { Connection, Verdict } from '../quic/index.js';
import { checkCertificate } from './certificate-check.js';
import { CONNECTION_CODE } from './codes.js';

/**
 * Judges certificates by the libp2p TLS specification, and remembers to whom those belong that were
 * accepted, so that each is checked once.
 */
export class Peers {
  readonly #peerIds = new WeakMap<Uint8Array, PeerId>();

  /**
   * Accepts any peer that shows one good certificate, or only `expected`. `furtherCount` certificates
   * came with it.
   */
  judge(certificate: Uint8Array | undefined, furtherCount = 0, expected?: PeerId): Verdict {
    if (certificate === undefined) return refused('a certificate is required');
    if (furtherCount > 0) return refused('more than one certificate was shown');
    let peerId: PeerId;
    try {
      peerId = checkCertificate(certificate, Date.now());
    } catch (error) {
      return refused(error instanceof Error ? error.message : String(error));
    }
    if (expected !== undefined && !peerId.equals(expected)) {
      return refused(`the peer is ${peerId.toString()}; ${expected.toString()} was dialled`);
    }
    this.#peerIds.set(certificate, peerId);
    return { isAccepted: true };
  }

  /** The peer at the other end of a connection that was accepted. */
  of(connection: Connection): PeerId {
    const certificate = connection.peerCertificate;
    return this.#peerIds.get(certificate) ?? checkCertificate(certificate, Date.now());
  }
}

function refused(reason: string): Verdict {
  return { isAccepted: false, code: CONNECTION_CODE.refused, reason };
}
