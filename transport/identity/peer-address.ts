import { isIPv6 } from 'node:net';
import type { PeerAddress } from '../rpc/rpc.js';
import { IdentityError } from './identity-error.js';

/** A UDP address. `host` is an IPv4 or IPv6 address (without brackets) or a host name. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const PEER_ID = /^[a-z2-7]{52}$/;
const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*\.?$/;

/** True for 52 characters of lower-case base32. */
export function isPeerId(text: string): boolean {
  return PEER_ID.test(text);
}

/** True for an IPv4 or IPv6 address, without a zone, which only means something on one machine, or a name. */
export function isHost(text: string): boolean {
  return text.includes(':') ? isIPv6(text) && !text.includes('%') : HOST_NAME.test(text);
}

/**
 * Reads `HOST:PORT`, with IPv6 in brackets: `[::1]:4433`. Port 0 (any free port) is allowed, since
 * the text may say where to listen. Throws `IdentityError` with code `bad-address`.
 */
export function parseHostPort(text: string): HostPort {
  const match = /^(?:\[([^\]]*)\]|([^:[\]#]*)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const isInBrackets = match?.[1] !== undefined;
  const isHostValid = isHost(host) && isInBrackets === host.includes(':');
  const port = Number(match?.[3]);
  if (match === null || !isHostValid || port > 65_535) {
    const why = port > 65_535 ? 'a port is at most 65535' : 'expected HOST:PORT';
    throw new IdentityError(
      'bad-address',
      `'${text}' is not an address; ${why}, for example 127.0.0.1:4433 or [::1]:4433`,
    );
  }
  return { host, port };
}

/** Writes `HOST:PORT`, with brackets around IPv6. */
export function formatHostPort(address: HostPort): string {
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`;
}

/** Reads `HOST:PORT#PEERID`. Throws `IdentityError` with code `bad-address`. */
export function parsePeerAddress(text: string): PeerAddress {
  const hash = text.lastIndexOf('#');
  const peerId = text.slice(hash + 1);
  if (hash < 0 || !isPeerId(peerId)) {
    throw new IdentityError(
      'bad-address',
      `'${text}' is not the address of a peer; expected HOST:PORT#PEERID with a peer id of 52 characters`,
    );
  }
  const { host, port } = parseHostPort(text.slice(0, hash));
  if (port === 0) {
    throw new IdentityError('bad-address', `'${text}' names port 0, which nobody can answer on`);
  }
  return { host, port, peerId };
}

/** Writes `HOST:PORT#PEERID`; `parsePeerAddress` reads it back. */
export function formatPeerAddress(address: PeerAddress): string {
  return `${formatHostPort(address)}#${address.peerId}`;
}
