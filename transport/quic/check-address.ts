import { QuicError } from './quic-error.js';

const PORT_MAX = 65_535;

/**
 * Throws `QuicError` with code `bad-option` when this is no place to listen at or to dial: node:dgram
 * would take an empty host for every address of the machine, and cut a port to 16 bits.
 */
export function checkAddress(
  address: { readonly host: string; readonly port: number },
  portMin: 0 | 1,
): void {
  const { host, port } = address as { readonly host: unknown; readonly port: unknown };
  if (typeof host !== 'string' || host === '') {
    const text = `host is ${host === '' ? 'empty' : String(host)}; it must be an address or a name`;
    throw new QuicError('bad-option', text);
  }
  if (!Number.isSafeInteger(port) || Number(port) < portMin || Number(port) > PORT_MAX) {
    const text = `port is ${String(port)}; it must be an integer from ${portMin} to ${PORT_MAX}`;
    throw new QuicError('bad-option', text);
  }
}
