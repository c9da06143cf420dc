// What raw QUIC of @currentspace/http3 offers of what our interface of an engine asks: each line is
// something tried, not read. On Node 24, after npm install --prefix bench/peers with that Node:
// node bench/peers/currentspace-probe.mjs
import { connectQuicAsync, createQuicServer } from '@currentspace/http3';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const WAIT_MS = 3_000;
const folder = mkdtempSync(join(tmpdir(), 'agentic-flow-probe-'));

function createCertificate(name, algorithm) {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  const files = ['-nodes', '-keyout', key, '-out', cert, '-days', '7', '-subj', '/CN=localhost'];
  execFileSync('openssl', ['req', '-x509', ...algorithm, ...files], { stdio: 'ignore' });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
const ours = createCertificate('server', p256);
const known = createCertificate('known', p256);
const unknown = createCertificate('unknown', p256);
const ed25519 = createCertificate('ed25519', ['-newkey', 'ed25519']);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function report(what, result) {
  console.log(`${what.padEnd(44)} ${typeof result === 'string' ? result : JSON.stringify(result)}`);
}

async function outcome(promise) {
  return await Promise.race([
    promise.then(
      (value) => ({ value }),
      (error) => ({ failure: `${error.code ?? error.name}: ${error.message}` }),
    ),
    pause(WAIT_MS).then(() => ({ failure: `nothing in ${WAIT_MS} ms` })),
  ]);
}

async function listen(options, onSession = () => undefined) {
  const server = createQuicServer({ alpn: ['probe'], ...options });
  server.on('error', () => undefined);
  server.on('session', (session) => {
    session.on('error', () => undefined);
    onSession(session);
  });
  const { port } = await server.listen(0, '127.0.0.1');
  return { server, port };
}

function connect(port, options = {}) {
  const target = { address: '127.0.0.1', port, servername: 'localhost' };
  const usual = { alpn: ['probe'], rejectUnauthorized: false, connectTimeoutMs: WAIT_MS };
  return outcome(connectQuicAsync(target, { ...usual, ...options }));
}

const connects = ({ failure }) => failure ?? 'connects';
const publicMethods = (object) =>
  Object.getOwnPropertyNames(Object.getPrototypeOf(object)).filter(
    (name) => !name.startsWith('_') && name !== 'constructor',
  );

async function probeCertificates() {
  const { port } = await listen(ed25519);
  report('a server with an Ed25519 certificate', connects(await connect(port)));
  const anyClient = await outcome(listen({ ...ours, clientAuth: 'request' }));
  report('client certificates judged by a callback', anyClient.failure ?? 'listens');
  const seen = [];
  const pinned = await listen({ ...ours, ca: known.cert, clientAuth: 'require' }, (session) =>
    seen.push(session.getPeerCertificate()?.subject),
  );
  report(
    'a client whose certificate the server has as ca',
    connects(await connect(pinned.port, known)),
  );
  const other = await connect(pinned.port, unknown);
  await pause(300);
  report('any other client', other.failure ?? `connects; closed soon after: ${other.value.closed}`);
  report('what the server saw', seen);
}

async function probeStreams() {
  const events = [];
  let accepted;
  const { port } = await listen({ ...ours, enableDatagrams: true }, (session) => {
    accepted = session;
    session.on('datagram', (bytes) => session.sendDatagram(bytes));
    session.on('stream', (stream) => {
      stream.on('data', () => undefined);
      stream.on('error', (error) => events.push(error.message));
    });
  });
  const { value: session } = await connect(port, { enableDatagrams: true });
  report('methods of a session', publicMethods(session));
  const stream = session.openStream();
  report('methods of a stream, beside those of Duplex', publicMethods(stream));
  const datagram = new Promise((resolve) => session.once('datagram', resolve));
  session.sendDatagram(Buffer.from('datagram'));
  report('a datagram there and back', String((await outcome(datagram)).value));
  const served = new Promise((resolve) => {
    session.once('stream', (each) => each.once('data', (bytes) => resolve(String(bytes))));
  });
  accepted.openStream().end('from the server');
  report('a stream that the server opens', await outcome(served));
  stream.on('error', () => undefined);
  stream.write('x');
  await pause(100);
  stream.close(77);
  await pause(300);
  report('a stream closed with code 77 arrives as', events);
  report('statistics', session.getMetrics());
  report('how it runs', session.runtimeInfo);
}

await probeCertificates();
await probeStreams();
rmSync(folder, { recursive: true });
process.exit(0);
