import type { NativeHost } from './native.js';

/**
 * What the engine calls an address of the peer, and what it is on the wire.
 *
 * quiche 0.18 keeps loss recovery apart for each path, and what was on its way on a path that is left
 * is only sent again when something later on the same path is acknowledged. When a NAT changes its
 * port, or an address is gone, nothing is ever acknowledged there, and more than two lost packets stay
 * lost. Therefore, once
 * quiche has validated the new address, it is shown the new one under the name of the first and the
 * other way round: it goes back to the first path, which now leads to the new address, and finds out
 * what was lost.
 */
export class PathAddresses {
  readonly #first: NativeHost;
  /** What the first address stands for, and what is called by its name. */
  #exchanged: NativeHost | undefined;
  #isSettled = true;

  constructor(first: NativeHost) {
    this.#first = first;
  }

  /** The engine's name of an address on the wire. */
  nameOf(wire: NativeHost): NativeHost {
    return this.#exchange(wire);
  }

  /** The address on the wire of a name. What the engine still has for the second path goes there. */
  wireOf(name: NativeHost): NativeHost {
    return this.#isSettled || isSame(name, this.#first) ? this.#exchange(name) : name;
  }

  /** The peer is at `address` on the wire now, and shall be there under the first name. */
  exchange(address: NativeHost): void {
    this.#exchanged = isSame(address, this.#first) ? undefined : address;
    this.#isSettled = false;
  }

  /** The engine is back on the first path. */
  settle(): void {
    this.#isSettled = true;
  }

  #exchange(address: NativeHost): NativeHost {
    if (this.#exchanged === undefined) return address;
    if (isSame(address, this.#first)) return this.#exchanged;
    return isSame(address, this.#exchanged) ? this.#first : address;
  }
}

export function isSame(one: NativeHost, other: NativeHost): boolean {
  return one.port === other.port && one.host === other.host;
}
