import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { isIPv6 } from 'node:net';
import { INTERFACE_MTU_BYTES_DEFAULT, PACKET_BYTES_MAX, PACKET_BYTES_MIN } from '../limits.js';
import type { QuicSettings } from '../settings.js';
import { displayHost } from './udp-socket.js';

/** IP and UDP headers. */
const HEADER_BYTES_IPV4 = 28;
const HEADER_BYTES_IPV6 = 48;

/** UDP payloads that are sent at first, and at most. */
export interface PacketRange {
  readonly startBytes: number;
  readonly ceilingBytes: number;
}

/**
 * What may be sent from `localHost` to `remoteHost` (both IP addresses). Never more than the local
 * interface carries: the kernel would cut larger packets into fragments, and a probe of the path
 * would tell nothing.
 */
export function packetRange(
  localHost: string,
  remoteHost: string,
  settings: QuicSettings,
): PacketRange {
  if (settings.packetBytes !== 'auto') {
    return { startBytes: settings.packetBytes, ceilingBytes: settings.packetBytes };
  }
  if (isLoopback(remoteHost)) {
    return { startBytes: PACKET_BYTES_MAX, ceilingBytes: PACKET_BYTES_MAX };
  }
  const isV6 = isIPv6(displayHost(remoteHost));
  const mtuBytes = interfaceMtuBytes(displayHost(localHost), isV6);
  const payloadBytes = mtuBytes - (isV6 ? HEADER_BYTES_IPV6 : HEADER_BYTES_IPV4);
  const ceilingBytes = Math.min(Math.max(payloadBytes, PACKET_BYTES_MIN), PACKET_BYTES_MAX);
  return { startBytes: PACKET_BYTES_MIN, ceilingBytes };
}

/** True for 127.0.0.0/8 and ::1, also in the IPv6 form of IPv4. */
function isLoopback(host: string): boolean {
  return host === '::1' || /^(?:::ffff:)?127\./.test(host);
}

/** MTU of the interface with this address; of several that may be meant, the smallest. */
function interfaceMtuBytes(host: string, isV6: boolean): number {
  const family = isV6 ? 'IPv6' : 'IPv4';
  const isAny = host === '0.0.0.0' || host === '::';
  let smallest = Number.POSITIVE_INFINITY;
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    const isMeant = addresses?.some((each) =>
      isAny ? !each.internal && each.family === family : each.address === host,
    );
    if (isMeant === true) smallest = Math.min(smallest, readMtuBytes(name));
  }
  return Number.isFinite(smallest) ? smallest : INTERFACE_MTU_BYTES_DEFAULT;
}

/** Only Linux tells; elsewhere Ethernet's is assumed. */
function readMtuBytes(name: string): number {
  try {
    const mtu = Number(readFileSync(`/sys/class/net/${name}/mtu`, 'utf8'));
    return Number.isSafeInteger(mtu) && mtu > 0 ? mtu : INTERFACE_MTU_BYTES_DEFAULT;
  } catch {
    return INTERFACE_MTU_BYTES_DEFAULT;
  }
}
