/** Validators as processes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../examples/rolling-migration/ports.js';
import { publicKeyOf } from '../../../nodes/bft/index.js';
import { createIdentity, identityFromPrivateKey } from '../../../transport/identity/index.js';
import { ForkedProcess } from '../../forked-process.js';
import { type PlainGenesis, makePlainGenesis } from './plain-genesis.js';
import type { Methods } from './validator-process.js';

const SCRIPT = fileURLToPath(new URL('validator-process.js', import.meta.url));

/** A validator with the same identity, directory and port each time it is started. */
export class ValidatorProcess {
  #process: ForkedProcess<Methods> | undefined;

  constructor(
    readonly id: string,
    readonly directory: string,
    readonly equivocates: boolean,
    private readonly privateKeyPem: string,
    private readonly genesis: PlainGenesis,
    /** Of one that joins later, and is not in the genesis. */
    readonly listen?: { readonly host: string; readonly port: number },
  ) {}

  async start(): Promise<void> {
    this.#process = new ForkedProcess(SCRIPT);
    const { directory, privateKeyPem, genesis, equivocates, listen } = this;
    await this.call('start', { directory, privateKeyPem, genesis, equivocates, listen });
  }

  call<Name extends keyof Methods>(
    method: Name,
    ...args: Parameters<Methods[Name]>
  ): Promise<Awaited<ReturnType<Methods[Name]>>> {
    if (this.#process === undefined) throw new Error('start comes first');
    return this.#process.call(method, ...args);
  }

  /** Hexadecimal. */
  get publicKey(): string {
    return Buffer.from(publicKeyOf(identityFromPrivateKey(this.privateKeyPem))).toString('hex');
  }

  /** Ends the process at once, wherever it is. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }
}

/**
 * Validators of one chain that are not started, of which the first `liars` equivocate. With one more to
 * join, the chain may change its validators.
 */
export class ValidatorProcesses {
  private constructor(
    readonly all: readonly ValidatorProcess[],
    private readonly root: string,
    readonly joiner: ValidatorProcess | undefined,
  ) {}

  static async make(count: number, liars: number, joins = false): Promise<ValidatorProcesses> {
    const root = mkdtempSync(join(tmpdir(), 'bft-'));
    const ports: number[] = [];
    while (ports.length < count) ports.push(await freePort());
    const made = makePlainGenesis('test', ports);
    const { identities } = made;
    const genesis = joins ? { ...made.genesis, changesFrom: 1 } : made.genesis;
    const all = identities.map(({ peerId, privateKeyPem }, at) => {
      const directory = join(root, String(at));
      return new ValidatorProcess(peerId, directory, at < liars, privateKeyPem, genesis);
    });
    if (!joins) return new ValidatorProcesses(all, root, undefined);
    const { peerId, privateKeyPem } = createIdentity();
    const listen = { host: '127.0.0.1', port: await freePort() };
    const directory = join(root, 'joiner');
    const joiner = new ValidatorProcess(peerId, directory, false, privateKeyPem, genesis, listen);
    return new ValidatorProcesses(all, root, joiner);
  }

  get correct(): readonly ValidatorProcess[] {
    return this.all.filter(({ equivocates }) => !equivocates);
  }

  async end(): Promise<void> {
    await Promise.all([...this.all, this.joiner].map((each) => each?.kill()));
    rmSync(this.root, { recursive: true, force: true });
  }
}
