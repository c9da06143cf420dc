/** One validator as a process has it: the core with disk, keys and network. */
import type { Evidence, ValidatorId, WireMessage } from '../../consensus/bft/index.js';
import { encodeMessages } from '../../consensus/bft/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import type { CallContext, PeerEndpoint } from '../../transport/rpc/rpc.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import { PeerLinks } from '../groups/links.js';
import { CONNECTION_SETTINGS } from '../groups/limits.js';
import { type Command, encodeBatch, makeCommand, readBatch } from './batch.js';
import { CatchUp } from './catch-up.js';
import { SignatureChecker } from './checking.js';
import { BftDriver } from './driver.js';
import { ValidatorError } from './error.js';
import { EvidenceStore } from './evidence.js';
import { type Chain, readGenesis } from './genesis.js';
import { COMMANDS, Inbox, MESSAGES, WITNESSED } from './inbox.js';
import {
  ANSWER_BYTES_MAX,
  BATCH_COMMANDS_MAX,
  BEAT_MS,
  CALL_TIMEOUT_MS,
  COMMAND_BYTES_MAX,
  COMMAND_HEIGHTS_MAX,
  DECISIONS_PER_ANSWER_MAX,
  TIMEOUTS_DEFAULT,
} from './limits.js';
import { Mempool } from './mempool.js';
import type {
  DecidedHeight,
  EvidenceReport,
  Place,
  ValidatorOptions,
  ValidatorStatus,
} from './options.js';
import { PeerGuard } from './peer-guard.js';
import { ValidatorStore } from './store.js';
import { Witness } from './witness.js';

interface Waiter {
  resolve(place: Place): void;
  reject(error: ValidatorError): void;
}

/**
 * Opens a validator: reads its files, applies what `appliedHeight` lacks, listens, and takes part.
 * Throws `ValidatorError`, `StorageError` if the directory cannot be used, and `RpcError` if the
 * address cannot be listened on.
 */
