/** The methods by which an operator plans, starts, watches and changes a rollout. */
import type { Handler } from '../../transport/rpc/rpc.js';
import { parseRequest, requests } from './requests.js';
import { rolloutRequests } from './rollout-requests.js';
import type { ChangeRequest, PlanRequest } from './rollout-requests.js';

/** What these handlers need of the node. */
export interface RolloutPorts {
  requireServing(): void;
  rolloutPlan(request: PlanRequest): Promise<object>;
  rolloutStart(
    request: PlanRequest & { readonly digest?: string | undefined },
    timeoutMs: number,
  ): Promise<object>;
  /** `by` is the peer id of who calls. */
  rolloutStartApproved(
    request: PlanRequest & { readonly digest?: string | undefined },
    by: string,
    timeoutMs: number,
  ): Promise<object>;
  rolloutAbort(timeoutMs: number): Promise<object>;
  rolloutChange(change: ChangeRequest, timeoutMs: number): Promise<object>;
  rolloutStatus(signal: AbortSignal): Promise<object>;
}

/** By method, what changes nothing; whoever mounts them checks who calls. */
export function rolloutReads(ports: RolloutPorts): Record<string, Handler> {
  return {
    'rollout.plan': (payload) => {
      ports.requireServing();
      return ports.rolloutPlan(parseRequest(rolloutRequests.plan, payload));
    },
    'rollout.status': (payload, { signal }) => {
      parseRequest(requests.nothing, payload);
      ports.requireServing();
      return ports.rolloutStatus(signal);
    },
  };
}

/** By method, what steers a rollout; whoever mounts them checks that the caller is an operator. */
export function rolloutChanges(ports: RolloutPorts): Record<string, Handler> {
  return {
    'rollout.start': (payload, { timeoutMs }) => {
      ports.requireServing();
      return ports.rolloutStart(parseRequest(rolloutRequests.start, payload), timeoutMs);
    },
    // A method of its own: a member of a release before would pass over an option, and start.
    'rollout.startApproved': (payload, { connection, timeoutMs }) => {
      ports.requireServing();
      const request = parseRequest(rolloutRequests.start, payload);
      return ports.rolloutStartApproved(request, connection.peerId, timeoutMs);
    },
    'rollout.abort': (payload, { timeoutMs }) => {
      parseRequest(requests.nothing, payload);
      ports.requireServing();
      return ports.rolloutAbort(timeoutMs);
    },
    'rollout.change': (payload, { timeoutMs }) => {
      ports.requireServing();
      return ports.rolloutChange(parseRequest(rolloutRequests.change, payload), timeoutMs);
    },
  };
}
