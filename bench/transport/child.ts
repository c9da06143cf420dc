import { fork, type ChildProcess } from 'node:child_process';

/** Longest time that a step may take, its warm-up and the sessions it gathers included. */
const ANSWER_MS_MAX = 120_000;

/** A process of the bench that answers one request at a time. It ends with this process. */
export class Child {
  readonly #process: ChildProcess;

  constructor(url: URL, args: readonly string[]) {
    // What a transport prints must not end up between the lines of the result.
    this.#process = fork(url, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  }

  /** Sends a request and resolves with the answer; without a request, with what comes first. */
  ask(request?: object | string, answerMsMax = ANSWER_MS_MAX): Promise<unknown> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) {
      return Promise.reject(endedEarly(exitCode, signalCode));
    }
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#process.off('message', onMessage);
        this.#process.off('exit', onExit);
      };
      const onMessage = (message: unknown): void => {
        settle();
        if (isFailure(message)) reject(new Error(message.failure));
        else resolve((message as { result?: unknown }).result);
      };
      const onExit = (code: number | null, signal: string | null): void => {
        settle();
        reject(endedEarly(code, signal));
      };
      const timer = setTimeout(() => {
        settle();
        reject(new Error(`a process of the bench gave no answer in ${answerMsMax} ms`));
      }, answerMsMax);
      this.#process.on('message', onMessage);
      this.#process.on('exit', onExit);
      // What cannot be sent any more is told by its end.
      if (request !== undefined) this.#process.send(request, () => undefined);
    });
  }

  /** Ends the process at once, with SIGKILL. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  close(): void {
    if (this.#process.connected) this.#process.disconnect();
  }
}

function endedEarly(code: number | null, signal: string | null): Error {
  const how = signal === null ? `code ${code}` : signal;
  return new Error(`a process of the bench ended with ${how}`);
}

function isFailure(message: unknown): message is { failure: string } {
  return typeof message === 'object' && message !== null && 'failure' in message;
}

/** Answers the requests of the parent, one after another, until it disconnects. */
export function answerParent(answer: (request: unknown) => Promise<unknown>): void {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (request) => {
    answer(request).then(
      (result) => process.send?.({ result }),
      (error: unknown) => {
        process.send?.({ failure: error instanceof Error ? error.stack : String(error) });
      },
    );
  });
}
