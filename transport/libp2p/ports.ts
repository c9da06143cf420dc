import { isIPv6 } from 'node:net';
import type { Connection, Engine } from '../quic/index.js';
import { CONNECTION_CODE } from './codes.js';

export interface PortOptions {
  readonly host: string;
  readonly port: number;
  /** An inbound connection is open; called in the turn in which its handler must be set. */
  readonly onConnection: (connection: Connection) => void;
}

/**
 * The UDP ports of one node. Dials go out from a port that listens, when there is one from which
 * the target can be reached: so the peer sees the address at which this node can be dialled. If
 * there is none, a port is opened for dials alone, one for each family of addresses.
 */
export class Ports {
  readonly #open: (options: PortOptions) => Promise<Engine>;
  readonly #listening = new Set<Engine>();
  readonly #dialing = new Map<string, Promise<Engine>>();

  constructor(open: (options: PortOptions) => Promise<Engine>) {
    this.#open = open;
  }

  /** Rejects with `QuicError`: `address-in-use`, `address-unavailable`, ... */
  async listen(options: PortOptions): Promise<Engine> {
    const engine = await this.#open(options);
    this.#listening.add(engine);
    return engine;
  }

  /** Closes a listening port with all its connections, in both directions. */
  async close(engine: Engine): Promise<void> {
    this.#listening.delete(engine);
    engine.stopAccepting();
    // A node that stops closes its connections at the same time, by way of their muxers. Let it be
    // first: libp2p waits half a second for the end of a connection that it finds closed already.
    await new Promise((resolve) => setImmediate(resolve));
    await engine.close(CONNECTION_CODE.closed, '');
  }

  /** A port from which `host` (an IP address) can be reached. */
  async toDial(host: string): Promise<Engine> {
    for (const engine of this.#listening) if (canReach(engine.host, host)) return engine;
    const local = isIPv6(host) ? '::' : '0.0.0.0';
    const known = this.#dialing.get(local);
    if (known !== undefined) return await known;
    const opening = this.#openForDials(local);
    this.#dialing.set(local, opening);
    // The next dial tries again.
    opening.catch(() => this.#dialing.delete(local));
    return await opening;
  }

  /** Closes the ports that were opened for dials. */
  async stop(): Promise<void> {
    const opened = await Promise.allSettled(this.#dialing.values());
    this.#dialing.clear();
    await Promise.all(
      opened.map((one) =>
        one.status === 'fulfilled' ? one.value.close(CONNECTION_CODE.closed, '') : undefined,
      ),
    );
  }

  async #openForDials(host: string): Promise<Engine> {
    const engine = await this.#open({ host, port: 0, onConnection: refuse });
    engine.stopAccepting();
    return engine;
  }
}

/** A connection that came before `stopAccepting`. */
function refuse(connection: Connection): void {
  void connection.close(CONNECTION_CODE.refused, 'this port does not listen');
}

function canReach(local: string, remote: string): boolean {
  if (isIPv6(local) !== isIPv6(remote)) return false;
  // The system sends from a loopback address to loopback addresses only.
  return local === '0.0.0.0' || local === '::' || isLoopback(local) === isLoopback(remote);
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.');
}
