/**
 * One listener for any number of calls that share a signal: a signal warns of a leak from its
 * eleventh listener on, and a node has hundreds of calls under the one signal that ends with it.
 */
const callbacksBySignal = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `callback` once when `signal` is aborted. */
export function onAbort(signal: AbortSignal, callback: () => void): void {
  let callbacks = callbacksBySignal.get(signal);
  if (callbacks === undefined) {
    const fresh = new Set<() => void>();
    callbacksBySignal.set(signal, fresh);
    signal.addEventListener('abort', () => run(fresh), { once: true });
    callbacks = fresh;
  }
  callbacks.add(callback);
}

/** Undoes `onAbort`. */
export function offAbort(signal: AbortSignal, callback: () => void): void {
  callbacksBySignal.get(signal)?.delete(callback);
}

function run(callbacks: Set<() => void>): void {
  const all = [...callbacks];
  callbacks.clear();
  for (const callback of all) callback();
}
