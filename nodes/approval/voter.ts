/**
 * Takes part in one chain: a validator of `nodes/bft` without an endpoint of its own. It is opened when
 * this node may vote for something, and not before: who has not approved is silent, as if it were down,
 * so that rounds do not pass while people look at a plan.
 */
import type { TimeoutConfig, ValidatorId } from '../../consensus/bft/index.js';
import { type WireMessage, encodeMessages } from '../../consensus/bft/index.js';
import type { Identity } from '../../transport/identity/index.js';
import { type Command, encodeBatch } from '../bft/batch.js';
import { CatchUp } from '../bft/catch-up.js';
import { SignatureChecker } from '../bft/checking.js';
import { readDecided } from '../bft/decided.js';
import { BftDriver } from '../bft/driver.js';
import { COMMANDS, Inbox, MESSAGES, payloadOf } from '../bft/inbox.js';
import { BEAT_MS, TIMEOUTS_DEFAULT } from '../bft/limits.js';
import { Mempool } from '../bft/mempool.js';
import { PeerGuard } from '../bft/peer-guard.js';
import { PendingChanges } from '../bft/pending-changes.js';
import { decisionsFrom } from '../bft/serving.js';
import { ChainSets } from '../bft/sets.js';
import { ValidatorStore } from '../bft/store.js';
import { ValueJudge } from '../bft/value-judge.js';
import { Witness } from '../bft/witness.js';
import type { ApprovalChain } from './chain.js';
import { encodeApproval } from './certificate.js';

/** What a voter needs of its node. */
export interface VoterPorts {
  /** Tells another member something, at most once. */
  tell(peer: ValidatorId, bytes: Uint8Array): void;
  /** Asks another member; rejects when it does not answer. */
  call(peer: ValidatorId, method: string, payload: unknown): Promise<unknown>;
  /** Whether this node votes for these bytes of a value. */
  isAllowed(data: Uint8Array): boolean;
  /** A disk failed: it votes no more. */
  onFailed(error: unknown): void;
  log(line: string): void;
}

/** How fast a voter goes; the defaults of `nodes/bft` for what is left out. */
export interface VoterPace {
  readonly timeoutsMs?: TimeoutConfig;
  readonly beatMs?: number;
}

export interface VoterOptions extends VoterPace {
  /** Of this chain alone. */
  readonly directory: string;
  readonly identity: Identity;
  readonly chain: ApprovalChain;
  readonly ports: VoterPorts;
}

/** See the head of this file. */
export class ApprovalVoter {
  readonly chain: ApprovalChain;
  readonly #ports: VoterPorts;
  readonly #store: ValidatorStore;
  readonly #others: readonly ValidatorId[];
  readonly #mempool = new Mempool();
  readonly #sets: ChainSets;
  readonly #checker: SignatureChecker;
  readonly #witness = new Witness();
  readonly #guard: PeerGuard;
  readonly #inbox: Inbox;
  readonly #catchUp: CatchUp;
  readonly #beat: NodeJS.Timeout;
  #driver!: BftDriver;
  /** What was approved, as it lies in the file of decisions. */
  #approved: Uint8Array | null = null;
  #certificate: Uint8Array | null = null;
  #isClosed = false;

  /** Throws `ValidatorError` and `StorageError`. */
  static async open(options: VoterOptions): Promise<ApprovalVoter> {
    const { directory, identity, chain } = options;
    const store = await ValidatorStore.open(directory, chain.digest, identity);
    const voter = new ApprovalVoter(options, store);
    try {
      await voter.#begin(options);
      return voter;
    } catch (error) {
      await voter.close();
      throw error;
    }
  }

