/** A correct validator: the core, a disk, timers, and nothing clever. */
import {
  type BftEffect,
  type BftMessage,
  BftNode,
  type BftRecord,
  type Decision,
  type OwnMessage,
  type TimeoutConfig,
  type TimeoutKind,
  type ValidatorSet,
  timeoutOf,
} from '../../consensus/bft/index.js';
import type { Context, DiskView, Process } from '../world/index.js';
import type { BftJudge } from './judge.js';
import {
  DECISIONS_PER_ANSWER_MAX,
  HELP_PAUSE_MICROSECONDS,
  RESEND_MICROSECONDS,
} from './limits.js';
import { isValidValue } from './values.js';
import type { BftWire } from './wire.js';

/** What is on the disk of a validator. */
export type BftStored =
  | { readonly kind: 'record'; readonly record: BftRecord }
  | { readonly kind: 'decision'; readonly decision: Decision };

/** What a validator is told of its run. */
export interface ReplicaOptions {
  readonly names: readonly string[];
  readonly validators: ValidatorSet;
  readonly timeoutsMs: TimeoutConfig;
  /** Null for a faulty one, whose doings nobody judges. */
  readonly judge: BftJudge | null;
  readonly reach: (probe: BftProbe) => void;
}

/** Rare situations of a run. */
export type BftProbe =
  | 'decided-in-later-round'
  | 'value-proposed-again'
  | 'caught-up'
  | 'restarted-within-height'
  | 'faulty-proven'
  | 'skipped-rounds';

const RESEND = 'resend';
const RECORD = 'record';
const MICROSECONDS = 1_000;

/** See the head of this file. */
export class BftReplica implements Process<BftWire> {
  readonly name: string;
  readonly isFaulty: boolean;
  readonly judge: BftJudge | null;
  protected readonly context: Context<BftWire, BftStored>;
  protected readonly options: ReplicaOptions;
  readonly #node: BftNode;
  readonly #decisions = new Map<number, Decision>();
  /** Decisions that others sent, of heights still to come. */
  readonly #received = new Map<number, Decision>();
  readonly #helpedAt = new Map<string, number>();
  /** Effects that wait for the disk. */
  readonly #waiting: BftEffect[] = [];
  #syncing: (() => void) | null = null;
  #tokens = 0;

  constructor(
    options: ReplicaOptions,
    disk: DiskView<BftStored>,
    context: Context<BftWire, BftStored>,
  ) {
    this.name = context.name;
    this.isFaulty = options.judge === null;
    this.judge = options.judge;
    this.context = context;
    this.options = options;
    for (let height = 1; ; height += 1) {
      const stored = disk.get(decisionKey(height));
      if (stored?.kind !== 'decision') break;
      this.#decisions.set(height, stored.decision);
    }
    const stored = disk.get(RECORD);
    const record = stored?.kind === 'record' ? stored.record : null;
    this.#node = new BftNode(this.name, record);
    options.judge?.resumed(this.name, this.height);
    if (record?.state.height === this.height + 1) options.reach('restarted-within-height');
  }

  /** Begins to take part. Apart from the constructor, so that a faulty one is whole by then. */
  begin(): this {
    this.#startHeight();
    this.context.setTimer(RESEND_MICROSECONDS, RESEND);
    return this;
  }

  /** The last height that is decided here, 0 at first. */
  get height(): number {
    return this.#decisions.size;
  }

  onMessage(from: string, wire: BftWire): void {
    if (wire.kind === 'decisions') return this.#takeDecisions(wire.decisions);
    for (const message of wire.messages) this.take(message, from);
  }

  /** Gives a message to the core. */
  protected take(message: BftMessage, _from: string): void {
    const isValid = message.type !== 'proposal' || isValidValue(message.proposal.value);
    this.#do(this.#node.step({ type: 'message', message, isValid }));
  }

  onTick(tag: string): void {
    if (tag === RESEND) {
      this.context.setTimer(RESEND_MICROSECONDS, RESEND);
      return this.#do(this.#node.step({ type: 'resend' }));
    }
    const [kind, height, round] = tag.split(' ');
    const timeout = {
      kind: kind as TimeoutKind,
      height: Number(height),
      round: Number(round),
    };
    this.#do(this.#node.step({ type: 'timeout', timeout }));
  }

