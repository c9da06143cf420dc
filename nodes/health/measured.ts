/** Handlers of clients' requests, each of which the meter sees. */
import { RpcError } from '../../transport/rpc/rpc.js';
import type { CallContext, Handler, Handlers } from '../../transport/rpc/rpc.js';
import type { NodeErrorCode } from '../errors.js';
import { PATIENCE_MS_MIN } from './limits.js';
import type { Outcome, RequestMeter } from './request-meter.js';

/** Methods that ask the node for its memories: what users came for. */
const MEASURED = 'memory.';

/** Refusals whose cause lies in the node itself; any other tells the caller of a mistake of his own. */
const OWN_REASONS: ReadonlySet<string> = new Set<NodeErrorCode>([
  'directory',
  'disk-full',
  'malformed',
  'newer-version',
]);

/** The same handlers; what they answer and throw is passed on as it is. */
export function measured(handlers: Handlers, meter: RequestMeter): Handlers {
  const entries = Object.entries(handlers).map(([method, handler]) => {
    return [method, method.startsWith(MEASURED) ? measuring(handler, meter) : handler] as const;
  });
  return Object.fromEntries(entries);
}

function measuring(handler: Handler, meter: RequestMeter): Handler {
  return async (payload, context) => {
    const flight = meter.begin(context.timeoutMs);
    try {
      const answer = await handler(payload, context);
      meter.end(flight, 'answered');
      return answer;
    } catch (error) {
      meter.end(flight, outcomeOf(error, context));
      throw error;
    }
  };
}

/**
 * Whom a failed request blames. A node that has not caught up, that stops, or that knows no leader says so,
 * and the client asks another one: whether the node serves is told apart from its requests.
 */
export function outcomeOf(
  error: unknown,
  { signal, timeoutMs }: Pick<CallContext, 'signal' | 'timeoutMs'>,
): Outcome {
  const cause: unknown = signal.aborted ? signal.reason : error;
  if (!(cause instanceof RpcError)) return signal.aborted ? 'void' : 'fault';
  switch (cause.code) {
    case 'internal':
    case 'overloaded':
      return 'fault';
    case 'deadline-exceeded':
      return timeoutMs < PATIENCE_MS_MIN ? 'void' : 'fault';
    case 'unavailable':
    case 'cancelled':
      return 'void';
    case 'refused':
      if (OWN_REASONS.has(cause.reason ?? '')) return 'fault';
      return SWARM_REASONS.has(cause.reason ?? '') ? 'void' : 'answered';
    case 'unauthenticated':
    case 'permission-denied':
    case 'unknown-method':
    case 'malformed':
    case 'too-early':
      return 'answered';
  }
}

/** The swarm has no leader, or another one than a moment ago; or the node stops. */
const SWARM_REASONS: ReadonlySet<string> = new Set([
  'no-leader',
  'not-leader',
  'leader-changed',
  'stopping',
  'stopped',
]);
