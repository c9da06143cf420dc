import { generateKeyPairSync, sign } from 'node:crypto';
import { generateKeyPair } from '@libp2p/crypto/keys';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  derExplicit,
  derGeneralizedTime,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derUnsignedInteger,
  derUtcTime,
} from '../../../transport/identity/der.js';
import { checkCertificate } from '../../../transport/libp2p/certificate-check.js';
import { fuzz } from '../seed.js';
import {
  ECDSA_SHA256,
  ED25519,
  VALIDITY,
  extension,
  forge,
  libp2pExtension,
  signedKeyFor,
  subjectKeyOf,
  type Forgery,
} from './forge.js';

const NOW_MS = Date.UTC(2026, 10, 26);
const RUNS = 500;

const host = await generateKeyPair('Ed25519');
const other = await generateKeyPair('Ed25519');
const rsaHost = await generateKeyPair('RSA', 2048);
const ed25519 = generateKeyPairSync('ed25519').privateKey;
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const smallRsa = generateKeyPairSync('rsa', { modulusLength: 1024 });

/** libp2p's protobuf of a public key, honest or not. */
function protobuf(type: number, data: Uint8Array): Buffer {
  const length =
    data.length < 0x80 ? [data.length] : [(data.length & 0x7f) | 0x80, data.length >> 7];
  return Buffer.concat([Uint8Array.of(0x08, type, 0x12, ...length), data]);
}

const rawHost = host.publicKey.raw;
const signatureOfRsa = sign('sha256', Buffer.from('x'), rsa.privateKey);
const validity = (from: Uint8Array, to: Uint8Array): Uint8Array => derSequence(from, to);
const FROM = derUtcTime('750101000000Z');
const TO = derGeneralizedTime('40960101000000Z');
const SHA1_ECDSA = derSequence(derObjectIdentifier('1.2.840.10045.4.1'));
const SHA256_RSA = derSequence(derObjectIdentifier('1.2.840.113549.1.1.11'));

