import {
  CODE_IP4,
  CODE_IP6,
  CODE_P2P,
  CODE_QUIC_V1,
  CODE_UDP,
  multiaddr,
  type Multiaddr,
} from '@multiformats/multiaddr';
import { Libp2pTransportError } from './libp2p-transport-error.js';

/** Where a QUIC endpoint of libp2p is. */
export interface QuicAddress {
  readonly host: string;
  readonly port: number;
  /** In the text form of libp2p, when the address names it. */
  readonly peerId: string | undefined;
}

/** `/ip4|ip6/HOST/udp/PORT/quic-v1[/p2p/PEERID]` and nothing else, or undefined. */
export function parseQuicAddress(address: Multiaddr): QuicAddress | undefined {
  const [ip, udp, quic, p2p, ...rest] = address.getComponents();
  if (
    (ip?.code !== CODE_IP4 && ip?.code !== CODE_IP6) ||
    udp?.code !== CODE_UDP ||
    quic?.code !== CODE_QUIC_V1 ||
    (p2p !== undefined && p2p.code !== CODE_P2P) ||
    rest.length > 0 ||
    ip.value === undefined
  ) {
    return undefined;
  }
  return { host: ip.value, port: Number(udp.value), peerId: p2p?.value };
}

/** The same. Throws `Libp2pTransportError` with code `bad-address`. */
export function requireQuicAddress(address: Multiaddr): QuicAddress {
  const parsed = parseQuicAddress(address);
  if (parsed === undefined) {
    throw new Libp2pTransportError(
      'bad-address',
      `${address.toString()} is not of the form /ip4/HOST/udp/PORT/quic-v1 (or /ip6/...)`,
    );
  }
  return parsed;
}

export function quicMultiaddr(host: string, port: number): Multiaddr {
  return multiaddr(`/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/udp/${port}/quic-v1`);
}
