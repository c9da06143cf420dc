import type { PeerId } from '@libp2p/interface';
import type { Verdict } from '../quic/index.js';
import { checkCertificate } from './certificate-check.js';
import { CONNECTION_CODE } from './codes.js';

/**
 * Judges certificates by the libp2p TLS specification, and remembers to whom those belong that were
 * accepted, so that each is checked once.
 */
export class Peers {
  readonly #peerIds = new WeakMap<Uint8Array, PeerId>();

  /** Accepts any peer that shows one good certificate; `furtherCount` came with it. */
  judge(certificate: Uint8Array | undefined, furtherCount = 0): Verdict {
    if (certificate === undefined) return refused('a certificate is required');
    if (furtherCount > 0) return refused('more than one certificate was shown');
    try {
      this.#peerIds.set(certificate, checkCertificate(certificate, Date.now()));
    } catch (error) {
      return refused(error instanceof Error ? error.message : String(error));
    }
    return { isAccepted: true };
  }

  /** The peer to whom a certificate that was accepted belongs. */
  of(certificate: Uint8Array): PeerId {
    return this.#peerIds.get(certificate) ?? checkCertificate(certificate, Date.now());
  }
}

function refused(reason: string): Verdict {
  return { isAccepted: false, code: CONNECTION_CODE.refused, reason };
}
