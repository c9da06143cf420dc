interface Waiter<T> {
  resolve(result: IteratorResult<T>): void;
  reject(error: Error): void;
}

/** Messages that are pushed, for whoever iterates. Whoever pushes bounds how many wait. */
export class PushSource<T> implements AsyncIterableIterator<T> {
  #messages: T[] = [];
  #waiter: Waiter<T> | undefined;
  #isEnded = false;
  /** What the reader is told after the last message. */
  #error: Error | undefined;
  readonly #onReturn: () => void;

  /** `onReturn` is called when the reader wants no more. */
  constructor(onReturn: () => void = () => undefined) {
    this.#onReturn = onReturn;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Messages that wait. */
  get size(): number {
    return this.#messages.length;
  }

  /** Dropped after the end. */
  push(message: T): void {
    if (this.#isEnded) return;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter === undefined) this.#messages.push(message);
    else waiter.resolve({ done: false, value: message });
  }

  /** No more follow what was pushed, but an error if one is given. */
  end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (waiter === undefined) this.#error = error;
    else if (error === undefined) waiter.resolve({ done: true, value: undefined });
    else waiter.reject(error);
  }

  next(): Promise<IteratorResult<T>> {
    const message = this.#messages.shift();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) return Promise.reject(error);
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.#messages = [];
    this.end();
    this.#onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }
}
