import { peerIdFromCertificate } from '../identity/certificate.js';
import { formatHostPort } from '../identity/peer-address.js';
import type { ConnectionCloseInfo } from '../quic/connection.js';
import type { Verdict } from '../quic/engine.js';
import { QuicError } from '../quic/quic-error.js';
import { CLOSE_CODE } from './codes.js';
import { RpcError, type DialOptions, type PeerAddress, type RpcErrorCode } from './rpc.js';
import type { Session } from './session.js';

/** Steps of connecting to a peer, and what its failures mean. */

/** The id of a certificate, or why it has none. */
export function readPeerId(certificate: Uint8Array | undefined): string | RpcError {
  if (certificate === undefined) {
    return new RpcError('unauthenticated', 'the peer showed no certificate');
  }
  try {
    return peerIdFromCertificate(certificate);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new RpcError('unauthenticated', why, { cause });
  }
}

/** Whether the certificate is of the peer that was dialled. */
export function judgeOutbound(certificate: Uint8Array | undefined, address: PeerAddress): Verdict {
  const peerId = readPeerId(certificate);
  if (peerId === address.peerId) return { isAccepted: true };
  const where = formatHostPort(address);
  const reason =
    peerId instanceof RpcError
      ? `expected peer ${address.peerId} at ${where}, but ${peerId.message}`
      : `expected peer ${address.peerId} at ${where}, found ${peerId}`;
  return { isAccepted: false, code: CLOSE_CODE.unauthenticated, reason };
}

/** The handshake proves who the peer is; whether it lets us in comes one packet later. */
export async function awaitWelcome(
  session: Session,
  address: PeerAddress,
  options: DialOptions,
): Promise<void> {
  const { signal, timeoutMs } = options;
  const where = formatHostPort(address);
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      void session.welcomed.then(resolve);
      void session.closed.then((info) => reject(refusedBy(where, info)));
      const text = `${where} did not let this node in within the time given`;
      timer = setTimeout(() => reject(new RpcError('unavailable', text)), timeoutMs);
      onAbort = () => reject(cancelled(address, signal));
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  } catch (error) {
    // Calls of an early connection wait for the same: they are told the same.
    session.failCalls(error as RpcError);
    void session.close(CLOSE_CODE.normal, 'given up');
    throw error;
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}

/**
 * What an engine failed to connect with, as an error of calls. `session` is the early one, if there is
 * one: the peer may have refused it with a code and a reason.
 */
export async function dialError(
  error: unknown,
  address: PeerAddress,
  options: DialOptions,
  session: Session | undefined,
): Promise<unknown> {
  if (error instanceof QuicError && error.code === 'closed' && session !== undefined) {
    return refusedBy(formatHostPort(address), await session.closed);
  }
  if (error instanceof QuicError) return fromQuicError(error);
  const { signal } = options;
  return signal?.aborted === true ? cancelled(address, signal) : error;
}

export function fromQuicError(error: QuicError): RpcError {
  const codes: Partial<Record<QuicError['code'], RpcErrorCode>> = {
    unauthenticated: 'unauthenticated',
    'handshake-failed': 'unauthenticated',
    cancelled: 'cancelled',
    limit: 'overloaded',
    'bad-option': 'malformed',
  };
  return new RpcError(codes[error.code] ?? 'unavailable', error.message, {
    reason: error.code,
    cause: error,
  });
}

function refusedBy(
  where: string,
  info: Pick<ConnectionCloseInfo, 'code' | 'reason' | 'local'>,
): RpcError {
  const text = `${where} refused the connection: ${info.reason}`;
  if (info.local) return new RpcError('unavailable', `the connection to ${where} was closed`);
  if (info.code === CLOSE_CODE.unauthenticated || isTlsAlert(info.code)) {
    return new RpcError('unauthenticated', text);
  }
  if (info.code === CLOSE_CODE.permissionDenied) return new RpcError('permission-denied', text);
  return new RpcError('unavailable', text);
}

/** CRYPTO_ERROR of RFC 9000 20.1; our own codes are far below. */
function isTlsAlert(code: number): boolean {
  return code >= 0x100 && code <= 0x1ff;
}

function cancelled(address: PeerAddress, signal: AbortSignal | undefined): RpcError {
  const cause: unknown = signal?.reason;
  return new RpcError('cancelled', `connecting to ${formatHostPort(address)} was cancelled`, {
    cause,
  });
}
