import type { ConnectionCloseInfo } from '../quic/index.js';
import { CONNECTION_CODE } from './codes.js';
import { Libp2pTransportError } from './libp2p-transport-error.js';

/**
 * How libp2p is told that a connection is over: closed in an orderly way, reset by the peer, or lost
 * with an error.
 */
export type Ending = 'orderly' | 'reset' | Libp2pTransportError;

export function endingOf(info: ConnectionCloseInfo): Ending {
  if (info.kind === 'application') {
    return info.local || info.code === CONNECTION_CODE.closed ? 'orderly' : 'reset';
  }
  return new Libp2pTransportError('connection-lost', `the connection is lost: ${info.reason}`);
}
