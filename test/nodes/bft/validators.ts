/** Validators as processes, for tests and for the bench. */
import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publicKeyOf } from '../../../nodes/bft/index.js';
import { createIdentity } from '../../../transport/identity/index.js';
import type { Methods, PlainGenesis } from './validator-process.js';

const SCRIPT = fileURLToPath(new URL('validator-process.js', import.meta.url));

/** A UDP port that nobody has. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

/** A validator with the same identity, directory and port each time it is started. */
export class ValidatorProcess {
  readonly #calls = new Map<
    number,
    { resolve(value: unknown): void; reject(error: Error): void }
  >();
  #child: ChildProcess | null = null;
  #count = 0;

  constructor(
    readonly id: string,
    readonly directory: string,
    readonly equivocates: boolean,
    private readonly privateKeyPem: string,
    private readonly genesis: PlainGenesis,
  ) {}

  async start(): Promise<void> {
    const child = fork(SCRIPT, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child = child;
    child.on(
      'message',
      ({ id, result, error }: { id: number; result: unknown; error?: string }) => {
        const call = this.#calls.get(id);
        this.#calls.delete(id);
        if (error === undefined) call?.resolve(result);
        else call?.reject(new Error(error));
      },
    );
    child.once('exit', () => {
      for (const { reject } of this.#calls.values()) reject(new Error('the process ended'));
      this.#calls.clear();
    });
    const { directory, privateKeyPem, genesis, equivocates } = this;
    await this.call('start', { directory, privateKeyPem, genesis, equivocates });
  }

  call<Name extends keyof Methods>(
    method: Name,
    ...args: Parameters<Methods[Name]>
  ): Promise<Awaited<ReturnType<Methods[Name]>>> {
    const id = (this.#count += 1);
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child?.send({ id, method, args });
    });
  }

  /** Ends the process at once, wherever it is. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

/** Validators of one chain that are not started, of which the first `liars` equivocate. */
export class ValidatorProcesses {
  private constructor(
    readonly all: readonly ValidatorProcess[],
    private readonly root: string,
  ) {}

  static async make(count: number, liars: number): Promise<ValidatorProcesses> {
    const root = mkdtempSync(join(tmpdir(), 'bft-'));
    const identities = Array.from({ length: count }, () => createIdentity());
    const validators: PlainGenesis['validators'][number][] = [];
    for (const identity of identities) {
      const publicKey = Buffer.from(publicKeyOf(identity)).toString('hex');
      const address = { host: '127.0.0.1', port: await freePort() };
      validators.push({ publicKey, weight: 1, address });
    }
    const genesis = { chainId: 'test', validators };
    const all = identities.map(({ peerId, privateKeyPem }, at) => {
      const directory = join(root, String(at));
      return new ValidatorProcess(peerId, directory, at < liars, privateKeyPem, genesis);
    });
    return new ValidatorProcesses(all, root);
  }

  get correct(): readonly ValidatorProcess[] {
    return this.all.filter(({ equivocates }) => !equivocates);
  }

  async end(): Promise<void> {
    await Promise.all(this.all.map((each) => each.kill()));
    rmSync(this.root, { recursive: true, force: true });
  }
}
