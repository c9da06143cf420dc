// @chainsafe/libp2p-quic through libp2p, for the transport bench: `serve` and `connect` as in
// bench/transport/link.ts. It stands here since its packages are installed here:
// npm install --prefix bench/peers
import { quic } from '@chainsafe/libp2p-quic';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';

// libp2p asks for it, and Node 20 does not have it.
Promise.withResolvers ??= function withResolvers() {
  const deferred = {};
  deferred.promise = new this((resolve, reject) => Object.assign(deferred, { resolve, reject }));
  return deferred;
};

const ECHO = '/agentic-flow-bench/echo/1';
const COUNT = '/agentic-flow-bench/count/1';
const CHUNK = new Uint8Array(64 * 1024).fill(7);
const streams = { maxInboundStreams: 10_000, maxOutboundStreams: 10_000 };

async function createNode(listen) {
  return await createLibp2p({
    addresses: { listen },
    transports: [quic({ maxConcurrentStreamLimit: 10_000 })],
    // Its defaults let in five connections a second from one host.
    connectionManager: {
      inboundConnectionThreshold: 1_000_000,
      maxIncomingPendingConnections: 1_000,
      maxConnections: 100_000,
    },
  });
}

export async function serve() {
  const node = await createNode(['/ip4/127.0.0.1/udp/0/quic-v1']);
  await node.handle(
    ECHO,
    ({ stream }) => {
      void stream.sink(stream.source).catch(() => undefined);
    },
    streams,
  );
  await node.handle(
    COUNT,
    ({ stream }) => {
      void count(stream).catch(() => undefined);
    },
    streams,
  );
  return {
    port: 0,
    bulkPort: 0,
    peerId: '',
    certificatePem: '',
    multiaddr: node.getMultiaddrs()[0].toString(),
  };
}

async function count(stream) {
  let receivedBytes = 0;
  for await (const chunk of stream.source) receivedBytes += chunk.byteLength;
  await stream.sink([new TextEncoder().encode(String(receivedBytes))]);
}

export async function connect(address) {
  const node = await createNode([]);
  const target = multiaddr(address.multiaddr);
  const connection = await node.dial(target);
  // A node joins dials to the same peer into one: each dial that runs at once needs its own node.
  const dialers = [];
  return {
    echo: (payload) => exchange(connection, ECHO, [payload]),
    bulk: async (untilMs) => {
      const answer = await exchange(connection, COUNT, chunksUntil(untilMs));
      return Number(new TextDecoder().decode(answer));
    },
    handshake: async () => {
      const dialer = dialers.pop() ?? (await createNode([]));
      const opened = await dialer.dial(target, { force: true });
      await opened.close();
      dialers.push(dialer);
    },
    close: async () => {
      for (const each of [node, ...dialers]) await each.stop();
    },
  };
}

async function exchange(connection, protocol, source) {
  const stream = await connection.newStream(protocol, streams);
  const sent = stream.sink(source);
  const parts = [];
  for await (const chunk of stream.source) parts.push(chunk.slice());
  await sent;
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

function* chunksUntil(untilMs) {
  do yield CHUNK;
  while (performance.now() < untilMs);
}
