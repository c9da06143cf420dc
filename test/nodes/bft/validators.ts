/** Validators as processes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../examples/rolling-migration/ports.js';
import { type Genesis, publicKeyOf } from '../../../nodes/bft/index.js';
import { createIdentity, identityFromPrivateKey } from '../../../transport/identity/index.js';
import { ForkedProcess } from '../../forked-process.js';
import {
  type PlainBlsKey,
  type PlainGenesis,
  makePlainGenesis,
  plainBlsKey,
  readPlainGenesis,
} from './plain-genesis.js';
import type { Methods } from './validator-process.js';
import type { Misdeed } from './misdeeds.js';

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
    /** What one that is faulty does; it equivocates when left out. */
    private readonly misdeed?: Misdeed,
    /** Where its key of shares is. */
    private readonly bls?: string,
  ) {}

  async start(): Promise<void> {
    this.#process = new ForkedProcess(SCRIPT);
    const { directory, privateKeyPem, genesis, equivocates, listen, misdeed, bls } = this;
    const how = { equivocates, listen, misdeed, bls };
    await this.call('start', { directory, privateKeyPem, genesis, ...how });
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

  /** The key of its shares, with its proof. */
  get blsKey(): Promise<PlainBlsKey> {
    if (this.bls === undefined) throw new Error('it has none');
    return plainBlsKey(this.bls, { privateKeyPem: this.privateKeyPem });
  }

  /** Ends the process at once, wherever it is. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }
}

/** What the genesis has besides, and what the liars do. */
interface MakeOptions {
  readonly partsFrom?: number;
  readonly aggregates?: 'bls';
  readonly misdeed?: Misdeed;
}

/**
 * Validators of one chain that are not started, of which the first `liars` equivocate, or do something
 * else. With one more to join, the chain may change its validators.
 */
export class ValidatorProcesses {
  private constructor(
    readonly all: readonly ValidatorProcess[],
    private readonly root: string,
    readonly joiner: ValidatorProcess | undefined,
    readonly genesis: Genesis,
  ) {}

  static async make(
    count: number,
    liars: number,
    joins = false,
    { misdeed, ...more }: MakeOptions = {},
  ): Promise<ValidatorProcesses> {
    const root = mkdtempSync(join(tmpdir(), 'bft-'));
    const ports: number[] = [];
    while (ports.length < count) ports.push(await freePort());
    const made = makePlainGenesis('test', ports);
    const { identities } = made;
    const changes = joins ? { changesFrom: 1 } : {};
    const blsOf = (at: number): string | undefined =>
      more.aggregates === undefined ? undefined : join(root, `bls-${at}`);
    const named = made.genesis.validators.map(async (each, at) => {
      const path = blsOf(at);
      return path === undefined ? each : { ...each, bls: await plainBlsKey(path, identities[at]!) };
    });
    const validators = await Promise.all(named);
    const genesis = { ...made.genesis, ...changes, ...more, validators };
    const read = readPlainGenesis(genesis);
    const all = identities.map(({ peerId, privateKeyPem }, at) => {
      const directory = join(root, String(at));
      const lies = at < liars;
      const options = [peerId, directory, lies, privateKeyPem, genesis] as const;
      return new ValidatorProcess(...options, undefined, lies ? misdeed : undefined, blsOf(at));
    });
    if (!joins) return new ValidatorProcesses(all, root, undefined, read);
    const { peerId, privateKeyPem } = createIdentity();
    const listen = { host: '127.0.0.1', port: await freePort() };
    const directory = join(root, 'joiner');
    const options = [peerId, directory, false, privateKeyPem, genesis, listen] as const;
    const joiner = new ValidatorProcess(...options, undefined, blsOf(count));
    return new ValidatorProcesses(all, root, joiner, read);
  }

  get correct(): readonly ValidatorProcess[] {
    return this.all.filter(({ equivocates }) => !equivocates);
  }

  async end(): Promise<void> {
    await Promise.all([...this.all, this.joiner].map((each) => each?.kill()));
    rmSync(this.root, { recursive: true, force: true });
  }
}
