import { createShortLivedCertificate, type ShortLivedCertificate } from './certificate.js';
import { CERTIFICATE_USE_DAYS } from './limits.js';

const USE_MS = CERTIFICATE_USE_DAYS * 24 * 60 * 60 * 1_000;

/**
 * The certificate in use and its successor, both published, so that a page that fetched the hashes
 * can connect for at least six days more. Time is an argument, in milliseconds since the epoch.
 *
 *   day 0            6            12           18
 *       current A ---+
 *       next B       +- current B +
 *                       next C    +- current C
 */
export class CertificateRotation {
  #current: ShortLivedCertificate;
  #next: ShortLivedCertificate;
  #usedSince: number;

  constructor(now: number) {
    this.#current = createShortLivedCertificate(now);
    this.#next = createShortLivedCertificate(now);
    this.#usedSince = now;
  }

  get current(): ShortLivedCertificate {
    return this.#current;
  }

  /** SHA-256 of the certificate in use and of the next: for `serverCertificateHashes`. */
  get hashes(): readonly [current: Uint8Array, next: Uint8Array] {
    return [this.#current.sha256, this.#next.sha256];
  }

  /** True when `current` is another one now. */
  advance(now: number): boolean {
    if (now - this.#usedSince < USE_MS) return false;
    // After a long sleep the successor may be worn too.
    const isLate = now - this.#usedSince >= 2 * USE_MS;
    this.#current = isLate ? createShortLivedCertificate(now) : this.#next;
    this.#next = createShortLivedCertificate(now);
    this.#usedSince = now;
    return true;
  }
}
