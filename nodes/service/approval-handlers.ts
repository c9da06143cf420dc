/** What members say to each other about approvals, and what the operator of one node says to that node. */
import { z } from 'zod';

import { RpcError } from '../../transport/rpc/rpc.js';
import type { CallContext, Handler } from '../../transport/rpc/rpc.js';
import type { NodeApprovals } from '../approval/node-approvals.js';
import { digestShape, parseRequest } from './requests.js';

export interface ApprovalPorts {
  readonly approvals: NodeApprovals;
  /** Of this node. */
  ownPeerId(): string;
}

const shapes = {
  approve: z.strictObject({ digest: digestShape }),
  change: z.strictObject({
    required: z.boolean().optional(),
    policy: z.enum(['operator', 'any']).optional(),
    trust: z.boolean().optional(),
  }),
};

/** For members. */
export function approvalMessages({ approvals }: ApprovalPorts): Record<string, Handler> {
  return {
    'approval.request': (payload, { connection }) =>
      approvals.onRequest(connection.peerId, payload),
    'approval.message': (payload, { connection }) => {
      approvals.onMessage(connection.peerId, payload);
      return null;
    },
    'approval.question': (payload, { connection }) =>
      approvals.onQuestion(connection.peerId, payload),
  };
}

/**
 * For whoever shows the key of this very node. A token of the swarm opens none of it: tokens stand in the
 * log, and who leads writes that.
 */
export function ownApprovals({ approvals, ownPeerId }: ApprovalPorts): Record<string, Handler> {
  const requireOwn = ({ connection }: CallContext): void => {
    if (connection.peerId === ownPeerId()) return;
    throw new RpcError(
      'permission-denied',
      'a node is told what it approves by its own operator only: run this where its directory is, ' +
        'with --data DIR',
    );
  };
  return {
    'approval.approve': async (payload, context) => {
      requireOwn(context);
      const { state, reason } = await approvals.allow(parseRequest(shapes.approve, payload).digest);
      return { state, reason, approvals: await approvals.describe() };
    },
    'approval.settings': async (payload, context) => {
      requireOwn(context);
      const change = parseRequest(shapes.change, payload);
      if (Object.keys(change).length > 0) await approvals.configure(change);
      return { approvals: await approvals.describe() };
    },
  };
}
