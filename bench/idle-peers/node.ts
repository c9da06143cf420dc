/** The node whose memory and processor time are measured: `node.js KEEP_ALIVE`. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createIdentity } from '../../transport/identity/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import type { NodeReport } from '../idle-peers.js';
import { answerParent } from '../transport/child.js';
import { keepAliveAt } from './settings.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const settings = keepAliveAt(process.argv[2]).node;
const identity = createIdentity();
const endpoint = await listenRpc({ identity, host: '127.0.0.1', port: 0, handlers: {}, settings });

answerParent(async (request) => {
  if (request === 'address') {
    return { host: endpoint.host, port: endpoint.port, peerId: endpoint.peerId };
  }
  const { user, system } = process.cpuUsage();
  collectGarbage();
  const { rss, heapUsed } = process.memoryUsage();
  return {
    residentBytes: rss,
    heapBytes: heapUsed,
    cpuMicroseconds: user + system,
    peers: [...endpoint.connections()].length,
  } satisfies NodeReport;
});
process.send?.({ result: 'ready' });
