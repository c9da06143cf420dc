import type { InterceptedCall, Interceptor } from './interceptors.js';
import { RpcError } from './rpc.js';

/**
 * Lets calls and notifications through by method and peer: true, or false, or the reason why not,
 * which the caller is told with the code `permission-denied`.
 */
export function authorization(
  isAllowed: (method: string, peerId: string, call: InterceptedCall) => boolean | string,
): Interceptor {
  return (call, next) => {
    const answer = isAllowed(call.method, call.peerId, call);
    if (answer === true) return next(call);
    if (typeof answer !== 'boolean' && typeof answer !== 'string') {
      throw new TypeError('authorization must be given true, false or a reason, and no promise');
    }
    const why = answer === false ? 'it is not allowed to this peer' : answer;
    throw new RpcError('permission-denied', `'${call.method}' is refused: ${why}`);
  };
}