/** What is forged, and the words by which it is refused. */
const REFUSED: readonly (readonly [string, Forgery, RegExp])[] = [
  [
    'is X.509 v1',
    { version: derExplicit(0, derUnsignedInteger(Uint8Array.of(0))) },
    /not X.509 v3/,
  ],
  ['has no version', { version: new Uint8Array() }, /where 0xa0 was expected/],
  ['names two algorithms', { outerAlgorithm: ED25519 }, /two signature algorithms/],
  ['is signed with SHA-1', { algorithm: SHA1_ECDSA }, /P-256 or Ed25519/],
  ['has a P-384 key', { privateKey: p384 }, /P-256 or Ed25519/],
  ['has an RSA key', { privateKey: rsa.privateKey, algorithm: SHA256_RSA }, /P-256 or Ed25519/],
  ['names a P-256 key and Ed25519', { algorithm: ED25519 }, /P-256 or Ed25519/],
  [
    'names an Ed25519 key and ECDSA',
    { privateKey: ed25519, algorithm: ECDSA_SHA256 },
    /P-256 or Ed/,
  ],
  ['has the key of somebody else', { subjectKey: subjectKeyOf(p256) }, /not signed by its own key/],
  ['is not valid yet', { validity: validity(derUtcTime('270101000000Z'), TO) }, /not valid before/],
  [
    'has expired',
    { validity: validity(FROM, derUtcTime('261125235959Z')) },
    /expired on 2026-11-25/,
  ],
  [
    'ends at a time that is none',
    { validity: validity(FROM, derUtcTime('270230000000Z')) },
    /time/,
  ],
  ['has a time without seconds', { validity: validity(FROM, derUtcTime('2702300000Z')) }, /time/],
  ['has a time zone', { validity: validity(FROM, derUtcTime('270201000000+01')) }, /time/],
  ['has one time only', { validity: derSequence(FROM) }, /where 0x18 was expected/],
  ['has three times', { validity: derSequence(FROM, TO, TO) }, /more bytes/],
  [
    'has unique ids',
    { uniqueIds: Uint8Array.of(0x81, 0x02, 0x00, 0x01) },
    /where 0xa3 was expected/,
  ],
  ['has no libp2p extension', { extensions: () => [] }, /no libp2p extension/],
  ['has it twice', { extensions: (one) => [one, one] }, /extension twice/],
  [
    'has a critical extension that nobody knows',
    { extensions: (one) => [one, extension('1.2.3.4', Uint8Array.of(5), true)] },
    /critical extension/,
  ],
  [
    'has 17 extensions',
    { extensions: (one) => [...Array<Uint8Array>(16).fill(extension('1.2.3.4', one)), one] },
    /more than 16 extensions/,
  ],
  [
    'is too long',
    { extensions: (one) => [one, extension('1.2.3.4', new Uint8Array(8_192))] },
    /at most 8192 are allowed/,
  ],
  ['has bytes behind it', { tail: Uint8Array.of(0) }, /more bytes/],
  [
    'has a signed key that is none',
    { signedKey: Uint8Array.of(1, 2, 3) },
    /where 0x30 was expected/,
  ],
  ['signs another text', { signedText: 'libp2p-tls-handshake;' }, /not signed by the host key/],
  [
    'has the host key of somebody else',
    { hostKey: protobuf(1, other.publicKey.raw) },
    /not signed by the host key/,
  ],
  [
    'has a signature without bytes',
    { hostSignature: new Uint8Array() },
    /not signed by the host key/,
  ],
  [
    'has a signature of 1,025 bytes',
    { hostSignature: new Uint8Array(1_025) },
    /more than 1024 bytes/,
  ],
  [
    'has the signature of another type of key',
    { hostSignature: signatureOfRsa },
    /not signed by the host key/,
  ],
  ['has a host key of no type', { hostKey: protobuf(4, rawHost) }, /not a public key of libp2p/],
  ['has a host key of another type', { hostKey: protobuf(2, rawHost) }, /has not 33 bytes/],
  ['calls an Ed25519 key RSA', { hostKey: protobuf(0, rawHost) }, /RSA key in it cannot be read/],
  [
    'calls an Ed25519 key ECDSA',
    { hostKey: protobuf(3, rawHost) },
    /ECDSA key in it cannot be read/,
  ],
  ['has 31 bytes of a host key', { hostKey: protobuf(1, rawHost.subarray(1)) }, /has not 32 bytes/],
  [
    'has bytes behind the host key',
    { hostKey: Buffer.concat([protobuf(1, rawHost), Uint8Array.of(0)]) },
    /not a public key of libp2p/,
  ],
  [
    'writes the length of the host key in two bytes',
    { hostKey: Buffer.concat([Uint8Array.of(0x08, 1, 0x12, 0xa0, 0), rawHost]) },
    /not a public key of libp2p/,
  ],
  ['has no host key', { hostKey: new Uint8Array() }, /not a public key of libp2p/],
  [
    'has a host key of 1,201 bytes',
    { hostKey: protobuf(0, new Uint8Array(1_196)) },
    /at most 1200 are allowed/,
  ],
  [
    'has an RSA host key of 1,024 bits',
    { hostKey: protobuf(0, subjectKeyOf(smallRsa.privateKey)) },
    /from 2048 to 8192 bits/,
  ],
  [
    'has a secp256k1 point that is on no curve',
    { hostKey: protobuf(2, Buffer.concat([Uint8Array.of(2), Buffer.alloc(32, 0xff)])) },
    /secp256k1 key in it cannot be read/,
  ],
  [
    'has bytes behind an ECDSA host key',
    { hostKey: protobuf(3, Buffer.concat([subjectKeyOf(p256), Uint8Array.of(0)])) },
    /distinguished encoding/,
  ],
  [
    'has a signature of its own that is none',
    { signature: () => Buffer.from('no signature') },
    /not signed by its own key/,
  ],
];

