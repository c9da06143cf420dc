import { QuicError } from '../quic-error.js';
import { DATAGRAMS_QUEUED_MAX } from '../limits.js';
import type { QuicSettings } from '../settings.js';
import type { Native, NativeConfig } from './native.js';

/** Largest UDP payload there is; the peer decides what it sends. */
const RECEIVED_PACKET_BYTES_MAX = 65_527;

/**
 * Configuration for connections whose packets carry up to `packetBytes`, for both roles. TLS
 * demands a certificate of both sides and that the peer proves to hold its Ed25519 key; it does not
 * judge the certificate itself (nobody signs for a peer), that is done right after the handshake.
 * 0-RTT stays off: replayable data may only be accepted with an anti-replay window. Throws
 * `QuicError` with code `bad-option` when key or certificate cannot be used.
 */
export function nativeConfig(
  native: Native,
  options: {
    readonly protocols: readonly string[];
    readonly privateKeyPem: string;
    readonly certificatePem: string;
    readonly signatureAlgorithms?: readonly string[];
  },
  settings: QuicSettings,
  packetBytes: number,
): NativeConfig {
  let config: NativeConfig;
  try {
    config = native.Config.withBoringSslCtx(
      true,
      true,
      undefined,
      [Buffer.from(options.privateKeyPem)],
      [Buffer.from(options.certificatePem)],
      (options.signatureAlgorithms ?? ['ed25519']).join(':'),
    );
  } catch (cause) {
    throw new QuicError('bad-option', 'the private key or the certificate cannot be used', {
      cause,
    });
  }
  config.setApplicationProtos([...options.protocols]);
  config.setMaxIdleTimeout(settings.idleTimeoutMs);
  config.setMaxRecvUdpPayloadSize(RECEIVED_PACKET_BYTES_MAX);
  config.setMaxSendUdpPayloadSize(packetBytes);
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
  config.setDisableActiveMigration(true);
  config.setCcAlgorithmName(settings.congestionControl);
  // The loop sends at once and ignores quiche's times of departure.
  config.enablePacing(false);
  config.grease(true);
  // For the guard of each connection, which keeps them to itself.
  config.logKeys();
  return config;
}
