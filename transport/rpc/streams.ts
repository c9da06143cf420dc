/** Any iterable as an iterator of its own kind. */
export function iterated(source: AsyncIterable<unknown>): AsyncIterableIterator<unknown> {
  const iterator = source[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => iterator.next(),
    return: async () =>
      iterator.return === undefined ? { done: true, value: undefined } : iterator.return(),
  };
}

/** An answer that failed before it began: its first message is the error. */
export function fromError(error: unknown): AsyncIterableIterator<unknown> {
  let isTold = false;
  const end: IteratorResult<unknown> = { done: true, value: undefined };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (isTold) return end;
      isTold = true;
      throw error;
    },
    async return() {
      isTold = true;
      return end;
    },
  };
}