function refusal(message: RegExp): unknown {
  return expect.objectContaining({
    name: 'Libp2pTransportError',
    code: 'bad-certificate',
    message: expect.stringMatching(message) as string,
  });
}

describe('a certificate', () => {
  it.each([
    ['with a P-256 key', {}],
    ['with an Ed25519 key', { privateKey: ed25519 }],
    [
      'with an extension that nobody knows',
      { extensions: (one) => [extension('1.2.3', one), one] },
    ],
    ['valid from today', { validity: validity(derUtcTime('261126000000Z'), TO) }],
    ['valid until today', { validity: validity(FROM, derUtcTime('261126000000Z')) }],
  ] as readonly (readonly [string, Forgery])[])('%s is accepted', async (_what, forgery) => {
    const peerId = checkCertificate(await forge(host, forgery), NOW_MS);
    expect(peerId.toString()).toBe(host.publicKey.toString());
  });

  it('with a critical libp2p extension is accepted', async () => {
    const critical = libp2pExtension(await signedKeyFor(host), true);
    const certificate = await forge(host, { extensions: () => [critical] });
    expect(checkCertificate(certificate, NOW_MS).toString()).toBe(host.publicKey.toString());
  });

  it.each(REFUSED)('that %s is refused', async (_what, forgery, message) => {
    const certificate = await forge(host, forgery);
    expect(() => checkCertificate(certificate, NOW_MS)).toThrow(refusal(message) as Error);
  });
});

describe('a hostile certificate', () => {
  const isRefused = (certificate: Uint8Array): void => {
    expect(() => checkCertificate(certificate, NOW_MS)).toThrow(refusal(/./) as Error);
  };

  it.each([
    ['P-256', p256],
    ['Ed25519', ed25519],
  ])('with a flipped bit (%s) is refused', async (_what, privateKey) => {
    const certificate = await forge(host, { privateKey });
    await fuzz(
      fc.property(fc.nat(certificate.length * 8 - 1), (bit) => {
        const flipped = Buffer.from(certificate);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        isRefused(flipped);
      }),
      RUNS,
    );
  });

  it.each([
    ['Ed25519', host],
    ['RSA', rsaHost],
  ])('signed over a flipped bit in the extension (%s) is refused', async (_what, hostKey) => {
    const signedKey = await signedKeyFor(hostKey);
    await fuzz(
      fc.asyncProperty(fc.nat(signedKey.length * 8 - 1), async (bit) => {
        const flipped = Buffer.from(signedKey);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        isRefused(await forge(hostKey, { signedKey: flipped }));
      }),
      RUNS,
    );
  });

  it('that is cut, stretched, or filled with something else is refused', async () => {
    const certificate = await forge(host);
    const place = fc.nat(certificate.length - 1);
    await fuzz(
      fc.property(place, place, fc.uint8Array({ maxLength: 64 }), (start, end, bytes) => {
        const changed = Buffer.concat([
          certificate.subarray(0, start),
          bytes,
          certificate.subarray(end),
        ]);
        fc.pre(!changed.equals(certificate));
        isRefused(changed);
      }),
      RUNS,
    );
  });

  it('of any bytes, also as an extension that is signed, is refused', async () => {
    const privateKey = ed25519;
    await fuzz(
      fc.asyncProperty(fc.uint8Array({ maxLength: 512 }), async (bytes) => {
        isRefused(bytes);
        isRefused(await forge(host, { privateKey, signedKey: bytes }));
        isRefused(await forge(host, { privateKey, hostKey: bytes }));
        isRefused(await forge(host, { privateKey, hostSignature: bytes }));
        const wrapped = derSequence(derOctetString(bytes), derOctetString(bytes));
        isRefused(await forge(host, { privateKey, signedKey: wrapped, validity: VALIDITY }));
      }),
      RUNS,
    );
  });
});
