import { spawn, type ChildProcess } from 'node:child_process';

interface Request {
  readonly id: number;
  readonly method: string;
  readonly params: unknown;
}

type Answer = { readonly id: number; readonly result?: unknown; readonly failure?: string };

/** A process in a network namespace that answers calls over the channel to its parent. */
export class Remote {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  /** Resolves with a sentence when the process has ended. */
  readonly ended: Promise<string>;
  #count = 0;

  constructor(namespace: string, script: string, args: readonly string[] = []) {
    const command = ['netns', 'exec', namespace, process.execPath, script, ...args];
    this.#process = spawn('ip', command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#process.on('message', (message) => {
      const answer = message as Answer;
      this.#waiting.get(answer.id)?.(answer);
    });
    this.ended = new Promise((resolve) => {
      this.#process.on('exit', (code, signal) => {
        const how = signal === null ? `with code ${code}` : `by ${signal}`;
        const failure = `the process in ${namespace} ended ${how}`;
        for (const [id, settle] of this.#waiting) settle({ id, failure });
        resolve(failure);
      });
    });
  }

  /** Rejects with what the method threw, when the process ends, or when the time is up. */
  call<Result>(method: string, params: unknown = {}, timeoutMs = 60_000): Promise<Result> {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => settle({ id, failure: `${method} gave no answer in ${timeoutMs} ms` }),
        timeoutMs,
      );
      const settle = (answer: Answer): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        if (answer.failure !== undefined) reject(new Error(answer.failure));
        else resolve(answer.result as Result);
      };
      this.#waiting.set(id, settle);
      this.#process.send({ id, method, params }, (error) => {
        if (error !== null) settle({ id, failure: error.message });
      });
    });
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

/** The other end: answers calls, many at once, until the parent is gone. */
export function serveParent(methods: Readonly<Record<string, (params: never) => unknown>>): void {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message) => {
    const { id, method, params } = message as Request;
    const run = async (): Promise<unknown> => {
      const found = Object.hasOwn(methods, method) ? methods[method] : undefined;
      if (found === undefined) throw new Error(`no method is named ${method}`);
      return await found(params as never);
    };
    run().then(
      (result) => process.send?.({ id, result }),
      (error: unknown) => {
        const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
        process.send?.({ id, failure });
      },
    );
  });
}
