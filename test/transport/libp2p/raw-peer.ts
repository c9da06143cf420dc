import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import { certificatePem as pem } from '../../../transport/identity/x509.js';
import { libp2pCertificate } from '../../../transport/libp2p/certificate.js';
import type {
  Connection,
  Engine,
  EngineOptions,
  Stream,
  StreamHandler,
} from '../../../transport/quic/index.js';
import { handler, openEngine } from '../quic/engines.js';

const YEAR_MS = 365 * 24 * 3_600_000;

/** A certificate in PEM, valid from a year before `nowMs` until a year after it. */
export async function certificatePem(
  hostKey: PrivateKey,
  privateKeyPem: string,
  nowMs = Date.now(),
): Promise<string> {
  const der = await libp2pCertificate({
    hostKey,
    privateKey: createPrivateKey(privateKeyPem),
    notBeforeMs: nowMs - YEAR_MS,
    notAfterMs: nowMs + YEAR_MS,
  });
  return pem(der);
}

/** A peer of libp2p without libp2p: a bare engine whose test may do as it likes. */
export async function rawPeer(
  options: {
    /** Certificates, one or more, for the private key in PEM. */
    readonly certificates?: (hostKey: PrivateKey, privateKeyPem: string) => Promise<string>;
    readonly engine?: Partial<EngineOptions>;
  } = {},
): Promise<Engine> {
  const hostKey = await generateKeyPair('Ed25519');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return await openEngine({
    protocols: ['libp2p'],
    signatureAlgorithms: ['ecdsa_secp256r1_sha256', 'ed25519'],
    privateKeyPem,
    certificatePem: await (options.certificates ?? certificatePem)(hostKey, privateKeyPem),
    ...options.engine,
  });
}

/** Dials a port of loopback; streams that the other side opens are handled by `onStream`. */
export async function rawDial(
  engine: Engine,
  port: number,
  onStream: (stream: Stream) => StreamHandler = () => handler(),
): Promise<Connection> {
  return await engine.connect({
    host: '127.0.0.1',
    port,
    timeoutMs: 60_000,
    authenticate: () => ({ isAccepted: true }),
    onOpen: (opened) => opened.setHandler({ onStream, onStreamsAvailable: () => undefined }),
  });
}

/** What a dialler of multistream-select says to get `protocol`, and is answered when it gets it. */
export function negotiation(protocol: string): Buffer {
  const lines = ['/multistream/1.0.0\n', `${protocol}\n`];
  return Buffer.concat(lines.flatMap((line) => [Uint8Array.of(line.length), Buffer.from(line)]));
}