  private constructor({ identity, chain, ports, beatMs }: VoterOptions, store: ValidatorStore) {
    this.chain = chain;
    this.#ports = ports;
    this.#store = store;
    this.#others = chain.validators.validators
      .map(({ id }) => id)
      .filter((id) => id !== identity.peerId);
    this.#guard = new PeerGuard((peer, fault) => {
      ports.log(`approval: ${peer} is not listened to for a while: ${fault}`);
    });
    this.#sets = new ChainSets(chain);
    this.#checker = new SignatureChecker(chain.digest, chain.keys);
    const parts = { guard: this.#guard, checker: this.#checker };
    this.#catchUp = new CatchUp(identity.peerId, this.#sets, parts, {
      call: (peer, method, payload) => ports.call(peer, method, payload),
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    });
    this.#inbox = new Inbox(this.#guard, this.#checker, this.#witness, {
      decided: () => this.#driver.decided,
      isValidatorOf: (_, id) => chain.validators.has(id),
      canAccuse: () => false,
      take: (message, value) => this.#driver.take(message, value),
      takeCommands: (commands) => {
        for (const command of commands) this.submit(command);
      },
      onEvidence: ({ culprit }) => ports.log(`approval: ${culprit} has voted twice`),
      onBehind: (peer) => this.#sayHeight(peer),
      onAhead: (peer, decided) => this.#hearHeight(peer, decided),
    });
    this.#beat = setInterval(() => this.#onBeat(), beatMs ?? BEAT_MS);
  }

  async #begin({ identity, ports, timeoutsMs }: VoterOptions): Promise<void> {
    const { decisions } = this.#store;
    for (let height = 1; height <= decisions.count; height += 1) {
      const { commands } = await readDecided(decisions, height);
      this.#sets.decide(commands);
      await this.#note(height, commands);
    }
    const [sets, checker, mempool] = [this.#sets, this.#checker, this.#mempool];
    const log = (line: string): void => ports.log(`approval: ${line}`);
    // After the decision nothing else can be decided: one chain approves one plan.
    const validate = (data: Uint8Array): boolean =>
      this.#approved === null && ports.isAllowed(data);
    this.#driver = await BftDriver.open(identity.peerId, sets, this.#store, {
      mempool,
      changes: new PendingChanges({ sets, checker, mempool, approve: noChange, reports: () => [] }),
      judge: new ValueJudge({ sets, checker, mempool, validate, approve: noChange, log }),
      timeoutsMs: timeoutsMs ?? TIMEOUTS_DEFAULT,
      validate,
      send: (messages) => this.#send(messages),
      fetch: (id, from) => this.#catchUp.fetch(id, from),
      onDecided: ({ proposal }, commands) => this.#note(proposal.height, commands),
      onEvidence: async ({ culprit }) => ports.log(`approval: ${culprit} has voted twice`),
      onBehind: (peer) => this.#sayHeight(peer),
      onFailed: (error) => ports.onFailed(error),
      log,
    });
    this.#driver.wake();
  }

  /**
   * What was approved, as it travels in an entry; null while nothing is, and while the keys of those who
   * signed it are not known again after a restart.
   */
  get certificate(): Uint8Array | null {
    if (this.#approved !== null) this.#certificate ??= encodeApproval(this.chain, this.#approved);
    return this.#certificate;
  }

  /** Takes a request that this node may vote for; others are passed over. */
  submit(command: Command): void {
    if (this.#isClosed || this.#approved !== null) return;
    if (command.kind !== 'application') return;
    const isDue = this.#mempool.isDue(command, this.#driver.decided + 1);
    if (!isDue || !this.#ports.isAllowed(command.data)) return;
    this.#mempool.add(command, '');
    this.#driver.wake();
  }

  /** Takes what another member told, whose identity is proven. */
  receive(peer: ValidatorId, bytes: Uint8Array): void {
    if (!this.#isClosed && this.#others.includes(peer)) this.#inbox.receive(peer, bytes);
  }

  /** Answers another member: bytes of a value by its name, or decisions from a height on. */
  async answer(
    peer: ValidatorId,
    method: string,
    payload: unknown,
  ): Promise<Uint8Array | Uint8Array[] | null> {
    if (method === 'bft.value') {
      return typeof payload === 'string' ? (this.#driver.value(payload) ?? null) : null;
    }
    if (typeof payload !== 'number' || !Number.isSafeInteger(payload) || payload < 1) return null;
    if (method === 'bft.height') {
      this.#hearHeight(peer, payload);
      return null;
    }
    return decisionsFrom(payload, this.#driver, this.#store.decisions);
  }

  /** Ends it; what was signed stays in its files. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#beat);
    const caughtUp = this.#catchUp.close();
    await (this.#driver as BftDriver | undefined)?.close();
    await caughtUp;
    await this.#store.close();
  }

  /** Keeps what is approved, and forgets what can be decided no more. */
  async #note(height: number, commands: readonly Command[]): Promise<void> {
    this.#mempool.decided(height, commands);
    if (commands.length === 0 || this.#approved !== null) return;
    this.#approved = await this.#store.decisions.read(height - 1);
  }

  #send(messages: readonly WireMessage[]): void {
    if (messages.length === 0) return;
    this.#tellAll(MESSAGES, encodeMessages(messages));
  }

  #tellAll(kind: number, bytes: Uint8Array): void {
    const payload = payloadOf(kind, bytes);
    for (const peer of this.#others) this.#ports.tell(peer, payload);
  }

  #sayHeight(peer: ValidatorId): void {
    const { decided } = this.#driver;
    if (decided > 0) this.#ports.call(peer, 'bft.height', decided).catch(() => undefined);
  }

  #hearHeight(peer: ValidatorId, decided: number): void {
    this.#catchUp.heard(peer, decided);
    this.#catchUp.run(this.#driver);
  }

  #onBeat(): void {
    if ((this.#driver as BftDriver | undefined) === undefined) return;
    this.#driver.resend();
    for (const peer of this.#others) this.#sayHeight(peer);
    // Who has nothing more to say still gives the keys away that others need to read what is decided.
    if (this.#approved !== null) this.#tellAll(MESSAGES, encodeMessages([]));
    const waiting = this.#mempool.of('');
    if (waiting.length > 0) this.#tellAll(COMMANDS, encodeBatch(waiting));
    this.#catchUp.run(this.#driver);
    this.#driver.wake();
  }
}

/** The members of a chain do not change. */
function noChange(): boolean {
  return false;
}
