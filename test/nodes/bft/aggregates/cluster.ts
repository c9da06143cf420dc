/** Validators in one process that aggregate their decisions, over links that lose and repeat messages. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ValidatorId,
  type WireMessage,
  decodeMessages,
  encodeMessages,
} from '../../../../consensus/bft/index.js';
import { openAggregates } from '../../../../nodes/bft/aggregates/aggregates.js';
import { type BlsKey, blsKeyOf } from '../../../../nodes/bft/aggregates/bls.js';
import { makeCommand } from '../../../../nodes/bft/batch.js';
import { CatchUp } from '../../../../nodes/bft/catch-up.js';
import { SignatureChecker } from '../../../../nodes/bft/checking.js';
import { BftDriver } from '../../../../nodes/bft/driver.js';
import { type Genesis, readGenesis } from '../../../../nodes/bft/genesis.js';
import { Inbox, MESSAGES, payloadOf } from '../../../../nodes/bft/inbox.js';
import { publicKeyOf } from '../../../../nodes/bft/index.js';
import { Mempool } from '../../../../nodes/bft/mempool.js';
import { PeerGuard } from '../../../../nodes/bft/peer-guard.js';
import { PendingChanges } from '../../../../nodes/bft/pending-changes.js';
import { decisionsFrom } from '../../../../nodes/bft/serving.js';
import { ChainSets } from '../../../../nodes/bft/sets.js';
import { ValidatorStore } from '../../../../nodes/bft/store.js';
import { ValueJudge } from '../../../../nodes/bft/value-judge.js';
import { Witness } from '../../../../nodes/bft/witness.js';
import { RandomStream } from '../../../../sim/world/random.js';
import { type Identity, createIdentity } from '../../../../transport/identity/index.js';
import { MemoryDisk } from '../../storage/memory-disk.js';

const BEAT_MS = 300;
const LATE_MS_MAX = 5;

/** What a faulty one sends in place of a message that it would send. */
export type Change = (message: WireMessage) => WireMessage;

/** One of them, which can be stopped and started. */
export class Member {
  readonly id: ValidatorId;
  readonly guard = new PeerGuard(() => {});
  readonly #disk = new MemoryDisk();
  readonly #directory = mkdtempSync(join(tmpdir(), 'bft-aggregates-'));
  /** The commands of each height. */
  readonly applied: string[][] = [];
  #driver: BftDriver | null = null;
  #store: ValidatorStore | null = null;
  #inbox!: Inbox;
  #catchUp!: CatchUp;
  #mempool = new Mempool();
  #beat: NodeJS.Timeout | undefined;

  constructor(
    readonly cluster: Cluster,
    readonly identity: Identity,
    readonly bls: BlsKey,
    readonly change: Change | null,
  ) {
    this.id = identity.peerId;
  }

  get height(): number {
    return this.applied.length;
  }

