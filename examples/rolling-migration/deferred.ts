/** A promise with its ends in the hand (`Promise.withResolvers`, which Node 20 lacks). */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** A promise that some may wait for and nobody must: its rejection alone ends no process. */
export function deferredFailure(): Deferred<never> {
  const failure = deferred<never>();
  failure.promise.catch(() => undefined);
  return failure;
}
