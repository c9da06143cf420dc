import type { NativeHost } from './native.js';

/**
 * What the engine calls an address of the peer, and what it is on the wire.
 *
 * quiche 0.18 keeps loss recovery apart for each path, and what was on its way on a path that is left
 * is only sent again when something later on the same path is acknowledged. When a NAT changes its
 * port, or an address is gone, nothing is ever acknowledged there, and more than two lost packets stay
 * lost. Therefore, once quiche has validated the new address, it is shown the new one under the name
 * of the first and the other way round: it goes back to the first path, which now leads to the new
 * address, and finds out what was lost. The name of the second path leads to the new address as well,
 * until what was lost there in the meantime is found out (`Paths`).
 *
 * A path whose validation failed, because a challenge and its repetitions were lost, is dead for
 * quiche: a packet from there ends the connection with InvalidState. The address gets another name
 * then, and with it a new path that is validated from the beginning.
 */
export class PathAddresses {
  readonly #first: NativeHost;
  /** What the first name stands for, and the name under which the first address is known meanwhile. */
  #exchanged: Renamed | undefined;
  #isSettled = true;
  /** Addresses whose names were used up, the last name of each last. quiche bounds the paths. */
  readonly #renamed: Renamed[] = [];

  constructor(first: NativeHost) {
    this.#first = first;
  }

  /** The engine's name of an address on the wire. */
  nameOf(wire: NativeHost): NativeHost {
    if (this.#exchanged !== undefined) {
      if (isSame(wire, this.#exchanged.wire)) return this.#first;
      if (isSame(wire, this.#first)) return this.#exchanged.name;
    }
    return this.#renamed.findLast((each) => isSame(each.wire, wire))?.name ?? wire;
  }

  /** The address on the wire of a name. What the engine still has for the second path goes there. */
  wireOf(name: NativeHost): NativeHost {
    const exchanged = this.#exchanged;
    if (isSame(name, this.#first)) return exchanged?.wire ?? this.#first;
    if (this.#isSettled && exchanged !== undefined && isSame(name, exchanged.name)) {
      return this.#first;
    }
    return this.#renamed.find((each) => isSame(each.name, name))?.wire ?? name;
  }

  /** The peer is at `wire` now, which the engine calls `name`, and shall be there under the first name. */
  exchange(wire: NativeHost, name: NativeHost): void {
    this.#exchanged = isSame(wire, this.#first) ? undefined : { wire, name };
    this.#isSettled = false;
  }

  /** The name of the second path, from where the peer is until the engine is back on the first. */
  get secondName(): NativeHost | undefined {
    return this.#exchanged?.name;
  }

  /** The engine is back on the first path, and the second has nothing more to send. */
  settle(): void {
    this.#isSettled = true;
  }

  /** The engine takes no packets under this name any more: what is there gets another. */
  rename(name: NativeHost): void {
    if (isSame(name, this.#first)) return;
    const wire = this.wireOf(name);
    // Of a block that no peer has: it is for documentation (RFC 5737).
    this.#renamed.push({ wire, name: { host: '192.0.2.1', port: this.#renamed.length + 1 } });
  }
}

interface Renamed {
  readonly wire: NativeHost;
  readonly name: NativeHost;
}

export function isSame(one: NativeHost, other: NativeHost): boolean {
  return one.port === other.port && one.host === other.host;
}
