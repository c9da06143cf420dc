import { isIPv6 } from 'node:net';
import { HALF_OPEN_CONNECTIONS_MAX, HALF_OPEN_PER_NETWORK_MAX } from '../limits.js';
import type { Listener } from './listener.js';
import type { QuicheConnection } from './quiche-connection.js';
import { displayHost } from './udp-socket.js';

interface Entry {
  readonly listener: Listener;
  /** Undefined when the peer has not shown that it receives at its address. */
  readonly network: string | undefined;
}

/**
 * Inbound connections whose peer has not completed the handshake. One network may not take all the
 * places: who has shown its address (Retry) is counted under it. Others are not, since anybody can
 * send in the name of an address, but they get few places before Retry is asked for.
 */
export class HalfOpen {
  readonly #entries = new Map<QuicheConnection, Entry>();
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#entries.size;
  }

  /** No place for anybody. */
  get isFull(): boolean {
    return this.#entries.size >= HALF_OPEN_CONNECTIONS_MAX;
  }

  /** No place for another connection of this peer, which has shown its address. */
  isFullFor(host: string): boolean {
    return (this.#counts.get(networkOf(host)) ?? 0) >= HALF_OPEN_PER_NETWORK_MAX;
  }

  /** `provenHost`: the address of the peer, when it has shown that it receives there. */
  add(connection: QuicheConnection, listener: Listener, provenHost: string | undefined): void {
    const network = provenHost === undefined ? undefined : networkOf(provenHost);
    this.#entries.set(connection, { listener, network });
    if (network !== undefined) this.#counts.set(network, (this.#counts.get(network) ?? 0) + 1);
  }

  listenerOf(connection: QuicheConnection): Listener | undefined {
    return this.#entries.get(connection)?.listener;
  }

  /** False when it was not one of them. */
  delete(connection: QuicheConnection): boolean {
    const network = this.#entries.get(connection)?.network;
    if (network !== undefined) {
      const count = (this.#counts.get(network) ?? 0) - 1;
      if (count > 0) this.#counts.set(network, count);
      else this.#counts.delete(network);
    }
    return this.#entries.delete(connection);
  }
}

/** An address of IPv4; of IPv6 its first 64 bits, which one site has for itself. */
function networkOf(host: string): string {
  const address = displayHost(host);
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const tailCount = tail === '' ? 0 : tail.split(':').length;
    while (groups.length + tailCount < 8) groups.push('0');
  }
  return groups.slice(0, 4).join(':');
}
