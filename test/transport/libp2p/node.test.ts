import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { identify } from '@libp2p/identify';
import type { Connection, IdentifyResult } from '@libp2p/interface';
import { ping } from '@libp2p/ping';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it, onTestFinished } from 'vitest';
import { requireQuicAddress } from '../../../transport/libp2p/address.js';
import { openEngine } from '../quic/engines.js';
import {
  WITHIN,
  LOOPBACK,
  addressOf,
  eventOf,
  pattern,
  readAll,
  sendAll,
  startNode,
} from './nodes.js';

const BULK = '/bulk/1.0.0';

describe('libp2p nodes over QUIC', () => {
  it('ping each other', async () => {
    const [one, two] = await Promise.all([
      startNode({ services: { ping: ping() } }),
      startNode({ services: { ping: ping() } }),
    ]);
    expect(await one.services.ping.ping(addressOf(two))).toBeGreaterThanOrEqual(0);
    // The other way over the connection that there is.
    expect(await two.services.ping.ping(one.peerId)).toBeGreaterThanOrEqual(0);
    expect(one.getConnections()).toHaveLength(1);
    const [connection] = two.getConnections();
    expect(connection).toMatchObject({ direction: 'inbound', status: 'open', direct: true });
    expect(connection?.remotePeer.toString()).toBe(one.peerId.toString());
    expect(connection?.encryption).toBe('native');
  });

  it('identify each other', async () => {
    const [one, two] = await Promise.all([
      startNode({ services: { identify: identify() } }),
      startNode({ services: { identify: identify() } }),
    ]);
    const identified = eventOf<IdentifyResult>(one, 'peer:identify');
    const connection = await one.dial(addressOf(two));
    const result = await identified;
    expect(result.peerId.toString()).toBe(two.peerId.toString());
    expect(result.connection.id).toBe(connection.id);
    expect(result.protocols).toContain('/ipfs/id/1.0.0');
    expect(result.listenAddrs.map(String)).toContain(addressOf(two).decapsulate('/p2p').toString());
    // The port from which it dialled is the one on which it listens.
    expect(result.observedAddr?.decapsulate('/p2p').toString()).toBe(
      addressOf(one).decapsulate('/p2p').toString(),
    );
  });

  it('are reached over IPv6', async () => {
    const listen = { addresses: { listen: ['/ip6/::1/udp/0/quic-v1'] } };
    const [one, two] = await Promise.all([startNode(), startNode(listen)]);
    expect(addressOf(two).toString()).toMatch(/^\/ip6\/::1\/udp\/\d+\/quic-v1\/p2p\/12D3/);
    const accepted = eventOf<Connection>(two, 'connection:open');
    const connection = await one.dial(addressOf(two));
    expect(connection.remoteAddr.toString()).toBe(addressOf(two).toString());
    expect((await accepted).remoteAddr.toString()).toMatch(/^\/ip6\/::1\/udp\/\d+\/quic-v1\/p2p/);
  });

  it('say all addresses when they listen on all', async () => {
    const node = await startNode({ addresses: { listen: ['/ip4/0.0.0.0/udp/0/quic-v1'] } });
    const addresses = node.getMultiaddrs().map(String);
    expect(addresses.some((address) => address.startsWith('/ip4/127.0.0.1/udp/'))).toBe(true);
    for (const address of addresses) {
      expect(address).not.toContain('0.0.0.0');
      expect(address).toMatch(/\/udp\/[1-9]\d*\/quic-v1\/p2p\//);
    }
  });

  it('listen on one port for both families, as is usual', async () => {
    const first = await startNode({ addresses: { listen: ['/ip4/0.0.0.0/udp/0/quic-v1'] } });
    const { port } = requireQuicAddress(addressOf(first));
    await first.stop();
    const node = await startNode({
      addresses: {
        listen: [`/ip4/0.0.0.0/udp/${port}/quic-v1`, `/ip6/::/udp/${port}/quic-v1`],
      },
    });
    const other = await startNode();
    for (const host of ['ip4/127.0.0.1', 'ip6/::1']) {
      const address = multiaddr(`/${host}/udp/${port}/quic-v1`);
      const connection = await other.dial(address, { force: true });
      expect(connection.remotePeer.toString()).toBe(node.peerId.toString());
    }
  });

  it('carry 8 MB each way at once on each of four streams', async () => {
    const [one, two] = await Promise.all([startNode(), startNode()]);
    const bytes = pattern(8 * 1024 * 1024);
    await two.handle(BULK, async (stream) => {
      const [received] = await Promise.all([readAll(stream), sendAll(stream, bytes, 300_000)]);
      expect(received.equals(bytes)).toBe(true);
    });
    const connection = await one.dial(addressOf(two));
    await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const stream = await connection.newStream(BULK, { maxOutboundStreams: 4 });
        const [received] = await Promise.all([readAll(stream), sendAll(stream, bytes, 10_007)]);
        expect(received.equals(bytes)).toBe(true);
      }),
    );
    expect(connection.streams).toHaveLength(0);
  });

  it('leave no socket open when they stop', async () => {
    const sockets = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length;
    await expect.poll(sockets, WITHIN).toBe(0);
    const [one, two] = await Promise.all([
      startNode({ addresses: { listen: [] } }),
      startNode({ addresses: { listen: [LOOPBACK, '/ip6/::1/udp/0/quic-v1'] } }),
    ]);
    for (const address of two.getMultiaddrs()) await one.dial(address, { force: true });
    // One for each address of the listener, one for the dials of each family.
    expect(sockets()).toBe(4);
    await Promise.all([one.stop(), two.stop()]);
    await expect.poll(sockets, WITHIN).toBe(0);
  });

  it('can be started again', async () => {
    const [one, two] = await Promise.all([
      startNode({ services: { ping: ping() } }),
      startNode({ services: { ping: ping() } }),
    ]);
    await one.services.ping.ping(addressOf(two));
    await two.stop();
    await one.stop();
    await Promise.all([one.start(), two.start()]);
    expect(await one.services.ping.ping(addressOf(two))).toBeGreaterThanOrEqual(0);
  });

  it('say so when a port is in use', async () => {
    const one = await startNode();
    const { port } = requireQuicAddress(addressOf(one));
    const listen = { addresses: { listen: [`/ip4/127.0.0.1/udp/${port}/quic-v1`] } };
    await expect(startNode(listen)).rejects.toThrow(/the UDP port is in use/);
  });
});

