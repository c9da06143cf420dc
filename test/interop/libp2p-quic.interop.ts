import { generateKeyPair } from '@libp2p/crypto/keys';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  LOOPBACK,
  addressOf,
  eventOf,
  pattern,
  readAll,
  sendAll,
  startNode,
} from '../transport/libp2p/nodes.js';
import type { Connection } from '@libp2p/interface';
import { requireQuicAddress } from '../../transport/libp2p/address.js';
import { loadQuinn, type QuinnStream } from './quinn-peer.js';

const PROTOCOL = '/interop/1.0.0';
const BYTES = pattern(1024 * 1024);
const READ_BYTES = 64 * 1024;
const quinn = await loadQuinn();

/** A line of multistream-select: its length, the text, a line feed. */
function line(text: string): Buffer {
  return Buffer.concat([Uint8Array.of(text.length + 1), Buffer.from(`${text}\n`)]);
}

const HELLO = Buffer.concat([line('/multistream/1.0.0'), line(PROTOCOL)]);

async function readExactly(stream: QuinnStream, length: number): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  while (bytes.length < length) {
    const chunk = await stream.read(length - bytes.length);
    if (chunk === null) throw new Error(`the stream ended after ${bytes.length} bytes`);
    bytes = Buffer.concat([bytes, chunk]);
  }
  return bytes;
}

async function readToEnd(stream: QuinnStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = await stream.read(READ_BYTES);
    if (chunk === null) return Buffer.concat(chunks);
    chunks.push(chunk);
  }
}

async function writeAll(stream: QuinnStream, bytes: Buffer): Promise<void> {
  for (let offset = 0; offset < bytes.length; offset += READ_BYTES) {
    await stream.write(bytes.subarray(offset, offset + READ_BYTES));
  }
  await stream.finishWrite();
}

describe('with the QUIC of rust-libp2p', () => {
  it('is dialled, knows the peer, and carries 1 MB each way on one stream', async () => {
    const node = await startNode();
    const received: Buffer[] = [];
    await node.handle(PROTOCOL, async (stream) => {
      received.push(await readAll(stream));
      await sendAll(stream, BYTES, READ_BYTES);
    });
    const key = await generateKeyPair('Ed25519');
    const accepted = eventOf<Connection>(node, 'connection:open');
    const { port } = requireQuicAddress(addressOf(node));
    const connection = await quinn.client(key).outboundConnection('127.0.0.1', port);
    onTestFinished(() => connection.abort());
    expect((await accepted).remotePeer.toString()).toBe(key.publicKey.toString());
    expect(connection.remoteMultiaddr()).toContain(`/p2p/${node.peerId.toString()}`);

    const stream = await connection.outboundStream();
    await stream.write(HELLO);
    expect(await readExactly(stream, HELLO.length)).toEqual(HELLO);
    await writeAll(stream, BYTES);
    const answer = await readToEnd(stream);
    expect(answer.equals(BYTES)).toBe(true);
    expect(received).toHaveLength(1);
    expect(received[0]?.equals(BYTES)).toBe(true);
  });

  it('dials, checks the peer, and carries 1 MB each way on one stream', async () => {
    const node = await startNode({ addresses: { listen: [] } });
    const key = await generateKeyPair('Ed25519');
    const server = quinn.listen(key, '127.0.0.1');
    onTestFinished(() => server.abort());
    const accepting = server.inboundConnection();
    const at = `/ip4/127.0.0.1/udp/${server.port()}/quic-v1/p2p/${key.publicKey.toString()}`;
    const connection = await node.dial(multiaddr(at));
    const theirs = await accepting;
    expect(connection.remotePeer.toString()).toBe(key.publicKey.toString());
    expect(theirs.remoteMultiaddr()).toContain(`/p2p/${node.peerId.toString()}`);

    const serving = (async () => {
      const inbound = await theirs.inboundStream();
      expect(await readExactly(inbound, HELLO.length)).toEqual(HELLO);
      await inbound.write(HELLO);
      const bytes = await readToEnd(inbound);
      await writeAll(inbound, BYTES);
      return bytes;
    })();
    const stream = await connection.newStream(PROTOCOL);
    const [answer] = await Promise.all([readAll(stream), sendAll(stream, BYTES, READ_BYTES)]);
    expect(answer.equals(BYTES)).toBe(true);
    expect((await serving).equals(BYTES)).toBe(true);
  });

  it('refuses to dial a peer that is another than the address says', async () => {
    const node = await startNode({ addresses: { listen: [LOOPBACK] } });
    const server = quinn.listen(await generateKeyPair('Ed25519'), '127.0.0.1');
    onTestFinished(() => server.abort());
    const accepting = server.inboundConnection();
    const other = (await generateKeyPair('Ed25519')).publicKey.toString();
    const at = `/ip4/127.0.0.1/udp/${server.port()}/quic-v1/p2p/${other}`;
    await expect(node.dial(multiaddr(at))).rejects.toMatchObject({ name: 'UnexpectedPeerError' });
    expect(node.getConnections()).toHaveLength(0);
    // On the other side too, and not by a timeout.
    await (await accepting).closed();
  });
});
