// A peer in a process of its own, to be killed: peer-process.js [PORT PRIVATE_KEY_PEM | close-soon]
import { createIdentity, identityFromPrivateKey } from '../../../transport/identity/index.js';
import { listenRpc } from '../../../transport/rpc/index.js';

const [port, privateKeyPem] = process.argv.slice(2);
const identity =
  privateKeyPem === undefined ? createIdentity() : identityFromPrivateKey(privateKeyPem);
const isClosing = port === 'close-soon';

const endpoint = await listenRpc({
  identity,
  host: '127.0.0.1',
  port: isClosing ? 0 : Number(port ?? 0),
  handlers: { echo: (payload) => payload, hang: () => new Promise(() => undefined) },
});
const { host, peerId } = endpoint;
process.send?.({ host, port: endpoint.port, peerId, privateKeyPem: identity.privateKeyPem });

if (isClosing) {
  const address = { host, port: endpoint.port, peerId };
  const other = await listenRpc({ identity: createIdentity(), host, port: 0, handlers: {} });
  const connection = await other.connect(address, { timeoutMs: 60_000 });
  await connection.call('echo', 1, { timeoutMs: 60_000 });
  await endpoint.close();
  await other.close();
  process.disconnect?.();
}
