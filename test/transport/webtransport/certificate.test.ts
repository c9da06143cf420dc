import { X509Certificate, createHash, createPrivateKey } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Application, Engine } from '../../../transport/quic/index.js';
import {
  CertificateRotation,
  createShortLivedCertificate,
  serveWebTransport,
} from '../../../transport/webtransport/index.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = Date.UTC(2031, 1, 27, 23, 59, 58, 123);

describe('a short-lived certificate', () => {
  const made = createShortLivedCertificate(NOW);
  const read = new X509Certificate(made.certificatePem);

  it('has an ECDSA key on P-256, signed by itself', () => {
    expect(read.publicKey.asymmetricKeyType).toBe('ec');
    expect(read.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(read.verify(read.publicKey)).toBe(true);
    expect(read.checkPrivateKey(createPrivateKey(made.privateKeyPem))).toBe(true);
    expect(read.subject).toBe('CN=agentic-flow WebTransport');
    expect(read.issuer).toBe(read.subject);
  });

  it('is valid for exactly 14 days, from one hour ago', () => {
    const from = Date.parse(read.validFrom);
    const until = Date.parse(read.validTo);
    expect(until - from).toBe(14 * DAY_MS);
    expect(from).toBe(Math.floor(NOW / 1_000) * 1_000 - HOUR_MS);
    expect(made.validUntil).toBe(until);
  });

  it('comes with the SHA-256 of its DER', () => {
    const hash = createHash('sha256').update(read.raw).digest();
    expect(Buffer.from(made.sha256).equals(hash)).toBe(true);
    expect(Buffer.from(made.sha256).toString('hex').match(/../g)?.join(':').toUpperCase()).toBe(
      read.fingerprint256,
    );
  });

  it('has a key and a serial number of its own', () => {
    const other = new X509Certificate(createShortLivedCertificate(NOW).certificatePem);
    expect(other.serialNumber).not.toBe(read.serialNumber);
    expect(other.publicKey.equals(read.publicKey)).toBe(false);
  });
});

describe('the rotation of certificates', () => {
  it('uses what it has published for six days, and never one that is about to expire', () => {
    let now = NOW;
    const rotation = new CertificateRotation(now);
    /** When each hash was published first. */
    const publishedAt = new Map<string, number>();
    const note = (): void => {
      for (const hash of rotation.hashes) {
        const key = Buffer.from(hash).toString('hex');
        if (!publishedAt.has(key)) publishedAt.set(key, now);
      }
    };
    note();
    let changes = 0;
    for (let hour = 0; hour < 24 * 40; hour += 1) {
      now += HOUR_MS;
      const next = rotation.hashes[1];
      const isChanged = rotation.advance(now);
      if (isChanged) {
        changes += 1;
        expect(rotation.current.sha256).toBe(next);
        const key = Buffer.from(next).toString('hex');
        expect(now - (publishedAt.get(key) ?? now)).toBeGreaterThanOrEqual(6 * DAY_MS);
      }
      note();
      expect(rotation.current.validUntil - now).toBeGreaterThan(DAY_MS);
      expect(rotation.hashes[0]).toBe(rotation.current.sha256);
    }
    expect(changes).toBe(6);
  });

  it('starts afresh after a long sleep', () => {
    const rotation = new CertificateRotation(NOW);
    const now = NOW + 30 * DAY_MS;
    expect(rotation.advance(now)).toBe(true);
    expect(rotation.current.validUntil - now).toBeGreaterThan(13 * DAY_MS);
  });
});

describe('a node that serves sessions for weeks', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gives its engine the next certificate, and publishes other hashes, every six days', () => {
    vi.useFakeTimers({ now: NOW, toFake: ['Date', 'setInterval', 'clearInterval'] });
    const used: string[] = [];
    const published: string[][] = [];
    const serve = (application: Application): ReturnType<Engine['serve']> => {
      used.push(application.certificatePem);
      return {
        setCertificate: (_key, certificatePem) => used.push(certificatePem),
        stop: () => undefined,
      };
    };
    const text = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');
    const served = serveWebTransport({ serve } as Pick<Engine, 'serve'> as Engine, {
      path: '/session',
      onSession: () => undefined,
      onCertificateHashes: (hashes) => published.push(hashes.map(text)),
    });
    const first = served.certificateHashes.map(text);
    vi.advanceTimersByTime(13 * DAY_MS);
    expect(used.length).toBe(3);
    const hashes = used.map((pem) =>
      createHash('sha256').update(new X509Certificate(pem).raw).digest('hex'),
    );
    expect(hashes.slice(0, 2)).toEqual(first);
    expect(published.map(([current]) => current)).toEqual(hashes.slice(1));
    expect(published[1]?.[0]).toBe(published[0]?.[1]);
    expect(served.certificateHashes.map(text)).toEqual(published[1]);
    served.stop();
    vi.advanceTimersByTime(13 * DAY_MS);
    expect(used.length).toBe(3);
  });
});
