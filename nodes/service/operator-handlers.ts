/** What operators ask for: whoever mounts these methods checks that the caller is one. */
import { z } from 'zod';

import type { Handler } from '../../transport/rpc/rpc.js';
import type { MembershipCommand } from '../control-plane/membership.js';
import { parseRequest, requests } from './requests.js';

export interface OperatorPorts {
  /** Resolves with what a backup says about itself, once every write answered before is applied here. */
  backupBegin(signal: AbortSignal): Promise<object>;
  snapshotPrepare(payload: unknown): Promise<unknown>;
  snapshotRead(payload: unknown): Promise<Uint8Array>;
  /** Resolves with the wishes as they stand when the command is applied here. */
  changeMembership(command: MembershipCommand, timeoutMs: number): Promise<object>;
  /** After which silence a voter is replaced, as it is now. */
  voterGoneAfterMs(): number;
}

const nodeId = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const shapes = {
  voters: z.object({
    wanted: z.number().int().nonnegative(),
    goneAfterMs: z.number().int().nonnegative().optional(),
  }),
  drain: z.object({ nodeId, drained: z.boolean() }),
  leave: z.object({ nodeId }),
  replace: z.object({ nodeId, replaces: nodeId }),
  token: z.object({ which: z.enum(['client', 'join', 'operator']), hash: z.string().max(64) }),
};

export function operatorHandlers(ports: OperatorPorts): Record<string, Handler> {
  return {
    'swarm.backupBegin': (payload, { signal }) => {
      parseRequest(requests.nothing, payload);
      return ports.backupBegin(signal);
    },
    'swarm.backupPrepare': (payload) => ports.snapshotPrepare(payload),
    'swarm.backupRead': (payload) => ports.snapshotRead(payload),
    'swarm.voters': (payload, { timeoutMs }) => {
      const { wanted, goneAfterMs = ports.voterGoneAfterMs() } = parseRequest(
        shapes.voters,
        payload,
      );
      return ports.changeMembership({ type: 'setVoters', wanted, goneAfterMs }, timeoutMs);
    },
    'swarm.drain': (payload, { timeoutMs }) =>
      ports.changeMembership(
        { type: 'drainMember', ...parseRequest(shapes.drain, payload) },
        timeoutMs,
      ),
    'swarm.leave': (payload, { timeoutMs }) =>
      ports.changeMembership(
        { type: 'leaveMember', ...parseRequest(shapes.leave, payload) },
        timeoutMs,
      ),
    'swarm.replace': (payload, { timeoutMs }) =>
      ports.changeMembership(
        { type: 'replaceMember', ...parseRequest(shapes.replace, payload) },
        timeoutMs,
      ),
    'swarm.token': (payload, { timeoutMs }) =>
      ports.changeMembership(
        { type: 'setToken', ...parseRequest(shapes.token, payload) },
        timeoutMs,
      ),
  };
}
