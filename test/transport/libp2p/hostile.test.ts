import type { Stream } from '@libp2p/interface';
import { ping } from '@libp2p/ping';
import { multiaddr } from '@multiformats/multiaddr';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requireQuicAddress } from '../../../transport/libp2p/address.js';
import { bidirectional, handler } from '../quic/engines.js';
import { fuzz } from '../seed.js';
import { WITHIN, addressOf, readAll, startNode } from './nodes.js';
import { certificatePem, negotiation, rawDial, rawPeer } from './raw-peer.js';
import { until } from '../../waiting.js';

const PROTOCOL = '/test/1.0.0';
/** More than the streams that may be open at once: their places must come back. */
const RUNS = 300;
const DECADE_MS = 10 * 365 * 24 * 3_600_000;

const portOf = (node: Parameters<typeof addressOf>[0]): number =>
  requireQuicAddress(addressOf(node)).port;

describe('a peer with a certificate that the specification forbids', () => {
  const CERTIFICATES = [
    [
      'that has expired',
      /it expired on/,
      (hostKey, key) => certificatePem(hostKey, key, Date.now() - DECADE_MS),
    ],
    [
      'that is not valid yet',
      /it is not valid before/,
      (hostKey, key) => certificatePem(hostKey, key, Date.now() + DECADE_MS),
    ],
    [
      'with a second one',
      /more than one certificate/,
      async (hostKey, key) => (await certificatePem(hostKey, key)).repeat(2),
    ],
  ] as readonly (readonly [string, RegExp, typeof certificatePem])[];

  it.each(CERTIFICATES)('%s is refused when it is dialled', async (_what, reason, certificates) => {
    const [node, peer] = await Promise.all([startNode(), rawPeer({ certificates })]);
    const address = multiaddr(`/ip4/127.0.0.1/udp/${peer.port}/quic-v1`);
    await expect(node.dial(address)).rejects.toMatchObject({
      code: 'bad-certificate',
      message: expect.stringMatching(reason) as string,
    });
    expect(node.getConnections()).toHaveLength(0);
  });

  it.each(CERTIFICATES)('%s is refused when it dials, and told why', async (_what, reason, of) => {
    const [node, peer] = await Promise.all([startNode(), rawPeer({ certificates: of })]);
    const connection = await rawDial(peer, portOf(node));
    expect(await connection.closed).toMatchObject({
      kind: 'application',
      code: 2,
      reason: expect.stringMatching(reason) as string,
    });
    expect(node.getConnections()).toHaveLength(0);
  });
});

describe('a peer that libp2p would not be', () => {
  /** A node that has accepted a stream of a bare peer, and both ends of it. */
  const accepted = async () => {
    const [node, peer] = await Promise.all([startNode(), rawPeer()]);
    let onStream!: (stream: Stream) => void;
    const opened = new Promise<Stream>((resolve) => {
      onStream = resolve;
    });
    await node.handle(PROTOCOL, onStream);
    const connection = await rawDial(peer, portOf(node));
    const theirs = bidirectional(connection);
    theirs.write(negotiation(PROTOCOL));
    return { stream: await opened, theirs, connection };
  };

  it('may close in an orderly way in the middle of a stream: its reader gets an error', async () => {
    const { stream, theirs, connection } = await accepted();
    const reading = readAll(stream);
    theirs.write(Buffer.from('half of'));
    await connection.close(0, '');
    await expect(reading).rejects.toMatchObject({
      name: 'Libp2pTransportError',
      code: 'connection-lost',
    });
  });

  it('may have no interest in what is written: the writer is told by the next write', async () => {
    const { stream, theirs } = await accepted();
    theirs.stop(7);
    await until(() => stream.writeStatus === 'closed');
    expect(() => stream.send(Buffer.from('more'))).toThrow(/closed/);
    await stream.close();
  });

  it('may have no interest while a writer waits: the writer goes on', async () => {
    const { stream, theirs } = await accepted();
    theirs.pause();
    while (stream.send(Buffer.alloc(100_000)));
    const waiting = stream.onDrain().catch(() => undefined);
    const closing = stream.close().catch(() => undefined);
    theirs.reset(7);
    theirs.stop(7);
    await Promise.all([waiting, closing]);
    await until(() => stream.status !== 'open');
    expect(stream.writeBufferLength).toBe(0);
  });

  it('may send anything as a stream: the node goes on to serve', async () => {
    const [node, peer, client] = await Promise.all([
      startNode({ services: { ping: ping() } }),
      rawPeer(),
      startNode({ services: { ping: ping() } }),
    ]);
    const start = negotiation('/ipfs/ping/1.0.0');
    const connection = await rawDial(peer, portOf(node));
    await until(() => node.getConnections().length === 1);
    await fuzz(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 2_000 }),
        fc.nat(start.length),
        fc.boolean(),
        async (bytes, cut, isReset) => {
          let isOver = false;
          const stream = bidirectional(
            connection,
            handler({
              onData: (_bytes, isFinal) => (isOver ||= isFinal),
              onReset: () => (isOver = true),
            }),
          );
          stream.write(Buffer.concat([start.subarray(0, cut), bytes]), !isReset);
          if (isReset) stream.reset(1);
          await until(() => isOver);
        },
      ),
      RUNS,
    );
    expect(connection.isOpen).toBe(true);
    expect(node.getConnections()[0]?.streams).toHaveLength(0);
    await connection.close(0, '');
    expect(await client.services.ping.ping(addressOf(node))).toBeGreaterThanOrEqual(0);
    await expect.poll(() => node.getConnections(), WITHIN).toHaveLength(1);
  });
});
