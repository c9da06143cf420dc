import type { ConnectionCloseInfo } from '../connection.js';
import type { NativeConnection, NativeConnectionError } from './native.js';

/**
 * TLS alerts (RFC 8446 6.2) that tell an operator something, as QUIC codes: 0x100 and the alert.
 */
const ALERTS: Readonly<Record<number, string>> = {
  0x12a: 'bad certificate',
  0x12b: 'unsupported certificate',
  0x128: 'no common parameters (handshake failure)',
  0x130: 'unknown certificate authority',
  0x133: 'the proof of possession of the key is wrong (decrypt error)',
  0x174: 'a certificate is required',
  0x178: 'no common application protocol',
};

/** Error codes of QUIC itself (RFC 9000 20.1), from 1 on. */
const TRANSPORT_ERRORS: readonly string[] = [
  'internal error',
  'connection refused',
  'flow control error',
  'stream limit error',
  'stream state error',
  'final size error',
  'frame encoding error',
  'transport parameter error',
  'connection id limit error',
  'protocol violation',
  'invalid token',
  'application error',
  'crypto buffer exceeded',
  'key update error',
  'AEAD limit reached',
  'no viable path',
];

/** Says in words why a connection of quiche is over. */
export function describeClose(
  native: NativeConnection,
  idleTimeoutMs: number,
): ConnectionCloseInfo {
  const peerError = native.peerError();
  if (peerError !== null) return fromError(peerError, false);
  if (native.isTimedOut()) {
    const reason = `nothing was heard from the peer for ${idleTimeoutMs} ms`;
    return { kind: 'idle', code: 0, reason, local: false };
  }
  const localError = native.localError();
  if (localError !== null) return fromError(localError, true);
  return {
    kind: 'transport',
    code: 0,
    reason: 'the peer does not know this connection',
    local: false,
  };
}

function fromError(error: NativeConnectionError, local: boolean): ConnectionCloseInfo {
  const text = Buffer.from(error.reason).toString('utf8');
  if (error.isApp) return { kind: 'application', code: error.errorCode, reason: text, local };
  const alert = ALERTS[error.errorCode];
  const name = TRANSPORT_ERRORS[error.errorCode - 1] ?? 'error';
  const what = alert === undefined ? `QUIC: ${name} (code ${error.errorCode})` : `TLS: ${alert}`;
  return {
    kind: 'transport',
    code: error.errorCode,
    reason: text === '' ? what : `${what}: ${text}`,
    local,
  };
}
