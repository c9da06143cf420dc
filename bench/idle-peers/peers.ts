/** All the peers of the node, in one process: `peers.js KEEP_ALIVE`. */
import { createIdentity } from '../../transport/identity/index.js';
import { listenRpc, type PeerAddress } from '../../transport/rpc/index.js';
import { answerParent } from '../transport/child.js';
import { keepAliveAt } from './settings.js';

const CONNECTING_AT_ONCE = 8;
const settings = keepAliveAt(process.argv[2]).peers;
const endpoint = await listenRpc({
  identity: createIdentity(),
  host: '127.0.0.1',
  port: 0,
  handlers: {},
  settings,
});

answerParent(async (request) => {
  const { address, peers } = request as { address: PeerAddress; peers: number };
  let begun = 0;
  const connectOn = async (): Promise<void> => {
    while (begun < peers) {
      begun += 1;
      await endpoint.connect(address, { timeoutMs: 20_000 });
    }
  };
  await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, connectOn));
});
process.send?.({ result: 'ready' });
