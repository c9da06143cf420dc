import { describe, expect, it } from 'vitest';
import { PathAddresses } from '../../../transport/quic/quiche/path-addresses.js';

const at = (port: number) => ({ host: '10.0.0.1', port });

describe('the names of addresses', () => {
  it('are new for an address whose path has failed, and lead back to it', () => {
    const addresses = new PathAddresses(at(1));
    addresses.rename(at(2));
    const name = addresses.nameOf(at(2));
    expect(name).not.toEqual(at(2));
    expect(addresses.wireOf(name)).toEqual(at(2));
    addresses.rename(name);
    const next = addresses.nameOf(at(2));
    expect([at(2), name]).not.toContainEqual(next);
    expect(addresses.wireOf(next)).toEqual(at(2));
    // What is still on its way under the name before goes there, too.
    expect(addresses.wireOf(name)).toEqual(at(2));
    addresses.exchange(at(2), next);
    expect(addresses.nameOf(at(2))).toEqual(at(1));
    expect(addresses.nameOf(at(1))).toEqual(next);
    expect(addresses.wireOf(at(1))).toEqual(at(2));
    expect(addresses.wireOf(next)).toEqual(at(2));
    addresses.settle();
    expect(addresses.wireOf(next)).toEqual(at(1));
  });

  it('stay for the first address', () => {
    const addresses = new PathAddresses(at(1));
    addresses.rename(at(1));
    expect(addresses.nameOf(at(1))).toEqual(at(1));
  });
});
