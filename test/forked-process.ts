/** Scripts in processes of their own that do what their parent says, method by method. */
import { type ChildProcess, fork } from 'node:child_process';

type Method = (...args: never[]) => Promise<unknown>;
type MethodsOf<Methods> = Readonly<Record<keyof Methods, Method>>;

interface Request {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

interface Answer {
  readonly id: number;
  readonly result: unknown;
  readonly error?: string;
}

/** The side of the parent: one process, running from the beginning. */
export class ForkedProcess<Methods extends MethodsOf<Methods>> {
  readonly #child: ChildProcess;
  readonly #calls = new Map<
    number,
    { resolve(value: unknown): void; reject(error: Error): void }
  >();
  readonly #ended: Promise<void>;
  #count = 0;

  /** `script`: the path of a module that calls `answerParent`. */
  constructor(script: string) {
    this.#child = fork(script, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child.on('message', ({ id, result, error }: Answer) => {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(error));
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => {
        for (const { reject } of this.#calls.values()) reject(new Error('the process ended'));
        this.#calls.clear();
        resolve();
      });
    });
  }

  call<Name extends keyof Methods & string>(
    method: Name,
    ...args: Parameters<Methods[Name]>
  ): Promise<Awaited<ReturnType<Methods[Name]>>> {
    const id = (this.#count += 1);
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.send({ id, method, args } satisfies Request);
    });
  }

  /** Ends the process at once, wherever it is. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

/** The side of the child: answers each call of the parent by the method that it names. */
export function answerParent<Methods extends MethodsOf<Methods>>(methods: Methods): void {
  process.on('message', ({ id, method, args }: Request) => {
    const run: Method = methods[method as keyof Methods];
    run(...(args as never[])).then(
      (result) => process.send?.({ id, result }),
      (error: unknown) => process.send?.({ id, error: String(error) }),
    );
  });
}
