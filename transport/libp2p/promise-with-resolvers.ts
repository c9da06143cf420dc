/**
 * libp2p 3 calls `Promise.withResolvers` (ECMAScript 2024), which Node has from 22 on. Importing
 * this file first makes it run on Node 20 too.
 */
interface WithResolvers {
  withResolvers?: unknown;
}

(Promise as unknown as WithResolvers).withResolvers ??= function withResolvers(): unknown {
  let resolve: unknown;
  let reject: unknown;
  const promise = new Promise((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
};
