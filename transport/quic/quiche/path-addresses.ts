import type { NativeHost } from './native.js';

/**
 * What the engine calls an address of the peer, and what it is on the wire.
 *
 * quiche 0.18 keeps loss recovery apart for each path, and what was on its way on a path that is left
 * is only sent again when something later on the same path is acknowledged. When a NAT changes its
 * port, or an address is gone, nothing is ever acknowledged there, and more than two lost packets stay
 * lost. Therefore, once quiche has validated the new address, it is shown the new one under the name
 * of the first and the other way round: it goes back to the first path, which now leads to the new
 * address, and finds out what was lost. The names of all other paths lead there as well: until what
 * was lost on them is found out, too (`Paths`).
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
  #namesCount = 0;
  /** Names of paths that the peer is not heard on any more, and those of them that may miss something. */
  #left: NativeHost[] = [];
  #missing: NativeHost[] = [];

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
    if (isSame(name, this.#first) || includes(this.#left, name)) {
      return exchanged?.wire ?? this.#first;
    }
    if (this.#isSettled && exchanged !== undefined && isSame(name, exchanged.name)) {
      return this.#first;
    }
    return this.#renamed.find((each) => isSame(each.name, name))?.wire ?? name;
  }

  /** The peer is at `wire` now, which the engine calls `name`, and shall be there under the first name. */
  exchange(wire: NativeHost, name: NativeHost): void {
    const before = this.#exchanged?.name;
    if (before !== undefined && !includes(this.#left, before)) {
      this.#left.push(before);
      if (!this.#isSettled) this.#missing.push(before);
    }
    const isBack = isSame(wire, this.#first);
    if (!isBack) {
      this.#left = this.#left.filter((each) => !isSame(each, name));
      this.#missing = this.#missing.filter((each) => !isSame(each, name));
    }
    this.#exchanged = isBack ? undefined : { wire, name };
    this.#isSettled = false;
  }

  /**
   * The names of paths but the first on which something may have been lost: of those that were left,
   * and of the second, from where the peer is until the engine is back on the first.
   */
  get missing(): readonly NativeHost[] {
    const second = this.#exchanged?.name;
    return second === undefined ? this.#missing : [...this.#missing, second];
  }

  /** The engine is back on the first path, and the others have nothing more to send. */
  settle(): void {
    this.#isSettled = true;
    this.#missing = [];
  }

  /** The engine takes no packets under this name any more: what is there gets another. */
  rename(name: NativeHost): void {
    if (isSame(name, this.#first) || includes(this.#left, name)) return;
    const wire = this.wireOf(name);
    this.#namesCount += 1;
    // Of a block that no peer has: it is for documentation (RFC 5737).
    const fresh = { host: '192.0.2.1', port: this.#namesCount };
    const exchanged = this.#exchanged;
    // What was known under the name of the second path is the first address.
    if (exchanged !== undefined && isSame(name, exchanged.name)) {
      this.#exchanged = { ...exchanged, name: fresh };
    } else {
      this.#renamed.push({ wire, name: fresh });
    }
    this.#left.push(name);
    this.#missing.push(name);
  }
}

interface Renamed {
  readonly wire: NativeHost;
  readonly name: NativeHost;
}

function includes(names: readonly NativeHost[], name: NativeHost): boolean {
  return names.some((each) => isSame(each, name));
}

export function isSame(one: NativeHost, other: NativeHost): boolean {
  return one.port === other.port && one.host === other.host;
}
