/** One validator as a process has it: the core with disk, keys and network. */
import type { Decision, ValidatorId, WireMessage } from '../../consensus/bft/index.js';
import { encodeMessages } from '../../consensus/bft/index.js';
import type { PeerEndpoint } from '../../transport/rpc/rpc.js';
import { type Aggregates, type AggregatesPorts, openAggregates } from './aggregates/aggregates.js';
import { type Command, encodeBatch, makeCommand } from './batch.js';
import { CatchUp } from './catch-up.js';
import { type ProposedChange, type ValidatorChange, encodeChange } from './change.js';
import { SignatureChecker } from './checking.js';
import { type Checkpointing, openCheckpointing } from './checkpointing.js';
import { Culprits } from './culprits.js';
import { decidedOf } from './decided.js';
import { BftDriver } from './driver.js';
import { ValidatorError, closed } from './error.js';
import { ForkWatch, forked } from './fork-watch.js';
import type { Chain } from './genesis.js';
import { Heights } from './heights.js';
import type { ForkReport } from './investigation.js';
import { inquire } from './inquiry.js';
import { COMMANDS, Inbox, MESSAGES, WITNESSED } from './inbox.js';
import { BEAT_MS, COMMAND_HEIGHTS_MAX, JUSTIFY_MS, TIMEOUTS_DEFAULT } from './limits.js';
import { Mempool } from './mempool.js';
import { LargeValues } from './large-values.js';
import type {
  EvidenceReport,
  Place,
  ShownCheckpoint,
  ValidatorOptions,
  ValidatorStatus,
} from './options.js';
import { PeerGuard } from './peer-guard.js';
import { Peers } from './peers.js';
import { PendingChanges } from './pending-changes.js';
import { replay } from './replay.js';
import { listenForPeers } from './serving.js';
import { ChainSets, type Member } from './sets.js';
import { ValidatorStore } from './store.js';
import { limitsAt } from './value-limits.js';
import { ValueJudge } from './value-judge.js';
import { Waiters } from './waiters.js';
import { Witness } from './witness.js';

/** Made by `openValidator`. */
export class Validator {
  readonly id: ValidatorId;
  readonly #options: ValidatorOptions;
  readonly #chain: Chain;
  readonly #store: ValidatorStore;
  readonly #sets: ChainSets;
  readonly #checker: SignatureChecker;
  readonly #peers: Peers;
  readonly #mempool = new Mempool();
  readonly #culprits: Culprits;
  readonly #changes: PendingChanges;
  readonly #guard: PeerGuard;
  readonly #catchUp: CatchUp;
  readonly #forks: ForkWatch;
  readonly #checkpointing: Checkpointing | null;
  readonly #aggregates: Aggregates | null;
  readonly #inbox: Inbox;
  readonly #witness = new Witness();
  readonly #waiters = new Waiters();
  readonly #heights: Heights;
  readonly #large: LargeValues;
  #beats = 0;
  #driver!: BftDriver;
  #endpoint: PeerEndpoint | null = null;
  #beat: NodeJS.Timeout | undefined;
  #failure: ValidatorError | null = null;
  #closing: Promise<void> | null = null;

