import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import {
  parseQuicAddress,
  quicMultiaddr,
  requireQuicAddress,
} from '../../../transport/libp2p/address.js';

const PEER = '12D3KooWM6CgA9iBFZmcYAHA6A2qvbAxqfkmrYiRQuz3XEsk4Ksv';

describe('an address', () => {
  it.each([
    ['/ip4/1.2.3.4/udp/4433/quic-v1', '1.2.3.4', 4433, undefined],
    [`/ip4/1.2.3.4/udp/0/quic-v1/p2p/${PEER}`, '1.2.3.4', 0, PEER],
    ['/ip6/2001:db8::1/udp/65535/quic-v1', '2001:db8::1', 65_535, undefined],
    [`/ip6/::/udp/1/quic-v1/p2p/${PEER}`, '::', 1, PEER],
  ])('%s is understood', (text, host, port, peerId) => {
    expect(parseQuicAddress(multiaddr(text))).toEqual({ host, port, peerId });
  });

  it.each([
    '/ip4/1.2.3.4/udp/4433',
    '/ip4/1.2.3.4/udp/4433/quic',
    '/ip4/1.2.3.4/tcp/4433',
    '/dns4/example.org/udp/4433/quic-v1',
    '/ip4/1.2.3.4/udp/4433/quic-v1/webtransport',
    `/ip4/1.2.3.4/udp/4433/quic-v1/p2p/${PEER}/p2p-circuit`,
    `/ip4/1.2.3.4/udp/4433/quic-v1/p2p/${PEER}/p2p-circuit/p2p/${PEER}`,
    `/p2p/${PEER}`,
  ])('%s is not for this transport', (text) => {
    expect(parseQuicAddress(multiaddr(text))).toBeUndefined();
    expect(() => requireQuicAddress(multiaddr(text))).toThrow(
      expect.objectContaining({ name: 'Libp2pTransportError', code: 'bad-address' }),
    );
  });

  it.each([
    ['1.2.3.4', '/ip4/1.2.3.4/udp/7/quic-v1'],
    ['fe80::1', '/ip6/fe80::1/udp/7/quic-v1'],
  ])('is written for %s', (host, text) => {
    expect(quicMultiaddr(host, 7).toString()).toBe(text);
  });
});
