import { X509Certificate, createPrivateKey, createPublicKey } from 'node:crypto';
import { generateKeyPair, generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { describe, expect, it } from 'vitest';
import { checkCertificate } from '../../../transport/libp2p/certificate-check.js';
import { createCredentials, libp2pCertificate } from '../../../transport/libp2p/certificate.js';

const NOW_MS = Date.UTC(2026, 10, 26, 20, 0, 0);
const YEAR_MS = 365 * 24 * 3_600_000;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

// The test vectors of the libp2p TLS specification (specs/tls/tls.md, r0 of 2019-03-23). They share
// their first and their middle parts.
const HEAD = (lengths: string) =>
  `${lengths}a0030201020204499602d2300a06082a8648ce3d040302302031123010060355040a13096c69627032702e696f310a300806035504051301313020170d3735303130313133303030305a180f34303936303130313133303030305a302031123010060355040a13096c69627032702e696f310a300806035504051301313059301306072a8648ce3d020106082a8648ce3d030107034200040c901d423c831ca85e27c73c263ba132721bb9d7a84c4f0380b2a6756fd601331c8870234dec878504c174144fa4b14b66a651691606d8173e55bd37e381569ea3`;
const EXTENSION = '060a2b0601040183a25a0101';
const ECDSA_KEY =
  '045f0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004bf30511f909414ebdd3242178fd290f093a551cf75c973155de0bb5a96fedf6cb5d52da7563e794b512f66e60c7f55ba8a3acf3dd72a801980d205e8a1ad29f2';

const VECTORS = [
  [
    'an Ed25519 key',
    '12D3KooWM6CgA9iBFZmcYAHA6A2qvbAxqfkmrYiRQuz3XEsk4Ksv',
    `${HEAD('308201ae30820156')}7c307a3078${EXTENSION}046a3068042408011220a77f1d92fedb59dddaea5a1c4abd1ac2fbde7d7b879ed364501809923d7c11b90440d90d2769db992d5e6195dbb08e706b6651e024fda6cfb8846694a435519941cac215a8207792e42849cccc6cd8136c6e4bde92a58c5e08cfd4206eb5fe0bf909300a06082a8648ce3d0403020346003043021f50f6b6c52711a881778718238f650c9fb48943ae6ee6d28427dc6071ae55e702203625f116a7a454db9c56986c82a25682f7248ea1cb764d322ea983ed36a31b77`,
  ],
  [
    'an ECDSA key',
    'QmfXbAwNjJLXfesgztEHe8HwgVDCMMpZ9Eax1HYq6hn9uE',
    `${HEAD('308201f63082019d')}81c23081bf3081bc${EXTENSION}0481ad3081aa${ECDSA_KEY}044730450220064ea8124774caf8f50e57f436aa62350ce652418c019df5d98a3ac666c9386a022100aa59d704a931b5f72fb9222cb6cc51f954d04a4e2e5450f8805fe8918f71eaae300a06082a8648ce3d04030203470030440220799395b0b6c1e940a7e4484705f610ab51ed376f19ff9d7c16757cfbf61b8d4302206205c03fbb0f95205c779be86581d3e31c01871ad5d1f3435bcf375cb0e5088a`,
  ],
  [
    'a secp256k1 key',
    '16Uiu2HAkutTMoTzDw1tCvSRtu6YoixJwS46S1ZFxW8hSx9fWHiPs',
    `${HEAD('308201ba3082015f')}8184308181307f${EXTENSION}0471306f0425080212210206dc6968726765b820f050263ececf7f71e4955892776c0970542efd689d2382044630440220145e15a991961f0d08cd15425bb95ec93f6ffa03c5a385eedc34ecf464c7a8ab022026b3109b8a3f40ef833169777eb2aa337cfb6282f188de0666d1bcec2a4690dd300a06082a8648ce3d0403020349003046022100e1a217eeef9ec9204b3f774a08b70849646b6a1e6b8b27f93dc00ed58545d9fe022100b00dafa549d0f03547878338c7b15e7502888f6d45db387e5ae6b5d46899cef0`,
  ],
] as const;

const INVALID = `${HEAD('308201f73082019d')}81c23081bf3081bc${EXTENSION}0481ad3081aa${ECDSA_KEY}04473045022100bb6e03577b7cc7a3cd1558df0da2b117dfdcc0399bc2504ebe7de6f65cade72802206de96e2a5be9b6202adba24ee0362e490641ac45c240db71fe955f2c5cf8df6e300a06082a8648ce3d0403020348003045022100e847f267f43717358f850355bdcabbefb2cfbf8a3c043b203a14788a092fe8db022027c1d04a2d41fd6b57a7e8b3989e470325de4406e52e084e34a3fd56eef0d0df`;

describe('the test vectors of the libp2p TLS specification', () => {
  it.each(VECTORS)('a certificate of %s belongs to %s', (_what, peerId, certificate) => {
    expect(checkCertificate(Buffer.from(certificate, 'hex'), NOW_MS).toString()).toBe(peerId);
  });

  it('a certificate whose key another host key has signed is refused', () => {
    expect(() => checkCertificate(Buffer.from(INVALID, 'hex'), NOW_MS)).toThrow(
      expect.objectContaining({
        code: 'bad-certificate',
        message: expect.stringContaining('not signed by the host key') as string,
      }),
    );
  });
});

// Fixed keys, so that what follows from them can be written down: the one of RFC 8410 10.3 for the
// certificate, and the one that comes from a seed of 32 bytes 7 for the host.
const ED25519_KEY = createPrivateKey(`-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
`);
const P256_KEY = createPrivateKey({
  key: {
    kty: 'EC',
    crv: 'P-256',
    // RFC 7517 A.2.
    x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
    y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
    d: '870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE',
  },
  format: 'jwk',
});
const host = await generateKeyPairFromSeed('Ed25519', new Uint8Array(32).fill(7));
const VALIDITY = {
  notBeforeMs: Date.UTC(2026, 0, 1),
  notAfterMs: Date.UTC(2126, 0, 1),
};
const GOLDEN_ED25519 =
  '3082015f30820111a003020102021100a1e9156054e04fac899ae9f275132cdc300506032b65703011310f300d060355040a0c066c69627032703020170d3236303130313030303030305a180f32313236303130313030303030305a3011310f300d060355040a0c066c6962703270302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1a37c307a3078060a2b0601040183a25a0101046a3068042408011220ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c04402b0f552a99002dc6cc0136d3cecd80f4427c2eaa8872dabb722bfe03fe0eea4445ae42325f50895b51438fc456e553eda8f497d9a0af86b7915d4f5f91dcec09300506032b65700341008a8ae90b9784914b899cdd5a2dcccfb672879063a899e06f42355bcf6d873750f6585b46bdb4832fce9d4fd84dac514393de620fdda083c56d71e369ca6a200b';
const GOLDEN_P256_UNSIGNED =
  '30820144a003020102021051b944cdfa544d4c3273aa6bf350625a300a06082a8648ce3d0403023011310f300d060355040a0c066c69627032703020170d3236303130313030303030305a180f32313236303130313030303030305a3011310f300d060355040a0c066c69627032703059301306072a8648ce3d020106082a8648ce3d0301070342000430a0424cd21c2944838a2d75c92b37e76ea20d9f00893a3b4eee8a3c0aafec3ee04b65e92456d9888b52b379bdfbd51ee869ef1f0fc65b6659695b6cce081723a37c307a3078060a2b0601040183a25a0101046a3068042408011220ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c0440b5be5f7659da1b32b7516998b7294cb739dd3a42d8cd2c437d7eeaa194e69d29b2aed807fc44c587be70ab0f01a32a89fad5f84a5f6f530f644883c06feef609';

describe('our certificate', () => {
  it('is a function of the keys and the times', async () => {
    const options = { hostKey: host, privateKey: ED25519_KEY, ...VALIDITY };
    expect(hex(await libp2pCertificate(options))).toBe(GOLDEN_ED25519);
  });

  it('is it also for a P-256 key, but for its random signature', async () => {
    const options = { hostKey: host, privateKey: P256_KEY, ...VALIDITY };
    const certificate = hex(await libp2pCertificate(options));
    expect(certificate.slice(8, 8 + GOLDEN_P256_UNSIGNED.length)).toBe(GOLDEN_P256_UNSIGNED);
  });

  it.each(['Ed25519', 'secp256k1', 'RSA'] as const)(
    'is accepted, with a host key of type %s, and read by others',
    async (type) => {
      // The overloads of `generateKeyPair` take one type each.
      const hostKey = await generateKeyPair(type as 'Ed25519');
      const { certificatePem, privateKeyPem } = await createCredentials(hostKey, NOW_MS);
      const certificate = new X509Certificate(certificatePem);
      const peerId = checkCertificate(certificate.raw, NOW_MS);
      expect(peerId.toString()).toBe(hostKey.publicKey.toString());
      expect(certificate.verify(certificate.publicKey)).toBe(true);
      expect(certificate.checkPrivateKey(createPrivateKey(privateKeyPem))).toBe(true);
      expect(certificate.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    },
  );

  it('has a new key each time, which is not the key of the host', async () => {
    const made = await Promise.all([1, 2, 3].map(() => createCredentials(host, NOW_MS)));
    const keys = made.map(({ privateKeyPem }) => createPublicKey(privateKeyPem));
    expect(new Set(keys.map((key) => key.export({ format: 'jwk' }).x)).size).toBe(3);
    for (const key of keys) expect(key.asymmetricKeyType).toBe('ec');
  });

  it('is valid from an hour ago, for a century', async () => {
    const { certificatePem } = await createCredentials(host, NOW_MS);
    const { raw } = new X509Certificate(certificatePem);
    const at = (ms: number) => (): unknown => checkCertificate(raw, ms);
    expect(at(NOW_MS - 3_600_000)).not.toThrow();
    expect(at(NOW_MS - 3_602_000)).toThrow(/not valid before/);
    expect(at(NOW_MS + 100 * YEAR_MS)).not.toThrow();
    expect(at(NOW_MS + 100 * YEAR_MS + 2_000)).toThrow(/expired/);
  });

  it('is not made for an ECDSA host key, for which libp2p has no peer id here', async () => {
    const hostKey = await generateKeyPair('ECDSA');
    await expect(createCredentials(hostKey, NOW_MS)).rejects.toMatchObject({
      code: 'unusable-key',
    });
  });
});