  onDiskSynced(token: number): void {
    if (token !== this.#tokens) return;
    const resume = this.#syncing;
    this.#syncing = null;
    resume?.();
    this.#work();
  }

  /** Sends to one other; a faulty validator overrides it. */
  protected sendTo(to: string, messages: readonly BftMessage[]): void {
    this.context.send(to, { kind: 'messages', messages });
  }

  /** Makes a record durable, and does `then`; nothing else is done before. */
  protected store(record: BftRecord, then: () => void = () => {}): void {
    this.context.write(RECORD, { kind: 'record', record });
    this.sync(then);
  }

  /** Does `then` when all that is written is durable, and nothing before. */
  protected sync(then: () => void): void {
    this.#tokens += 1;
    this.#syncing = then;
    this.context.sync(this.#tokens);
  }

  /** The value to propose. */
  protected makeValue(height: number, round: number): string {
    const nonce = Math.floor(this.context.random() * 1e6);
    return `${height}.${round} ${this.name} ${nonce}`;
  }

  #startHeight(): void {
    const height = this.height + 1;
    const { validators } = this.options;
    this.#do(this.#node.step({ type: 'start', height, validators }));
    const decision = this.#received.get(height);
    this.#received.delete(height);
    if (decision === undefined || this.height >= height) return;
    this.options.reach('caught-up');
    const message = { type: 'decision', decision } as const;
    this.#do(this.#node.step({ type: 'message', message, isValid: true }));
  }

  #do(effects: readonly BftEffect[]): void {
    this.#waiting.push(...effects);
    this.#work();
  }

  #work(): void {
    while (this.#syncing === null) {
      const effect = this.#waiting.shift();
      if (effect === undefined) return;
      this.#perform(effect);
    }
  }

  #perform(effect: BftEffect): void {
    switch (effect.type) {
      case 'persist':
        return this.store(effect.record);
      case 'decide': {
        const { decision } = effect;
        const { height } = decision.proposal;
        this.context.write(decisionKey(height), { kind: 'decision', decision });
        return this.sync(() => this.#onDecided(decision));
      }
      case 'broadcast':
        return this.#broadcast(effect.message);
      case 'resend':
        for (const to of this.#others()) this.sendTo(to, effect.messages);
        return;
      case 'schedule': {
        const { kind, height, round } = effect.timeout;
        const ms = timeoutOf(this.options.timeoutsMs, kind, round);
        return this.context.setTimer(ms * MICROSECONDS, `${kind} ${height} ${round}`);
      }
      case 'getValue': {
        const { height, round } = effect;
        const value = this.makeValue(height, round);
        return this.#do(this.#node.step({ type: 'value', height, round, value }));
      }
      case 'behind':
        return this.#help(effect.peer, effect.height);
      case 'evidence':
        this.options.judge?.accused(this.name, effect.evidence);
        if (this.options.judge !== null) this.options.reach('faulty-proven');
        return;
      case 'withheld':
        return this.options.judge?.withheld(this.name, effect.message);
    }
  }

  #onDecided(decision: Decision): void {
    const { height, round, validRound } = decision.proposal;
    this.#decisions.set(height, decision);
    this.options.judge?.decided(this.name, decision);
    if (round > 0) this.options.reach('decided-in-later-round');
    if (validRound >= 0) this.options.reach('value-proposed-again');
    if (round > 1) this.options.reach('skipped-rounds');
    this.#startHeight();
  }

  #broadcast(message: BftMessage): void {
    if (isOwn(message)) this.options.judge?.signed(this.name, message);
    this.context.send(this.name, { kind: 'messages', messages: [message] });
    for (const to of this.#others()) this.sendTo(to, [message]);
  }

  #others(): readonly string[] {
    return this.options.names.filter((name) => name !== this.name);
  }

  #help(peer: string, height: number): void {
    const { nowMicroseconds } = this.context;
    const last = this.#helpedAt.get(peer) ?? -HELP_PAUSE_MICROSECONDS;
    if (peer === this.name || nowMicroseconds - last < HELP_PAUSE_MICROSECONDS) return;
    this.#helpedAt.set(peer, nowMicroseconds);
    const decisions: Decision[] = [];
    for (let each = height; decisions.length < DECISIONS_PER_ANSWER_MAX; each += 1) {
      const decision = this.#decisions.get(each);
      if (decision === undefined) break;
      decisions.push(decision);
    }
    if (decisions.length > 0) this.context.send(peer, { kind: 'decisions', decisions });
  }

  #takeDecisions(decisions: readonly Decision[]): void {
    for (const decision of decisions.slice(0, DECISIONS_PER_ANSWER_MAX)) {
      const { height } = decision.proposal;
      const isNear = height > this.height && height <= this.height + DECISIONS_PER_ANSWER_MAX;
      if (isNear) this.#received.set(height, decision);
    }
    const decision = this.#received.get(this.height + 1);
    if (decision !== undefined) this.take({ type: 'decision', decision }, this.name);
  }
}

function isOwn(message: BftMessage): message is OwnMessage {
  return message.type === 'proposal' || message.type === 'vote';
}

function decisionKey(height: number): string {
  return `decision ${height}`;
}
