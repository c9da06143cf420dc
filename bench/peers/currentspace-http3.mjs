// Raw QUIC of @currentspace/http3 (quiche 0.29), for the transport bench: `serve` and `connect` as
// in bench/transport/link.ts. It wants Node 24, and the command openssl for a certificate: it
// verifies no Ed25519. Only the server shows a certificate here: it takes client certificates of a
// known authority alone, and peers have none.
import { connectQuicAsync, createQuicServer } from '@currentspace/http3';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const STREAM_WINDOW_BYTES = 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, 7);
const runtimeMode = process.env.HTTP3_RUNTIME ?? 'auto';
const options = {
  runtimeMode,
  alpn: ['agentic-flow-bench/1'],
  maxIdleTimeoutMs: 30_000,
  // Its own default is 1,472; ours is 16,383 on loopback.
  maxUdpPayloadSize: Number(process.env.HTTP3_PACKET_BYTES ?? 16_383),
  initialMaxData: 10 * STREAM_WINDOW_BYTES,
  initialMaxStreamDataBidiLocal: STREAM_WINDOW_BYTES,
  initialMaxStreamsBidi: 100,
};

function createCertificate() {
  const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-bench-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const files = ['-keyout', key, '-out', cert, '-days', '7', '-subj', '/CN=localhost'];
    execFileSync('openssl', ['req', '-x509', ...curve, ...files], { stdio: 'ignore' });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export async function serve() {
  const server = createQuicServer({ ...options, ...createCertificate() });
  server.on('error', (error) => console.error('server', error));
  server.on('session', (session) => {
    session.on('error', () => undefined);
    session.on('stream', (stream) => {
      stream.on('error', () => undefined);
      answer(stream);
    });
  });
  const { port } = await server.listen(0, '127.0.0.1');
  return { port, bulkPort: port, peerId: '', certificatePem: '', multiaddr: '' };
}

/** The first byte says what is wanted: 7 begins bulk, of which the number of bytes is answered. */
function answer(stream) {
  const parts = [];
  let receivedBytes = 0;
  stream.on('data', (chunk) => {
    receivedBytes += chunk.length;
    if (receivedBytes <= 128) parts.push(chunk);
  });
  stream.on('end', () => {
    if (receivedBytes > 128) stream.end(String(receivedBytes));
    else stream.end(parts.length === 1 ? parts[0] : Buffer.concat(parts));
  });
}

export async function connect(address) {
  const target = { address: '127.0.0.1', port: address.port, servername: 'localhost' };
  const open = (extra = {}) =>
    connectQuicAsync(target, { ...options, rejectUnauthorized: false, ...extra });
  const session = await open();
  let tickets = [];
  return {
    echo: (payload) => exchange(session, payload),
    // Of eight at once some are reset with code 0, by neither of the two programs.
    bulkStreamsMax: 1,
    bulk: async (untilMs) => {
      const stream = session.openStream();
      const answered = collect(stream);
      const fill = () => {
        for (;;) {
          const isFinal = performance.now() >= untilMs;
          const isTaken = stream.write(CHUNK);
          if (isFinal) {
            stream.end();
            return;
          }
          if (!isTaken) {
            stream.once('drain', fill);
            return;
          }
        }
      };
      fill();
      return Number((await answered).toString());
    },
    handshake: async () => {
      const opened = await open();
      await opened.close();
    },
    close: async () => {
      await session.close();
    },
    ...(process.env.HTTP3_RESUME === undefined
      ? {}
      : {
          prepareResume: async (count) => {
            tickets = [];
            while (tickets.length < count) {
              const opened = await open();
              const ticket = new Promise((resolve) => opened.once('sessionTicket', resolve));
              await exchange(opened, Buffer.alloc(1, 7));
              tickets.push(await ticket);
              await opened.close();
            }
          },
          resume: async (payload) => {
            const opened = await open({ sessionTicket: tickets.pop(), allow0RTT: true });
            await exchange(opened, payload);
            await opened.close();
            return 'resumed';
          },
        }),
  };
}

async function exchange(session, payload) {
  const stream = session.openStream();
  stream.end(payload);
  return await collect(stream);
}

function collect(stream) {
  return new Promise((resolve, reject) => {
    const parts = [];
    stream.on('data', (chunk) => parts.push(chunk));
    stream.on('end', () => resolve(parts.length === 1 ? parts[0] : Buffer.concat(parts)));
    stream.on('error', reject);
  });
}
