import { describe, expect, it } from 'vitest';
import { PathAddresses } from '../../../transport/quic/quiche/path-addresses.js';

const at = (port: number) => ({ host: '10.0.0.1', port });

describe('the names of addresses', () => {
  it('are new for an address whose path has failed', () => {
    const addresses = new PathAddresses(at(1));
    addresses.rename(at(2));
    const name = addresses.nameOf(at(2));
    expect(name).not.toEqual(at(2));
    expect(addresses.wireOf(name)).toEqual(at(2));
    addresses.rename(name);
    const next = addresses.nameOf(at(2));
    expect([at(2), name]).not.toContainEqual(next);
    expect(addresses.wireOf(next)).toEqual(at(2));
    addresses.exchange(at(2), next);
    expect(addresses.nameOf(at(2))).toEqual(at(1));
    expect(addresses.nameOf(at(1))).toEqual(next);
    expect(addresses.wireOf(at(1))).toEqual(at(2));
    expect(addresses.wireOf(next)).toEqual(at(2));
    expect(addresses.missing).toEqual([at(2), name, next]);
    addresses.settle();
    expect(addresses.wireOf(next)).toEqual(at(1));
    expect(addresses.missing).toEqual([next]);
  });

  it('of paths that were left lead to where the peer is proven to be', () => {
    const addresses = new PathAddresses(at(1));
    addresses.rename(at(2));
    // Not proven anywhere else yet.
    expect(addresses.wireOf(at(2))).toEqual(at(1));
    addresses.exchange(at(3), at(3));
    expect(addresses.wireOf(at(2))).toEqual(at(3));
    addresses.exchange(at(4), at(4));
    expect([at(2), at(3)].map((name) => addresses.wireOf(name))).toEqual([at(4), at(4)]);
    expect(addresses.missing).toEqual([at(2), at(3), at(4)]);
    addresses.settle();
    addresses.exchange(at(5), at(5));
    // What was lost on the others has been found out.
    expect(addresses.missing).toEqual([at(5)]);
    expect(addresses.wireOf(at(4))).toEqual(at(5));
  });

  it('of the first address are new when the second path, which bore its name, has failed', () => {
    const addresses = new PathAddresses(at(1));
    addresses.exchange(at(2), at(2));
    expect(addresses.nameOf(at(1))).toEqual(at(2));
    addresses.settle();
    addresses.rename(at(2));
    expect(addresses.nameOf(at(2))).toEqual(at(1));
    const name = addresses.nameOf(at(1));
    expect([at(1), at(2)]).not.toContainEqual(name);
    expect(addresses.wireOf(name)).toEqual(at(1));
    expect(addresses.wireOf(at(2))).toEqual(at(2));
  });

  it('of a path that was left are good again when the peer is back there', () => {
    const addresses = new PathAddresses(at(1));
    addresses.exchange(at(2), at(2));
    addresses.exchange(at(3), at(3));
    addresses.exchange(at(2), at(2));
    expect(addresses.nameOf(at(2))).toEqual(at(1));
    expect(addresses.missing).toEqual([at(3), at(2)]);
    expect(addresses.wireOf(at(3))).toEqual(at(2));
  });

  it('stay for the first address', () => {
    const addresses = new PathAddresses(at(1));
    addresses.rename(at(1));
    expect(addresses.nameOf(at(1))).toEqual(at(1));
  });
});
