import { afterEach } from 'vitest';
import { quicTransport, type QuicTransportOptions } from '../../../transport/libp2p/index.js';
import type { Libp2p, ServiceMap, Stream } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2pOptions } from 'libp2p';

/** For `expect.poll`: long enough for a machine that is busy with other things. */
export const WITHIN = { timeout: 180_000 };

export const LOOPBACK = '/ip4/127.0.0.1/udp/0/quic-v1';

const nodes: Libp2p[] = [];

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
});

/** A libp2p node over our transport alone, which is stopped after the test. */
export async function startNode<T extends ServiceMap = ServiceMap>(
  options: Libp2pOptions<T> = {},
  transport: QuicTransportOptions = {},
): Promise<Libp2p<T>> {
  const node = await createLibp2p<T>({
    transports: [quicTransport(transport)],
    addresses: { listen: [LOOPBACK] },
    connectionMonitor: { enabled: false },
    connectionGater: { denyDialMultiaddr: () => false },
    ...options,
  });
  nodes.push(node);
  return node;
}

/** The one address on which a node listens. */
export function addressOf(node: Libp2p): Multiaddr {
  const [address] = node.getMultiaddrs();
  if (address === undefined) throw new Error('the node listens nowhere');
  return address;
}

/** Resolves with the first event that `isWanted` accepts. Without a timeout: vitest has one. */
export function eventOf<T>(
  target: EventTarget | { addEventListener: unknown; removeEventListener: unknown },
  name: string,
  isWanted: (detail: T) => boolean = () => true,
): Promise<T> {
  const events = target as EventTarget;
  return new Promise((resolve) => {
    const listener = (event: Event): void => {
      const { detail } = event as Event & { detail: T };
      if (!isWanted(detail)) return;
      events.removeEventListener(name, listener);
      resolve(detail);
    };
    events.addEventListener(name, listener);
  });
}

/** Writes all of `bytes` in pieces, waiting whenever the stream asks for it, and ends. */
export async function sendAll(
  stream: Stream,
  bytes: Uint8Array,
  pieceBytes: number,
): Promise<void> {
  for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
    const isReady = stream.send(bytes.subarray(offset, offset + pieceBytes));
    if (!isReady) await stream.onDrain();
  }
  await stream.close();
}

/** All that comes until the peer ends the stream. */
export async function readAll(stream: Stream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk.subarray());
  return Buffer.concat(chunks);
}

/** Bytes of which each part differs from the others. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let offset = 0; offset + 4 <= length; offset += 4) bytes.writeUInt32LE(offset, offset);
  return bytes;
}
