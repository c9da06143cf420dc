/** A correct validator: the core, a disk, timers, who the validators are, and nothing clever. */
import {
  type BftEffect,
  type BftMessage,
  BftNode,
  type BftRecord,
  type Decision,
  type Evidence,
  NO_ROUND,
  type OwnMessage,
  type Proposal,
  SetSchedule,
  type TimeoutConfig,
  type TimeoutKind,
  type ValidatorSet,
  isDecision,
  timeoutOf,
} from '../../consensus/bft/index.js';
import type { Context, DiskView, Process } from '../world/index.js';
import type { BftJudge } from './judge.js';
import type { BftLibrary, SimulatedProof, ValueContent } from './library.js';
import {
  DECISIONS_PER_ANSWER_MAX,
  EARLY_PROPOSALS_MAX,
  HELP_PAUSE_MICROSECONDS,
  RESEND_MICROSECONDS,
} from './limits.js';
import { areHarmless, isAllowed, makeChanges, proofOf } from './set-changes.js';
import { isValidValue } from './values.js';
import type { BftWire } from './wire.js';

/** What is on the disk of a validator. */
export type BftStored =
  | { readonly kind: 'record'; readonly record: BftRecord }
  | { readonly kind: 'decision'; readonly decision: Decision }
  | { readonly kind: 'proof'; readonly proof: SimulatedProof };

/** What a validator is told of its run. */
export interface ReplicaOptions {
  readonly names: readonly string[];
  /** Those of the first heights; more of the names may come later. */
  readonly validators: ValidatorSet;
  readonly timeoutsMs: TimeoutConfig;
  readonly library: BftLibrary;
  /** How often a proposer would change a validator by command, from 0 to 1. */
  readonly changeProbability: number;
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
  | 'set-changed'
  | 'joined'
  | 'removed'
  | 'culprit-removed'
  | 'change-not-approved'
  | 'proposed-again-unapproved'
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
  /** Proposals of a height whose validators are not known yet. */
  #early: Proposal[] = [];
  /** Proofs against others, on the disk. */
  readonly #proofs = new Map<string, SimulatedProof>();
  protected readonly schedule: SetSchedule;
  #toldHeight = -1;
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
    this.schedule = new SetSchedule(options.validators);
    for (let height = 1; ; height += 1) {
      const stored = disk.get(decisionKey(height));
      if (stored?.kind !== 'decision') break;
      this.#decisions.set(height, stored.decision);
      this.schedule.decide(options.library.changesOf(stored.decision.proposal.value));
    }
    for (const name of options.names) {
      const stored = disk.get(proofKey(name));
      if (stored?.kind === 'proof') this.#proofs.set(name, stored.proof);
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
    if (wire.kind === 'ask') return this.#help(from, wire.height);
    for (const message of wire.messages) this.take(message, from);
  }

  /** Gives a message to the core. */
  protected take(message: BftMessage, _from: string): void {
    if (message.type === 'proposal' && message.proposal.height > this.height + 1) {
      if (this.#early.length >= EARLY_PROPOSALS_MAX) this.#early.shift();
      this.#early.push(message.proposal);
      return;
    }
    const isValid = message.type !== 'proposal' || this.#isValid(message.proposal);
    this.#do(this.#node.step({ type: 'message', message, isValid }));
  }

  /** Sound, the same for all, and approved here unless a quorum has voted for it (L28). */
  #isValid({ from, value, validRound }: Proposal): boolean {
    const { library, reach } = this.options;
    if (!isValidValue(value) || !isAllowed(library, this.schedule, value)) return false;
    const { changes } = library.contentOf(value);
    const isRefused = changes.length > 0 && from !== this.name && !this.#approves(value);
    if (isRefused) reach('change-not-approved');
    if (isRefused && validRound !== NO_ROUND) reach('proposed-again-unapproved');
    return !isRefused || validRound !== NO_ROUND;
  }

