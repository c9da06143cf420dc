import { X509Certificate, createHash, createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  createIdentity,
  identityFromPrivateKey,
  peerIdFromCertificate,
} from '../../../transport/identity/index.js';
import { peerIdFromAcceptedCertificate } from '../../../transport/identity/certificate.js';
import { encodeBase32 } from '../../../transport/identity/base32.js';
import { withNameOf, withValidity } from './certificates.js';

// RFC 8410 section 10.3: a private key, so that what follows from it can be written down.
const KEY = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
`;
const PUBLIC_KEY = '19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1';
const PEER_ID = '45cma6itedbsqvda5xnvepyuzcgyk6w2i24xuvuq3cgps6fzdepq';

describe('base32', () => {
  it.each([
    ['', ''],
    ['f', 'my'],
    ['fo', 'mzxq'],
    ['foo', 'mzxw6'],
    ['foob', 'mzxw6yq'],
    ['fooba', 'mzxw6ytb'],
    ['foobar', 'mzxw6ytboi'],
  ])('encodes the vector %j of RFC 4648', (text, encoded) => {
    expect(encodeBase32(Buffer.from(text))).toBe(encoded);
  });
});

describe('an identity', () => {
  it('follows from the private key alone', () => {
    const identity = identityFromPrivateKey(KEY);
    expect(identity.peerId).toBe(PEER_ID);
    expect(identity.privateKeyPem).toBe(KEY);
    expect(identityFromPrivateKey(KEY)).toEqual(identity);
  });

  it('has the hash of the public key as its peer id', () => {
    expect(PEER_ID).toBe(
      encodeBase32(createHash('sha256').update(Buffer.from(PUBLIC_KEY, 'hex')).digest()),
    );
  });

  it('is new each time it is created', () => {
    const ids = new Set(Array.from({ length: 20 }, () => createIdentity().peerId));
    expect(ids.size).toBe(20);
    for (const id of ids) expect(id).toMatch(/^[a-z2-7]{52}$/);
  });

  it.each([
    ['nothing', ''],
    ['something else', 'not a key'],
    [
      'a key of another type',
      generateKeyPairSync('ec', { namedCurve: 'P-256' })
        .privateKey.export({ type: 'pkcs8', format: 'pem' })
        .toString(),
    ],
  ])('is not made of %s', (_what, pem) => {
    expect(() => identityFromPrivateKey(pem)).toThrow(
      expect.objectContaining({ name: 'IdentityError', code: 'bad-private-key' }),
    );
  });
});

describe('its certificate', () => {
  const certificate = new X509Certificate(identityFromPrivateKey(KEY).certificatePem);

  it('is X.509 that others read', () => {
    expect(certificate.subject).toBe(`CN=${PEER_ID}`);
    expect(certificate.issuer).toBe(`CN=${PEER_ID}`);
    expect(certificate.validFrom).toBe('Jan  1 00:00:00 2020 GMT');
    expect(certificate.validTo).toBe('Dec 31 23:59:59 9999 GMT');
    expect(certificate.serialNumber).toMatch(/^[0-9A-F]{1,32}$/);
    expect(certificate.publicKey.asymmetricKeyType).toBe('ed25519');
  });

  it('is signed by its own key', () => {
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(KEY))).toBe(true);
    expect(certificate.verify(new X509Certificate(createIdentity().certificatePem).publicKey)).toBe(
      false,
    );
  });

  it('names the peer', () => {
    expect(peerIdFromCertificate(certificate.raw)).toBe(PEER_ID);
  });

  it('is refused when it cannot be read', () => {
    expect(() => peerIdFromCertificate(Buffer.from('no certificate'))).toThrow(
      expect.objectContaining({ name: 'IdentityError', code: 'bad-certificate' }),
    );
  });
});

describe('the validity of a certificate', () => {
  const fromMs = Date.parse('2024-03-01T00:00:00Z');
  const toMs = Date.parse('2024-04-01T12:00:00Z');
  const identity = withValidity(identityFromPrivateKey(KEY), fromMs, toMs);
  const { raw } = new X509Certificate(identity.certificatePem);

  it.each([
    ['five minutes before it begins, for the clocks', fromMs - 5 * 60_000],
    ['when it begins', fromMs],
    ['when it ends', toMs],
  ])('is accepted %s', (_when, nowMs) => {
    expect(peerIdFromCertificate(raw, nowMs)).toBe(PEER_ID);
  });

  it.each([
    [
      'more than five minutes before it begins',
      fromMs - 5 * 60_000 - 1,
      'the certificate is not valid before 2024-03-01T00:00:00.000Z; here it is 2024-02-29T23:54:59.999Z',
    ],
    [
      'after it ends',
      toMs + 1,
      'the certificate expired at 2024-04-01T12:00:00.000Z; here it is 2024-04-01T12:00:00.001Z',
    ],
  ])('is refused %s', (_when, nowMs, message) => {
    expect(() => peerIdFromCertificate(raw, nowMs)).toThrow(
      expect.objectContaining({ name: 'IdentityError', code: 'bad-certificate', message }),
    );
  });

  it('is asked of the clock of this machine', () => {
    expect(() => peerIdFromCertificate(raw)).toThrow(/expired at 2024-04-01/);
    const { certificatePem } = createIdentity();
    expect(
      peerIdFromCertificate(
        new X509Certificate(certificatePem).raw,
        Date.parse('9999-12-31T00:00:00Z'),
      ),
    ).toMatch(/^[a-z2-7]{52}$/);
  });

  it('is not asked of one that was accepted before', () => {
    expect(peerIdFromAcceptedCertificate(raw)).toBe(PEER_ID);
  });

  it('must be readable', () => {
    const odd = Buffer.from(raw);
    odd.write('20249901120000Z', odd.indexOf('20240401120000Z'), 'latin1');
    expect(() => peerIdFromCertificate(odd, fromMs)).toThrow(
      expect.objectContaining({ name: 'IdentityError', code: 'bad-certificate' }),
    );
  });
});

describe('the name in a certificate', () => {
  it('does not make its holder another peer', () => {
    const thief = createIdentity();
    const { raw } = new X509Certificate(withNameOf(thief, createIdentity()).certificatePem);
    expect(peerIdFromCertificate(raw)).toBe(thief.peerId);
  });
});
