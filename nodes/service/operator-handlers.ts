/** What operators ask for: whoever mounts these methods checks that the caller is one. */
import type { Handler } from '../../transport/rpc/rpc.js';
import { parseRequest, requests } from './requests.js';

export interface OperatorPorts {
  /** Resolves with what a backup says about itself, once every write answered before is applied here. */
  backupBegin(signal: AbortSignal): Promise<object>;
  snapshotPrepare(payload: unknown): Promise<unknown>;
  snapshotRead(payload: unknown): Promise<Uint8Array>;
}

export function operatorHandlers(ports: OperatorPorts): Record<string, Handler> {
  return {
    'swarm.backupBegin': (payload, { signal }) => {
      parseRequest(requests.nothing, payload);
      return ports.backupBegin(signal);
    },
    'swarm.backupPrepare': (payload) => ports.snapshotPrepare(payload),
    'swarm.backupRead': (payload) => ports.snapshotRead(payload),
  };
}
