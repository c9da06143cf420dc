import { isIP } from 'node:net';
import type { LocalAddress } from '../connection.js';
import { QuicError } from '../quic-error.js';
import { FREE_PORT_FIRST, FREE_PORT_LAST } from './limits.js';

/** Every IPv4 address, and every address of both families. */
const ANY_IPV4 = '0.0.0.0';
const ANY = '::';

/** Who holds which address of a network. */
export class Addresses<Holder> {
  readonly #hosts: ReadonlySet<string>;
  /** By port and then by host. */
  readonly #holders = new Map<number, Map<string, Holder>>();
  #nextPort = FREE_PORT_FIRST;

  /** `hosts`: IP addresses beside those of loopback. */
  constructor(hosts: readonly string[]) {
    this.#hosts = new Set(hosts);
  }

  /**
   * Takes an address; port 0 stands for any free one. Throws `QuicError`: `address-in-use`,
   * `address-unavailable`, `host-not-found`.
   */
  bind(host: string, port: number, holder: Holder): LocalAddress {
    const ip = toIp(host);
    if (!isLoopback(ip) && !isAny(ip) && !this.#hosts.has(ip)) {
      throw new QuicError(
        'address-unavailable',
        `cannot listen on ${host}:${port}: this network has no such address; name it in \`hosts\``,
      );
    }
    const local = { host: ip, port: port === 0 ? this.#freePort() : port };
    const held = [...(this.#holders.get(local.port)?.keys() ?? [])];
    if (held.some((other) => other === ip || isAny(other) || isAny(ip))) {
      throw new QuicError(
        'address-in-use',
        `cannot listen on ${host}:${port}: an engine of this network holds it; choose another port`,
      );
    }
    const ofPort = this.#holders.get(local.port) ?? new Map<string, Holder>();
    this.#holders.set(local.port, ofPort.set(ip, holder));
    return local;
  }

  /** Gives an address back; only its holder can. */
  unbind({ host, port }: LocalAddress, holder: Holder): void {
    const ofPort = this.#holders.get(port);
    if (ofPort?.get(host) !== holder) return;
    ofPort.delete(host);
    if (ofPort.size === 0) this.#holders.delete(port);
  }

  holderOf({ host, port }: LocalAddress): Holder | undefined {
    const ofPort = this.#holders.get(port);
    const ofFour = isIP(host) === 4 ? ofPort?.get(ANY_IPV4) : undefined;
    return ofPort?.get(host) ?? ofFour ?? ofPort?.get(ANY);
  }

  #freePort(): number {
    for (let tries = FREE_PORT_LAST - FREE_PORT_FIRST; tries >= 0; tries -= 1) {
      const port = this.#nextPort;
      this.#nextPort = port === FREE_PORT_LAST ? FREE_PORT_FIRST : port + 1;
      if (!this.#holders.has(port)) return port;
    }
    throw new QuicError('address-in-use', 'every free port of this network is taken');
  }
}

/** The IP address of a host to dial from `local`. Throws `QuicError` code `host-not-found`. */
export function resolveFrom(local: LocalAddress, host: string): string {
  const ip = toIp(host);
  if (isIP(ip) === 6 && isIP(local.host) === 4) {
    throw new QuicError(
      'host-not-found',
      `${host} is an IPv6 address, but this endpoint listens on ${local.host} (IPv4)`,
    );
  }
  return ip;
}

/** Where packets to the address `ip` come from that an engine at `local` sends. */
export function sourceOf(local: LocalAddress, ip: string): LocalAddress {
  if (!isAny(local.host)) return local;
  return { host: isIP(ip) === 6 ? '::1' : '127.0.0.1', port: local.port };
}

function toIp(host: string): string {
  if (isIP(host) !== 0) return host;
  if (host === 'localhost') return '127.0.0.1';
  throw new QuicError(
    'host-not-found',
    `the host name '${host}' has no usable address: a network in memory knows localhost alone`,
  );
}

function isAny(ip: string): boolean {
  return ip === ANY || ip === ANY_IPV4;
}

function isLoopback(ip: string): boolean {
  return ip === '::1' || ip.startsWith('127.');
}