  /** An operator knows whom not to trust with a third, and has whims. */
  #approves(value: string): boolean {
    const { library } = this.options;
    const { changes } = library.contentOf(value);
    return areHarmless(this.schedule, library, changes) && !library.refuses(this.name, value);
  }

  onTick(tag: string): void {
    if (tag === RESEND) {
      this.context.setTimer(RESEND_MICROSECONDS, RESEND);
      this.#ask();
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
    const value = `${height}.${round} ${this.name} ${nonce}`;
    const content = this.makeContent();
    const isEmpty = content.changes.length + content.proofs.length === 0;
    if (!isEmpty) this.options.library.put(value, content);
    return value;
  }

  /** What the value to propose changes: those are removed against whom there is a proof, or others. */
  protected makeContent(): ValueContent {
    const proofs: SimulatedProof[] = [];
    for (const proof of this.#proofs.values()) {
      const removals = [...proofs, proof].map(({ culprit }) => ({ id: culprit, weight: 0 }));
      const isDue = this.schedule.canAccuse(proof.culprit, proof.height);
      if (isDue && this.schedule.refusal(removals) === null) proofs.push(proof);
    }
    if (proofs.length > 0) return { changes: [], proofs };
    const { changeProbability, library, names } = this.options;
    const random = (): number => this.context.random();
    if (changeProbability === 0 || random() >= changeProbability) return { changes: [], proofs };
    return { changes: makeChanges(this.schedule, library, names, random), proofs };
  }

  #startHeight(): void {
    const height = this.height + 1;
    const validators = this.schedule.at(height);
    this.judge?.begins(this.name, height, validators);
    if (validators.has(this.name)) {
      this.#do(this.#node.step({ type: 'start', height, validators }));
      const early = this.#early.filter((each) => each.height === height);
      this.#early = this.#early.filter((each) => each.height > height);
      for (const proposal of early) {
        if (this.height < height) this.take({ type: 'proposal', proposal }, proposal.from);
      }
    }
    const decision = this.#received.get(height);
    this.#received.delete(height);
    if (decision === undefined || this.height >= height) return;
    this.options.reach('caught-up');
    this.#takeDecision(decision);
  }

  /** Whoever is in the height lets the core see it; others check it themselves. */
  #takeDecision(decision: Decision): void {
    const { height } = decision.proposal;
    const validators = this.schedule.at(height);
    if (validators.has(this.name)) {
      const message = { type: 'decision', decision } as const;
      return this.#do(this.#node.step({ type: 'message', message, isValid: true }));
    }
    if (isDecision(decision, validators)) this.#do([{ type: 'decide', decision }]);
  }

  /** Whoever is in no height, or stays in one, asks what others have decided. */
  #ask(): void {
    const isOut = !this.schedule.at(this.height + 1).has(this.name);
    if (isOut || this.#toldHeight === this.height) {
      const wire = { kind: 'ask', height: this.height + 1 } as const;
      for (const to of this.#others()) this.context.send(to, wire);
    }
    this.#toldHeight = this.height;
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
        if (height !== this.height + 1) return;
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
        return this.#accuse(effect.evidence);
      case 'withheld':
        return this.options.judge?.withheld(this.name, effect.message);
    }
  }

  /** It counts when it is on the disk. */
  #accuse(evidence: Evidence): void {
    const proof = proofOf(evidence);
    this.#proofs.set(proof.culprit, proof);
    this.context.write(proofKey(proof.culprit), { kind: 'proof', proof });
    this.sync(() => {
      this.judge?.accused(this.name, evidence);
      if (this.judge !== null) this.options.reach('faulty-proven');
    });
  }

  #onDecided(decision: Decision): void {
    const { height, round, validRound, value } = decision.proposal;
    this.#decisions.set(height, decision);
    this.options.judge?.decided(this.name, decision);
    const { library, reach } = this.options;
    const changes = library.changesOf(value);
    this.schedule.decide(changes);
    if (changes.length > 0) reach('set-changed');
    if (library.contentOf(value).proofs.length > 0) reach('culprit-removed');
    const own = changes.find(({ id }) => id === this.name);
    if (own !== undefined) reach(own.weight === 0 ? 'removed' : 'joined');
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
    if (decision !== undefined) this.#takeDecision(decision);
  }
}

function isOwn(message: BftMessage): message is OwnMessage {
  return message.type === 'proposal' || message.type === 'vote';
}

function proofKey(name: string): string {
  return `proof ${name}`;
}

function decisionKey(height: number): string {
  return `decision ${height}`;
}