export async function openValidator(options: ValidatorOptions): Promise<Validator> {
  const chain = readGenesis(options.genesis);
  const { peerId } = options.identity;
  if (!chain.validators.has(peerId)) {
    throw new ValidatorError('bad-option', `${peerId} is no validator of the genesis`);
  }
  const store = await ValidatorStore.open(options.directory, chain.digest, options.identity);
  try {
    const validator = new Validator(options, chain, store);
    await validator.start();
    return validator;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Made by `openValidator`. */
export class Validator {
  readonly id: ValidatorId;
  readonly #options: ValidatorOptions;
  readonly #chain: Chain;
  readonly #store: ValidatorStore;
  readonly #mempool = new Mempool();
  readonly #guard: PeerGuard;
  readonly #catchUp: CatchUp;
  readonly #inbox: Inbox;
  readonly #witness = new Witness();
  /** The others by the numbers that the links know them by. */
  readonly #others: readonly ValidatorId[];
  readonly #waiters = new Map<string, Waiter>();
  readonly #answering = new Set<ValidatorId>();
  readonly #saidAtMs = new Map<ValidatorId, number>();
  #unsent: Command[] = [];
  #beats = 0;
  #driver!: BftDriver;
  #evidence!: EvidenceStore;
  #endpoint: PeerEndpoint | null = null;
  #links: PeerLinks | null = null;
  #beat: NodeJS.Timeout | undefined;
  #failure: ValidatorError | null = null;
  #closing: Promise<void> | null = null;

  /** Called by `openValidator`. */
  constructor(options: ValidatorOptions, chain: Chain, store: ValidatorStore) {
    this.id = options.identity.peerId;
    this.#options = options;
    this.#chain = chain;
    this.#store = store;
    this.#others = chain.validators.validators.map(({ id }) => id).filter((id) => id !== this.id);
    this.#guard = new PeerGuard((peer, fault) => {
      this.#log(`validator ${peer} is cut off for a while: ${fault}`);
      for (const connection of this.#endpoint?.connections() ?? []) {
        if (connection.peerId === peer) void connection.close(0, 'cut off for a while');
      }
    });
    const checker = new SignatureChecker(chain.digest, chain.keys);
    const parts = { guard: this.#guard, checker };
    this.#catchUp = new CatchUp(this.id, chain, parts, {
      call: (peer, method, payload) => this.#call(peer, method, payload),
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    });
    this.#inbox = new Inbox(this.#guard, checker, this.#witness, {
      decided: () => this.#driver.decided,
      take: (message, value) => this.#driver.take(message, value),
      takeCommands: (commands, from) => this.#takeCommands(commands, from),
      onEvidence: (evidence) => {
        this.#keepEvidence(evidence).catch((error: unknown) => this.#fail(error));
      },
      onBehind: (peer) => this.#sayHeight(peer),
      onAhead: (peer, decided) => {
        this.#catchUp.heard(peer, decided);
        if (decided > this.#driver.decided + 1) this.#catchUp.run(this.#driver);
      },
    });
  }

  /** Called by `openValidator`. */
  async start(): Promise<void> {
    this.#evidence = await EvidenceStore.load(this.#store.evidence);
    this.#driver = await BftDriver.open(this.id, this.#chain, this.#store, {
      mempool: this.#mempool,
      timeoutsMs: this.#options.timeoutsMs ?? TIMEOUTS_DEFAULT,
      validate: (command) => this.#isValid(command),
      send: (messages) => this.#send(messages),
      fetch: (id, from) => this.#catchUp.fetch(id, from),
      onDecided: ({ proposal }, commands) => this.#apply(proposal.height, proposal.round, commands),
      onEvidence: (evidence) => this.#keepEvidence(evidence),
      onBehind: (peer) => this.#sayHeight(peer),
      onFailed: (error) => this.#fail(error),
      log: (line) => this.#log(line),
    });
    await this.#replay();
    this.#endpoint = await this.#listen();
    const links = new PeerLinks(
      this.#endpoint,
      { gone: () => {}, back: (number) => this.#greet(this.#others[number - 1] as ValidatorId) },
      'bft',
    );
    this.#links = links;
    const addresses = this.#others.map((id, at) => {
      const address = this.#chain.addresses.get(id);
      return address === undefined ? [] : [[at + 1, address] as const];
    });
    links.update(new Map(addresses.flat()));
    this.#beat = setInterval(() => this.#onBeat(), BEAT_MS);
    this.#driver.wake();
  }

  /** The last height that is decided here. */
  get height(): number {
    return this.#driver.decided;
  }

  /**
   * Has a command decided. Resolves when that is durable and applied here.
   * Rejects with `ValidatorError`: `bad-command`, `overloaded`, `expired`, `closed`, `failed`.
   */
  submit(data: Uint8Array): Promise<Place> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#closing !== null) return Promise.reject(closed());
    if (data.length === 0 || data.length > COMMAND_BYTES_MAX || !this.#isValid(data)) {
      const what = `of ${data.length} bytes is refused: by validate, or it is not 1 to`;
      const message = `the command ${what} ${COMMAND_BYTES_MAX} bytes long`;
      return Promise.reject(new ValidatorError('bad-command', message));
    }
    // Others may be some heights behind or ahead when it reaches them.
    const command = makeCommand(data, this.#driver.decided + COMMAND_HEIGHTS_MAX / 2);
    if (!this.#mempool.add(command, this.id)) {
      const message = `${this.#mempool.size} commands wait; try again when some are decided`;
      return Promise.reject(new ValidatorError('overloaded', message));
    }
    if (this.#unsent.push(command) === 1) setImmediate(() => this.#forward());
    return new Promise((resolve, reject) => {
      this.#waiters.set(command.id, { resolve, reject });
    });
  }

  /** Proofs against validators that are kept here. */
  evidence(): readonly EvidenceReport[] {
    return this.#evidence.reports;
  }

  status(): ValidatorStatus {
    const links = this.#links;
    return {
      id: this.id,
      height: this.#driver.decided,
      commandsWaiting: this.#mempool.size,
      withheld: this.#driver.withheldCount,
      peersUp: this.#others.filter((_, at) => links?.isUp(at + 1) === true).length,
      peers: this.#guard.counts(performance.now()),
    };
  }

  /** What was decided at a height from 1 on: an envelope with decision and value, as it is stored. */
  async decision(height: number): Promise<readonly WireMessage[]> {
    if (!(height >= 1 && height <= this.#store.decisions.count)) {
      throw new ValidatorError('bad-option', `height ${height} is not decided here`);
    }
    return ValidatorStore.messages(this.#store.decisions, height - 1);
  }

  /** Ends it; commands that wait are told `closed`. */
  close(): Promise<void> {
    this.#closing ??= this.#close(closed());
    return this.#closing;
  }

  async #close(error: ValidatorError): Promise<void> {
    clearInterval(this.#beat);
    this.#links?.close();
    const caughtUp = this.#catchUp.close();
    await this.#driver.close();
    await this.#endpoint?.close(0);
    await caughtUp;
    await this.#evidence.close();
    for (const { reject } of this.#waiters.values()) reject(error);
    this.#waiters.clear();
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

  #log(line: string): void {
    this.#options.log?.(line);
  }

  #isValid(command: Uint8Array): boolean {
    return this.#options.validate?.(command) ?? true;
  }

  /** Commands that were decided of late are not decided again; the application gets what it lacks. */
  async #replay(): Promise<void> {
    const { decisions } = this.#store;
    const applied = this.#options.appliedHeight ?? 0;
    if (!Number.isSafeInteger(applied) || applied < 0 || applied > decisions.count) {
      throw new ValidatorError(
        'bad-option',
        `appliedHeight is ${applied}, and ${decisions.count} heights are decided here; ` +
          'take an older state of the application, or put the file of decisions back',
      );
    }
    const from = Math.min(applied, Math.max(0, decisions.count - COMMAND_HEIGHTS_MAX));
    for (let height = from + 1; height <= decisions.count; height += 1) {
      const [first, second] = await ValidatorStore.messages(decisions, height - 1);
      const commands = second?.type === 'value' ? readBatch(second.bytes) : null;
      if (first?.type !== 'decision' || commands === null) {
        throw new ValidatorError('damaged', `the decision of height ${height} is none`);
      }
      this.#mempool.decided(height, commands);
      if (height <= applied) continue;
      await this.#options.apply(decidedOf(height, first.decision.proposal.round, commands));
    }
  }

  async #apply(height: number, round: number, commands: readonly Command[]): Promise<void> {
    await this.#options.apply(decidedOf(height, round, commands));
    const late = this.#mempool.decided(height, commands);
    for (const [index, { id }] of commands.entries()) {
      this.#waiters.get(id)?.resolve({ height, index });
      this.#waiters.delete(id);
    }
    for (const { id, lastHeight } of late) {
      const message = `the command was not decided up to height ${lastHeight}; submit it again`;
      this.#waiters.get(id)?.reject(new ValidatorError('expired', message));
      this.#waiters.delete(id);
    }
  }

  async #keepEvidence(evidence: Evidence): Promise<void> {
    const report = await this.#evidence.add(evidence);
    if (report === null) return;
    const { culprit, kind, height, round } = report;
    this.#log(`validator ${culprit} signed two ${kind}s at height ${height}, round ${round}`);
    this.#options.onEvidence?.(report);
  }

  #takeCommands(commands: readonly Command[], from: ValidatorId): void {
    for (const command of commands) {
      if (!this.#mempool.isDue(command, this.#driver.decided + 1)) continue;
      if (this.#isValid(command.data)) this.#mempool.add(command, from);
    }
    this.#driver.wake();
  }

  /** Tells the others of commands that were submitted since the last time. */
  #forward(): void {
    const commands = this.#unsent.splice(0);
    for (let at = 0; at < commands.length; at += BATCH_COMMANDS_MAX / 8) {
      const bytes = encodeBatch(commands.slice(at, at + BATCH_COMMANDS_MAX / 8));
      for (const id of this.#others) this.#tell(id, COMMANDS, bytes);
    }
    this.#driver.wake();
  }

  #send(messages: readonly WireMessage[]): void {
    if (messages.length === 0) return;
    const bytes = encodeMessages(messages);
    for (const id of this.#others) this.#tell(id, MESSAGES, bytes);
  }

  #tell(id: ValidatorId, kind: number, bytes: Uint8Array): void {
    const payload = new Uint8Array(bytes.length + 1);
    payload[0] = kind;
    payload.set(bytes, 1);
    this.#links?.send(this.#others.indexOf(id) + 1, payload, { inOrder: true });
  }

  #call(peer: ValidatorId, method: string, payload: unknown): Promise<unknown> {
    const number = this.#others.indexOf(peer) + 1;
    if (this.#links === null) return Promise.reject(new RpcError('unavailable', 'not started'));
    return this.#links.call(number, method, payload, CALL_TIMEOUT_MS);
  }

  /** Tells a peer what is decided here, now and then. */
  #sayHeight(peer: ValidatorId): void {
    const nowMs = performance.now();
    if (nowMs - (this.#saidAtMs.get(peer) ?? -BEAT_MS) < BEAT_MS / 2) return;
    this.#saidAtMs.set(peer, nowMs);
    this.#call(peer, 'bft.height', this.#driver.decided).catch(() => {});
  }

  #greet(peer: ValidatorId): void {
    this.#saidAtMs.delete(peer);
    this.#sayHeight(peer);
    const own = this.#mempool.of(this.id).slice(0, BATCH_COMMANDS_MAX / 8);
    if (own.length > 0) this.#tell(peer, COMMANDS, encodeBatch(own));
  }

  #onBeat(): void {
    this.#driver.resend();
    this.#beats += 1;
    const told = this.#others[this.#beats % this.#others.length];
    const seen = told === undefined ? [] : this.#witness.untold(told);
    if (told !== undefined && seen.length > 0) this.#tell(told, WITNESSED, encodeMessages(seen));
    for (const peer of this.#others) this.#greet(peer);
    this.#catchUp.run(this.#driver);
    this.#driver.wake();
  }

  #listen(): Promise<PeerEndpoint> {
    const own = this.#chain.addresses.get(this.id) as { host: string; port: number };
    const { host, port } = this.#options.listen ?? own;
    return listenRpc({
      identity: this.#options.identity,
      host,
      port,
      settings: CONNECTION_SETTINGS,
      authorize: (peer) => {
        if (!this.#others.includes(peer)) return 'no validator of this chain';
        return this.#guard.isCutOff(peer, performance.now()) ? 'cut off for a while' : true;
      },
      handlers: {
        'bft.envelope': (payload, { connection }) => {
          this.#inbox.receive(connection.peerId, payload);
        },
        'bft.greet': (payload, { connection }) => {
          const number = this.#others.indexOf(connection.peerId) + 1;
          if (typeof payload === 'string') this.#links?.greeted(number, payload.slice(0, 64));
        },
        'bft.height': (payload, { connection }) => {
          if (typeof payload !== 'number') return;
          this.#catchUp.heard(connection.peerId, payload);
          if (payload > this.#driver.decided + 1) this.#catchUp.run(this.#driver);
        },
        'bft.value': (payload) => {
          return typeof payload === 'string' ? (this.#driver.value(payload) ?? null) : null;
        },
        'bft.decisions': (payload, context) => this.#decisionsFrom(payload, context),
      },
      onHandlerError: (method, peer, error) => this.#log(`${method} of ${peer}: ${String(error)}`),
    });
  }

  async #decisionsFrom(payload: unknown, { connection }: CallContext): Promise<Uint8Array[]> {
    const { peerId } = connection;
    if (!Number.isSafeInteger(payload) || (payload as number) < 1) {
      throw new RpcError('malformed', 'bft.decisions takes a height from 1 on');
    }
    if (this.#answering.has(peerId)) throw new RpcError('overloaded', 'one answer at a time');
    this.#answering.add(peerId);
    try {
      const records: Uint8Array[] = [];
      let bytes = 0;
      for (let height = payload as number; height <= this.#driver.decided; height += 1) {
        if (records.length >= DECISIONS_PER_ANSWER_MAX || bytes >= ANSWER_BYTES_MAX) break;
        const record = await this.#store.decisions.read(height - 1);
        records.push(record);
        bytes += record.length;
      }
      return records;
    } finally {
      this.#answering.delete(peerId);
    }
  }
}

function closed(): ValidatorError {
  const message = 'the validator was closed; whether the command is decided is not known';
  return new ValidatorError('closed', message);
}

function decidedOf(height: number, round: number, commands: readonly Command[]): DecidedHeight {
  return { height, round, commands: commands.map(({ data }) => data) };
}
