import { X509Certificate } from 'node:crypto';
import { DATAGRAMS_QUEUED_MAX, PACKET_BYTES_MIN, PATHS_MAX } from '../limits.js';
import { QuicError } from '../quic-error.js';
import type { QuicSettings } from '../settings.js';
import type { Native, NativeConfig } from './native.js';

/** Largest UDP payload there is; the peer decides what it sends. */
const RECEIVED_PACKET_BYTES_MAX = 65_527;
/** Configurations kept: each holds a parsed certificate and key. The oldest go first. */
const CONFIGS_MAX = 64;

/** What is said to the peer in a handshake, and what is asked of it. */
export interface Credentials {
  readonly protocols: readonly string[];
  /** PKCS #8 and X.509 in PEM. */
  readonly privateKeyPem: string;
  readonly certificatePem: string;
  /** Of the peer's certificate, as TLS names them; undefined: any. */
  readonly signatureAlgorithms: readonly string[] | undefined;
  /**
   * TLS demands a certificate of the peer and that it proves to hold the key. It does not judge the
   * certificate itself (nobody signs for a peer): that is done right after the handshake.
   */
  readonly asksCertificate: boolean;
}

/** What differs from connection to connection. */
export interface ConfigVariant {
  /** Largest UDP payload that may ever be sent. */
  readonly packetBytes: number;
  /** Early data is taken (as the dialled side), or may be sent (as the dialling side). */
  readonly isEarly: boolean;
  /** Session tickets are made and read with it; undefined: with a key of this process. */
  readonly ticketKey?: Uint8Array | undefined;
}

/** Native configurations of one set of credentials, made when they are first needed. */
export class Configs {
  readonly settings: QuicSettings;
  readonly #native: Native;
  readonly #credentials: Credentials;
  readonly #configs = new Map<string, NativeConfig>();

  /** Throws `QuicError` with code `bad-option` when key or certificate cannot be used. */
  constructor(native: Native, credentials: Credentials, settings: QuicSettings) {
    this.#native = native;
    this.#credentials = credentials;
    this.settings = settings;
    // Fails now, not with the first connection, when the key is of no use.
    this.get({ packetBytes: PACKET_BYTES_MIN, isEarly: false });
  }

  get(variant: ConfigVariant): NativeConfig {
    const { packetBytes, isEarly, ticketKey } = variant;
    const keyName = ticketKey === undefined ? '' : Buffer.from(ticketKey).toString('base64');
    const name = `${packetBytes} ${isEarly} ${keyName}`;
    let config = this.#configs.get(name);
    if (config === undefined) {
      config = this.#make(variant);
      this.#configs.set(name, config);
      const [oldest] = this.#configs.keys();
      if (this.#configs.size > CONFIGS_MAX && oldest !== undefined) this.#configs.delete(oldest);
    }
    return config;
  }

  #make(variant: ConfigVariant): NativeConfig {
    const config = this.#secure();
    const { settings } = this;
    config.setApplicationProtos([...this.#credentials.protocols]);
    if (variant.ticketKey !== undefined) config.setTicketKey(variant.ticketKey);
    if (variant.isEarly) config.enableEarlyData();
    // For the guard of each connection, which keeps them to itself.
    config.logKeys();
    config.setMaxIdleTimeout(settings.idleTimeoutMs);
    config.setMaxRecvUdpPayloadSize(RECEIVED_PACKET_BYTES_MAX);
    config.setMaxSendUdpPayloadSize(variant.packetBytes);
    config.setInitialMaxData(settings.connectionWindowBytes);
    config.setInitialMaxStreamDataBidiLocal(settings.streamWindowBytes);
    config.setInitialMaxStreamDataBidiRemote(settings.streamWindowBytes);
    config.setInitialMaxStreamDataUni(settings.streamWindowBytes);
    config.setInitialMaxStreamsBidi(settings.streamsMax);
    config.setInitialMaxStreamsUni(settings.streamsMax);
    // Without these the windows grow to 24 MB a connection and 16 MB a stream.
    config.setMaxConnectionWindow(settings.connectionWindowBytes);
    config.setMaxStreamWindow(settings.streamWindowBytes);
    config.enableDgram(true, DATAGRAMS_QUEUED_MAX, DATAGRAMS_QUEUED_MAX);
    config.setActiveConnectionIdLimit(PATHS_MAX);
    config.setDisableActiveMigration(!settings.migration);
    config.setCcAlgorithmName(settings.congestionControl);
    // The loop has a pacer of its own, since quiche's times of departure cannot be read from here. But
    // with cubic and reno quiche 0.18 takes them for the times at which packets left, and those of a
    // pacer that is off grow old: the round trip would seem to grow without end. See `SendControl`.
    config.enablePacing(settings.congestionControl !== 'bbr');
    config.grease(true);
    return config;
  }

  #secure(): NativeConfig {
    const { privateKeyPem, certificatePem, signatureAlgorithms, asksCertificate } =
      this.#credentials;
    try {
      // The engine takes a text without a certificate for an empty chain.
      void new X509Certificate(certificatePem);
      return this.#native.Config.withBoringSslCtx(
        asksCertificate,
        asksCertificate,
        undefined,
        [Buffer.from(privateKeyPem)],
        [Buffer.from(certificatePem)],
        signatureAlgorithms?.join(':'),
      );
    } catch (cause) {
      throw new QuicError('bad-option', 'the private key or the certificate cannot be used', {
        cause,
      });
    }
  }
}
