/**
 * A process that uses stored sessions, for tests with several: takes the session of each peer that
 * it is told, and says which it got; told `put`, it stores sessions until it is killed.
 */
import { DiskSessionStore } from '../../../transport/tickets/index.js';

const [directory = '', privateKeyPem = ''] = process.argv.slice(2);
const store = new DiskSessionStore({ directory, privateKeyPem });

process.on('message', (message) => {
  if (message === 'put') {
    process.send?.('putting');
    for (let count = 0; ; count += 1) store.put(`peer-${count % 10}`, new Uint8Array(10_000));
  }
  const peerIds = message as string[];
  process.send?.(peerIds.filter((peerId) => store.take(peerId) !== undefined));
});
process.send?.('ready');