  async start(): Promise<void> {
    const { cluster, id, guard } = this;
    const chain = readGenesis(cluster.genesis);
    const store = await ValidatorStore.open(
      this.#directory,
      chain.digest,
      this.identity,
      this.#disk,
    );
    const sets = new ChainSets(chain);
    const mempool = new Mempool();
    for (let at = 0; at < store.decisions.count; at += 1) sets.decide([]);
    const checker = new SignatureChecker(chain.digest, sets);
    const around = { chain, sets, guard, checker, mempool };
    const aggregates = openAggregates(this, {
      ...around,
      take: (vote) => this.#driver?.take({ type: 'vote', vote }),
    });
    const fail = (error: unknown): void => void cluster.failures.push(error);
    this.#catchUp = new CatchUp(id, sets, around, {
      call: (peer, method, payload) => cluster.call(id, peer, method, payload),
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      onFailed: fail,
    });
    this.#inbox = new Inbox(guard, checker, new Witness(), {
      decided: () => this.#driver?.decided ?? 0,
      isValidatorOf: (height, peer) => sets.at(height).has(peer),
      canAccuse: () => false,
      take: (message, value) => this.#driver?.take(message, value),
      ...aggregates?.inbox,
      takeCommands: () => {},
      onEvidence: () => {},
      onBehind: () => {},
      onAhead: (peer, decided) => this.#catchUp.heard(peer, decided),
    });
    const approve = (): boolean => true;
    const { timeoutMs: ms } = cluster.options;
    this.#mempool = mempool;
    this.#store = store;
    this.#driver = await BftDriver.open(id, sets, store, {
      mempool,
      changes: new PendingChanges({ ...around, approve, reports: () => [] }),
      judge: new ValueJudge({ ...around, validate: () => true, approve, log: () => {} }),
      timeoutsMs: { propose: ms, prevote: ms / 2, precommit: ms / 2, growth: ms / 2 },
      validate: () => true,
      send: (messages) => this.#send(messages),
      fetch: (value, from) => this.#catchUp.fetch(value, from),
      ...aggregates?.driver,
      onDecided: async ({ proposal }, commands) => {
        mempool.decided(proposal.height, commands);
        this.applied[proposal.height - 1] = commands.map(({ data }) =>
          Buffer.from(data).toString(),
        );
      },
      onEvidence: async () => {},
      onBehind: () => {},
      onFailed: fail,
      log: () => {},
    });
    this.#beat = setInterval(() => this.#onBeat(), BEAT_MS);
    this.#driver.wake();
  }

  /** As if the process had ended: nothing is sent or written any more. */
  async stop(): Promise<void> {
    clearInterval(this.#beat);
    const [driver, store] = [this.#driver, this.#store];
    this.#driver = null;
    this.#store = null;
    const caughtUp = this.#catchUp.close();
    await driver?.close();
    await caughtUp;
    await store?.close();
  }

  submit(text: string): void {
    this.#mempool.add(makeCommand(Buffer.from(text), this.height + 100), this.id);
    this.#driver?.wake();
  }

  receive(from: ValidatorId, bytes: Uint8Array): void {
    if (this.#driver !== null) this.#inbox.receive(from, bytes);
  }

  async answer(method: string, payload: unknown): Promise<unknown> {
    const [driver, store] = [this.#driver, this.#store];
    if (driver === null || store === null) throw new Error('it is stopped');
    if (method === 'bft.value') return driver.value(payload as string) ?? null;
    // With its own share, which is right, a faulty one may decide alone; it tells nobody.
    if (this.change !== null) return [];
    return decisionsFrom(payload as number, driver, store.decisions);
  }

  /** The envelope of a decision. */
  async decision(height: number): Promise<Uint8Array> {
    return this.#store!.decisions.read(height - 1);
  }

  #send(messages: readonly WireMessage[]): void {
    if (messages.length === 0) return;
    const sent = this.change === null ? messages : messages.map(this.change);
    this.cluster.tell(this.id, payloadOf(MESSAGES, encodeMessages(sent)));
  }

  #onBeat(): void {
    if (this.#driver === null) return;
    this.#driver.resend();
    for (const { id, height } of this.cluster.members) this.#catchUp.heard(id, height);
    this.#catchUp.run(this.#driver);
    this.#driver.wake();
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** See the head of this file. */
export class Cluster {
  readonly genesis: Genesis;
  readonly members: readonly Member[];
  readonly failures: unknown[] = [];
  /** Types of the messages that were sent. */
  readonly seen = new Set<string>();
  readonly #random: RandomStream;

  /** The first ones are faulty, and do what is said. */
  constructor(
    count: number,
    readonly options: {
      readonly seed: number;
      readonly lost: number;
      readonly timeoutMs: number;
      readonly faulty?: readonly ((bls: BlsKey, self: ValidatorId) => Change)[];
    },
  ) {
    this.#random = new RandomStream(options.seed, 'links');
    const identities = Array.from({ length: count }, () => createIdentity());
    const keys = identities.map((_, at) => blsKeyOf(new Uint8Array(32).fill(at + 1)));
    this.genesis = {
      chainId: 'cluster',
      aggregates: 'bls',
      validators: identities.map((identity, at) => {
        const publicKey = publicKeyOf(identity);
        const address = { host: '127.0.0.1', port: at + 1 };
        return { publicKey, weight: 1, address, bls: keys[at]!.prove(identity) };
      }),
    };
    this.members = identities.map((identity, at) => {
      const faulty = options.faulty?.[at]?.(keys[at]!, identity.peerId);
      return new Member(this, identity, keys[at]!, faulty ?? null);
    });
  }

  get correct(): readonly Member[] {
    return this.members.filter(({ change }) => change === null);
  }

  async start(): Promise<void> {
    for (const each of this.members) await each.start();
  }

  tell(from: ValidatorId, bytes: Uint8Array): void {
    for (const { type } of decodeMessages(bytes.subarray(1))) this.seen.add(type);
    for (const member of this.members) {
      if (member.id === from || this.#random.chance(this.options.lost)) continue;
      const times = this.#random.chance(this.options.lost) ? 2 : 1;
      for (let time = 0; time < times; time += 1) {
        const lateMs = this.#random.fraction() * LATE_MS_MAX;
        setTimeout(() => member.receive(from, bytes), lateMs).unref();
      }
    }
  }

  async call(
    _: ValidatorId,
    peer: ValidatorId,
    method: string,
    payload: unknown,
  ): Promise<unknown> {
    return this.members.find(({ id }) => id === peer)?.answer(method, payload) ?? null;
  }

  async end(): Promise<void> {
    for (const each of this.members) {
      await each.stop();
      each.remove();
    }
  }
}