describe('a dial', () => {
  it('is refused when the peer is another than the address says', async () => {
    const [one, two, three] = await Promise.all([startNode(), startNode(), startNode()]);
    const wrong = `${addressOf(two).decapsulate('/p2p').toString()}/p2p/${three.peerId.toString()}`;
    await expect(one.dial(multiaddr(wrong))).rejects.toMatchObject({
      name: 'UnexpectedPeerError',
      message: expect.stringContaining(`the peer is ${two.peerId.toString()}`) as string,
    });
    expect(one.getConnections()).toHaveLength(0);
    await expect.poll(() => two.getConnections(), WITHIN).toHaveLength(0);
  });

  it('of a node by itself is refused', async () => {
    const node = await startNode();
    const own = addressOf(node).decapsulate('/p2p');
    await expect(node.dial(own)).rejects.toThrow(/dial self/);
  });

  it('of addresses that are not QUIC finds no transport', async () => {
    const node = await startNode();
    for (const address of ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/udp/1/quic-v1/webtransport']) {
      await expect(node.dial(multiaddr(address))).rejects.toThrow();
    }
  });

  describe('of an address where nobody answers', () => {
    const silent = async (): Promise<string> => {
      const socket = createSocket('udp4').bind(0, '127.0.0.1');
      await once(socket, 'listening');
      onTestFinished(() => void socket.close());
      return `/ip4/127.0.0.1/udp/${socket.address().port}/quic-v1`;
    };

    it('ends with its signal', async () => {
      const node = await startNode();
      const controller = new AbortController();
      const dialling = node.dial(multiaddr(await silent()), { signal: controller.signal });
      setTimeout(() => controller.abort(), 50);
      await expect(dialling).rejects.toMatchObject({ name: 'AbortError' });
    });

    it('ends after the time that the transport allows', async () => {
      const node = await startNode({}, { dialTimeoutMs: 100 });
      await expect(node.dial(multiaddr(await silent()))).rejects.toMatchObject({
        name: 'TimeoutError',
        message: expect.stringContaining('in 100 ms') as string,
      });
    });
  });
});

describe('a peer whose certificate is not one of libp2p', () => {
  it('is refused when it is dialled', async () => {
    const node = await startNode();
    const engine = await openEngine({
      protocols: ['libp2p'],
      signatureAlgorithms: ['ed25519', 'ecdsa_secp256r1_sha256'],
    });
    const address = multiaddr(`/ip4/127.0.0.1/udp/${engine.port}/quic-v1`);
    await expect(node.dial(address)).rejects.toMatchObject({
      name: 'Libp2pTransportError',
      code: 'bad-certificate',
    });
  });

  it('is refused when it dials, and told why', async () => {
    const node = await startNode();
    const engine = await openEngine({
      protocols: ['libp2p'],
      signatureAlgorithms: ['ed25519', 'ecdsa_secp256r1_sha256'],
    });
    const connection = await engine.connect({
      host: '127.0.0.1',
      port: requireQuicAddress(addressOf(node)).port,
      timeoutMs: 60_000,
      authenticate: () => ({ isAccepted: true }),
      onOpen: (opened) =>
        opened.setHandler({
          onStream: () => {
            throw new Error('no stream is expected');
          },
          onStreamsAvailable: () => undefined,
        }),
    });
    expect(await connection.closed).toMatchObject({
      kind: 'application',
      code: 2,
      reason: expect.stringContaining('certificate is refused') as string,
      local: false,
    });
    expect(node.getConnections()).toHaveLength(0);
  });

  it('finds no common protocol when it is one of this project', async () => {
    const node = await startNode();
    const engine = await openEngine({ signatureAlgorithms: ['ed25519', 'ecdsa_secp256r1_sha256'] });
    const address = multiaddr(`/ip4/127.0.0.1/udp/${engine.port}/quic-v1`);
    await expect(node.dial(address)).rejects.toThrow(/no common application protocol/);
  });
});