  /** Called by `openValidator`. */
  constructor(options: ValidatorOptions, chain: Chain, store: ValidatorStore) {
    this.id = options.identity.peerId;
    this.#options = options;
    this.#chain = chain;
    this.#store = store;
    this.#sets = new ChainSets(chain);
    this.#peers = new Peers(this.id, this.#sets, (peer) => this.#greet(peer));
    this.#guard = new PeerGuard((peer, fault) => {
      this.#log(`validator ${peer} is cut off for a while: ${fault}`);
      this.#peers.end(peer, 'cut off for a while');
    });
    const log = (line: string): void => this.#log(line);
    this.#checker = new SignatureChecker(chain.digest, this.#sets);
    const parts = { guard: this.#guard, checker: this.#checker };
    const call = (peer: ValidatorId, method: string, payload: unknown): Promise<unknown> =>
      this.#peers.call(peer, method, payload);
    this.#heights = new Heights({
      call,
      decided: () => this.#driver.decided,
      heard: (peer, decided) => this.#hearHeight(peer, decided),
    });
    this.#forks = new ForkWatch(this.#guard, {
      call,
      investigate: (other) => this.investigate(other),
      others: () => this.#peers.others,
      own: (height) => store.decisions.read(height - 1),
      onFork: (report) => this.#onFork(report),
      log,
    });
    this.#catchUp = new CatchUp(this.id, this.#sets, parts, {
      call,
      agrees: (peer) => this.#forks.compare(peer),
      onFailed: (error) => this.#fail(error),
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      collect: (id) => this.#large.collect(id),
      leap: async (others) => this.#checkpointing?.sync(others, this.#driver),
    });
    const [sets, mempool] = [this.#sets, this.#mempool];
    const around = { chain, store, sets, mempool, peers: this.#peers, guard: this.#guard };
    const onFailed = (error: unknown): void => this.#fail(error);
    const waiters = this.#waiters;
    this.#checkpointing = openCheckpointing(options, { ...around, waiters, onFailed, log });
    const take: AggregatesPorts['take'] = (vote) => this.#driver.take({ type: 'vote', vote });
    this.#aggregates = openAggregates(options, { ...around, ...parts, take });
    this.#large = new LargeValues(this.id, {
      ...around,
      value: (id) => this.#driver.value(id),
      takeCommands: (commands, from) => this.#takeCommands(commands, from),
      wake: () => this.#driver.wake(),
    });
    const [self, checker, peers] = [this.id, this.#checker, this.#peers];
    this.#culprits = new Culprits(options, { self, sets, checker, peers, store, onFailed, log });
    const culprits = this.#culprits;
    this.#changes = new PendingChanges({
      sets,
      checker,
      mempool,
      approve: (change) => culprits.approves(change),
      reports: () => culprits.reports,
      amnesiacs: () => culprits.amnesiacs,
    });
    this.#inbox = this.#openInbox();
  }

  #openInbox(): Inbox {
    return new Inbox(this.#guard, this.#checker, this.#witness, {
      decided: () => this.#driver.decided,
      isValidatorOf: (height, id) => this.#sets.at(height).has(id),
      canAccuse: (id, height) => this.#sets.canAccuse(id, height),
      take: (message, value) => {
        if (this.#large.admits(message)) this.#driver.take(message, value);
      },
      ...this.#large.inbox,
      ...this.#aggregates?.inbox,
      takeCommands: (commands, from) => this.#takeCommands(commands, from),
      onEvidence: (evidence) => {
        this.#culprits.keep(evidence).catch((error: unknown) => this.#fail(error));
      },
      onAmnesia: (amnesia) => this.#culprits.suspect(amnesia),
      takeCheckpoint: this.#checkpointing?.take.bind(this.#checkpointing),
      onBehind: (peer) => this.#heights.say(peer),
      onAhead: (peer, decided) => this.#hearHeight(peer, decided),
    });
  }

  /** Called by `openValidator`. */
  async start(): Promise<void> {
    await this.#culprits.load();
    const validate = (command: Uint8Array): boolean => this.#isValid(command);
    const log = (line: string): void => this.#log(line);
    const approve = (change: ProposedChange): boolean => this.#culprits.approves(change);
    const [store, sets, mempool, checker] = [this.#store, this.#sets, this.#mempool, this.#checker];
    const judge = new ValueJudge({ sets, checker, mempool, validate, approve, log });
    this.#driver = await BftDriver.open(this.id, sets, store, {
      mempool,
      changes: this.#changes,
      judge,
      timeoutsMs: this.#options.timeoutsMs ?? TIMEOUTS_DEFAULT,
      validate,
      send: (messages) => this.#send(messages),
      fetch: (id, from, round) =>
        this.#large.fetch(id, from, round) ?? this.#catchUp.fetch(id, from),
      ...this.#large.driver,
      ...this.#aggregates?.driver,
      onDecided: (decision, commands, changes) => this.#apply(decision, commands, changes),
      onEvidence: (evidence) => this.#culprits.keep(evidence),
      onBehind: (peer) => this.#heights.say(peer),
      onFailed: (error) => this.#fail(error),
      log,
    });
    const checkpointing = this.#checkpointing;
    const forks = this.#forks;
    await replay({ options: this.#options, store, sets, mempool, forks, checkpointing });
    this.#aggregates?.checkKey();
    this.#culprits.decided(sets.decided);
    this.#peers.update();
    this.#endpoint = await this.#listen();
    this.#peers.open(this.#endpoint);
    this.#beat = setInterval(() => this.#onBeat(), BEAT_MS);
    this.#driver.wake();
  }

  /** The last height that is decided here. */
  get height(): number {
    return this.#driver.decided;
  }

  /**
   * Has a command decided. Resolves when that is durable and applied here.
   * Rejects with `ValidatorError`: `bad-command`, `overloaded`, `expired`, `no-validator`, `closed`,
   * `failed`.
   */
  submit(data: Uint8Array): Promise<Place> {
    const refusal = this.#refusal();
    if (refusal !== null) return Promise.reject(refusal);
    const { commandBytesMax } = limitsAt(this.#driver.decided + 1, this.#chain.partsFrom);
    if (data.length === 0 || data.length > commandBytesMax || !this.#isValid(data)) {
      const what = `of ${data.length} bytes is refused: by validate, or it is not 1 to`;
      const message = `the command ${what} ${commandBytesMax} bytes long`;
      return Promise.reject(new ValidatorError('bad-command', message));
    }
    // Others may be some heights behind or ahead when it reaches them.
    const command = makeCommand(data, this.#driver.decided + COMMAND_HEIGHTS_MAX / 2);
    return this.#submit(command, this.#mempool.add(command, this.id));
  }

  /**
   * Has a change of a validator decided: one is added, has another weight or address, or is removed.
   * Resolves with the height from which on it counts. Others vote for it as their operators say; it
   * waits for 128 heights at most. Rejects with `ValidatorError`: `bad-change`, `not-approved`, and
   * as `submit`.
   */
  async changeValidator(change: ValidatorChange): Promise<number> {
    const refusal = this.#refusal();
    if (refusal !== null) throw refusal;
    const lastHeight = this.#driver.decided + COMMAND_HEIGHTS_MAX / 2;
    const command = makeCommand(encodeChange(change), lastHeight, 'change');
    const wrong = this.#sets.refusal([command], this.#checker);
    if (wrong !== null) throw new ValidatorError('bad-change', wrong);
    if (!this.#sets.changesIn([command]).every((each) => this.#culprits.approves(each))) {
      throw new ValidatorError('not-approved', 'approveChange of this validator refuses it');
    }
    return (await this.#submit(command, this.#changes.add(command, this.id))).height + 2;
  }

  /** The validators as all that is decided here makes them. */
  validators(): readonly Member[] {
    return this.#sets.members;
  }

  #submit(command: Command, isTaken: boolean): Promise<Place> {
    if (!isTaken) {
      const why = `${this.#mempool.size} commands wait; try again when some are decided`;
      return Promise.reject(new ValidatorError('overloaded', why));
    }
    this.#large.forwarding.add(command);
    return this.#waiters.wait(command);
  }

  /** Why nothing can be submitted here, null if it can. */
  #refusal(): ValidatorError | null {
    if (this.#failure !== null) return this.#failure;
    if (this.#closing !== null) return closed();
    if (this.#sets.coming.has(this.id)) return null;
    const height = this.#driver.decided + 2;
    const message = `${this.id} is no validator of height ${height}: submit to one that is`;
    return new ValidatorError('no-validator', message);
  }

  /** Proofs against validators that are kept here. */
  evidence(): readonly EvidenceReport[] {
    return this.#culprits.reports;
  }

  status(): ValidatorStatus {
    return {
      id: this.id,
      height: this.#driver.decided,
      weight: this.#sets.at(this.#driver.decided + 1).weightOf(this.id),
      commandsWaiting: this.#mempool.size,
      withheld: this.#driver.withheldCount,
      peersUp: this.#peers.upCount,
      peers: this.#guard.counts(performance.now()),
    };
  }

  /**
   * What was decided at a height from 1 on: an envelope with decision and value, as it is stored. Rejects
   * with `ValidatorError`: `bad-option` if nothing is, `pruned`.
   */
  async decision(height: number): Promise<readonly WireMessage[]> {
    return ValidatorStore.messages(this.#store.decisions, height - 1);
  }

  /** The last stable checkpoint that is here, null before the first. */
  checkpoint(): ShownCheckpoint | null {
    return this.#checkpointing?.last ?? null;
  }

  /**
   * Names who made a fork: `other` is a decision of another validator that contradicts the one here; of
   * several heights the first. An accused is asked for `answerMs`: one that cannot be reached is named,
   * too. Rejects with `bad-option` if it is no fork.
   */
  investigate(other: Uint8Array, answerMs = JUSTIFY_MS): Promise<ForkReport> {
    return inquire(other, answerMs, {
      self: this.id,
      chain: this.#chain,
      store: this.#store,
      call: (peer, method, payload) => this.#peers.call(peer, method, payload),
    });
  }

  /** Ends it; commands that wait are told `closed`. */
  close(): Promise<void> {
    this.#closing ??= this.#close(closed());
    return this.#closing;
  }

  async #close(error: ValidatorError): Promise<void> {
    clearInterval(this.#beat);
    this.#peers.close();
    this.#checkpointing?.stop();
    const caughtUp = this.#catchUp.close();
    this.#large.close();
    await this.#driver.close();
    await this.#endpoint?.close(0);
    await caughtUp;
    await this.#checkpointing?.close();
    await this.#culprits.close();
    this.#waiters.rejectAll(error);
    await this.#store.close();
  }

  #fail(cause: unknown): void {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `validator ${this.id} takes part no more: ${why}`;
    this.#failure = new ValidatorError('failed', message, { cause });
    this.#log(message);
    this.#closing ??= this.#close(this.#failure);
    this.#options.onFailed?.(this.#failure);
  }

  #onFork(report: ForkReport): void {
    this.#options.onFork?.(report);
    this.#fail(forked(report));
  }

  #log(line: string): void {
    this.#options.log?.(line);
  }

  #isValid(command: Uint8Array): boolean {
    return this.#options.validate?.(command) ?? true;
  }

  async #apply(
    decision: Decision,
    commands: readonly Command[],
    changes: readonly ProposedChange[],
  ): Promise<void> {
    const { height, value } = decision.proposal;
    this.#forks.decided(height, value);
    this.#culprits.decided(height);
    await this.#options.apply(decidedOf(decision, commands, changes));
    const late = [
      ...this.#mempool.decided(height, commands),
      ...this.#changes.decided(height, value, commands, performance.now()),
    ];
    this.#peers.update();
    this.#waiters.decided(height, commands);
    this.#waiters.expired(late);
    await this.#checkpointing?.decided(height, value);
    this.#large.endHeight();
    if (!changes.some(({ id, weight }) => id === this.id && weight === 0)) return;
    this.#log(`removed from the validators; nothing is signed from height ${height + 2} on`);
    const message = `${this.id} was removed; whether the command is decided is not known`;
    this.#waiters.rejectAll(new ValidatorError('no-validator', message));
  }

  #takeCommands(commands: readonly Command[], from: ValidatorId): void {
    for (const command of commands) {
      if (!this.#mempool.isDue(command, this.#driver.decided + 1)) continue;
      if (command.kind === 'change') this.#changes.add(command, from);
      else if (this.#isValid(command.data)) this.#mempool.add(command, from);
    }
    this.#driver.wake();
  }

  #send(messages: readonly WireMessage[]): void {
    if (messages.length > 0) this.#peers.tellAll(MESSAGES, encodeMessages(messages));
  }

  #hearHeight(peer: ValidatorId, decided: number): void {
    this.#catchUp.heard(peer, decided);
    if (decided > this.#driver.decided + 1) this.#catchUp.run(this.#driver);
  }

  #greet(peer: ValidatorId): void {
    this.#heights.greet(peer);
    this.#large.forwarding.greet(peer);
    const changes = this.#changes.of(this.id);
    if (changes.length > 0) this.#peers.tell(peer, COMMANDS, encodeBatch(changes));
  }

  #onBeat(): void {
    this.#driver.resend();
    this.#beats += 1;
    const { others } = this.#peers;
    const told = others[this.#beats % others.length];
    if (told !== undefined) this.#tellSeen(told);
    this.#forks.onBeat(others).catch((error: unknown) => this.#fail(error));
    for (const peer of others) this.#greet(peer);
    this.#large.onBeat();
    this.#catchUp.run(this.#driver);
    this.#driver.wake();
  }

  /** What was signed of late, and what was proven: where that counts, for a release before cannot read it. */
  #tellSeen(peer: ValidatorId): void {
    this.#checkpointing?.tell(peer);
    const seen = this.#witness.untold(peer);
    if (seen.length > 0) this.#peers.tell(peer, WITNESSED, encodeMessages(seen));
    if (this.#driver.decided + 1 < this.#chain.changesFrom) return;
    const proofs = this.#changes.proofs();
    if (proofs.length > 0) this.#peers.tell(peer, COMMANDS, encodeBatch(proofs));
  }

  #listen(): Promise<PeerEndpoint> {
    const { decisions, polkas, checkpoints } = this.#store;
    const own = this.#sets.addressOf(this.id);
    return listenForPeers({
      identity: this.#options.identity,
      place: (this.#options.listen ?? own) as { host: string; port: number },
      guard: this.#guard,
      sets: this.#sets,
      inbox: this.#inbox,
      driver: this.#driver,
      forks: this.#forks,
      peers: this.#peers,
      decisions,
      polkas,
      ofParts: this.#large.handlers,
      checkpoints,
      onHeight: (peer, decided) => this.#hearHeight(peer, decided),
      onShown: (peer, payload) => {
        this.#forks.told(peer, payload).catch((error: unknown) => this.#fail(error));
      },
      log: (line) => this.#log(line),
    });
  }
}
