/**
 * One validator: a height after the other. Inputs go in by `step`, effects come out in the order in
 * which they are to be done. It owns no clock, disk, socket, key or randomness.
 *
 *              start                         decide
 *   [between heights] ----> [in a height] ---------+
 *          ^                                       |
 *          +---------------------------------------+
 */
import { isDecision } from './decision.js';
import { Driver, type DriverInput, type DriverResult } from './driver.js';
import type { BftEffect, BftRecord } from './effect.js';
import { BftError, assert } from './error.js';
import { polkaFor } from './justification.js';
import { FUTURE_ROUNDS_PER_VALIDATOR_MAX } from './limits.js';
import { type BftMessage, type OwnMessage, aboutMessage } from './message.js';
import { NextHeight } from './next-height.js';
import { resendOf } from './resending.js';
import { settle } from './rules.js';
import { SigningGuard } from './signing.js';
import {
  type Certificate,
  type Decision,
  type Height,
  NO_ROUND,
  type Proposal,
  type Round,
  type Timeout,
  type ValidatorId,
  type ValueId,
  type Vote,
} from './types.js';
import type { ValidatorSet } from './validators.js';

/** Everything that can happen to a node. */
export type BftInput =
  /** Begins a height; the one before it is decided and stored. */
  | { readonly type: 'start'; readonly height: Height; readonly validators: ValidatorSet }
  /** `isValid` is what the host says of the value of a proposal; it is not read for other messages. */
  | { readonly type: 'message'; readonly message: BftMessage; readonly isValid: boolean }
  | {
      readonly type: 'value';
      readonly height: Height;
      readonly round: Round;
      readonly value: ValueId;
    }
  | { readonly type: 'timeout'; readonly timeout: Timeout }
  /** Asks for what others may have lost; the host does it now and then. */
  | { readonly type: 'resend' };

/** Own messages of so many rounds are kept for being sent again. */
const SENT_ROUNDS = 2;

/** See the head of this file. */
export class BftNode {
  readonly self: ValidatorId;
  readonly #next = new NextHeight();
  readonly #guard: SigningGuard;
  readonly #latest = new Map<ValidatorId, Round>();
  #restored: BftRecord | null;
  #driver: Driver | null = null;
  #sent: OwnMessage[] = [];
  #reported = 0;
  #reportedProposals = new Set<Round>();
  #storedValidRound: Round = NO_ROUND;
  #effects: BftEffect[] = [];

  /** `record` is the last one that was made durable, null if there is none. */
  constructor(self: ValidatorId, record: BftRecord | null) {
    this.self = self;
    if (record !== null && (record.version !== 1 || record.state.self !== self)) {
      throw new BftError('bad-state', `the stored state is not one of validator ${self}`);
    }
    this.#restored = record;
    this.#guard = new SigningGuard(record?.sent.at(-1) ?? null);
  }

  /** The driver of the height under way; null between heights. */
  get driver(): Driver | null {
    return this.#driver;
  }

  /** Takes an input. The effects are to be done in their order. */
  step(input: BftInput): readonly BftEffect[] {
    this.#effects = [];
    switch (input.type) {
      case 'start':
        this.#start(input.height, input.validators);
        break;
      case 'message':
        this.#onMessage(input.message, input.isValid);
        break;
      case 'value':
        this.#onValue(input.height, input.round, input.value);
        break;
      case 'timeout':
        this.#onTimeout(input.timeout);
        break;
      case 'resend':
        if (this.#driver !== null) this.#emit(resendOf(this.#driver, this.#sent));
        break;
    }
    return this.#effects;
  }

  #emit(effect: BftEffect): void {
    this.#effects.push(effect);
  }

  #start(height: Height, validators: ValidatorSet): void {
    assert(this.#driver === null, 'a height begins when none is under way');
    assert(validators.has(this.self), 'a height is begun by its validators and nobody else');
    const record = this.#restored;
    this.#restored = null;
    this.#latest.clear();
    this.#reported = 0;
    this.#reportedProposals = new Set();
    if (record !== null && record.state.height > height) {
      throw new BftError(
        'bad-state',
        `the stored state is of height ${record.state.height}, and height ${height} is to begin; ` +
          'restore the decisions in between, or fetch them from the other validators',
      );
    }
    if (record !== null && record.state.height === height) this.#resume(record, validators);
    else this.#begin(height, validators);
  }

  #begin(height: Height, validators: ValidatorSet): void {
    const driver = new Driver(this.self, height, validators);
    this.#driver = driver;
    this.#sent = [];
    this.#storedValidRound = NO_ROUND;
    const { votes, certificates, proposals } = this.#next.take(height);
    driver.load(votes, certificates);
    for (const vote of votes) this.#noteRound(vote);
    for (const { proposal, isValid } of proposals) {
      this.#apply({ type: 'proposal', proposal, isValid });
    }
    if (driver.decision === null) this.#apply({ type: 'start' });
    this.#settle();
  }

  /** Goes on where it was, with the locks it had. */
  #resume(record: BftRecord, validators: ValidatorSet): void {
    const { state, sent } = record;
    this.#driver = new Driver(this.self, state.height, validators, { restored: state });
    this.#sent = [...sent];
    this.#storedValidRound = state.validRound;
    for (const message of sent) this.#emit({ type: 'broadcast', message });
    if (state.step === 'propose') this.#schedule('propose', state.round);
    this.#next.take(state.height);
  }

  #onMessage(message: BftMessage, isValid: boolean): void {
    const about = aboutMessage(message);
    const driver = this.#driver;
    if (about === null || driver === null) {
      if (about !== null) this.#next.add(message, about, isValid);
      return;
    }
    const { height } = driver.state;
    if (about.height < height) {
      const isAsking = message.type === 'vote' && driver.validators.has(about.from);
      if (isAsking) this.#emit({ type: 'behind', peer: about.from, height: about.height });
      return;
    }
    if (about.height > height) {
      if (about.height === height + 1) this.#next.add(message, about, isValid);
      return;
    }
    this.#onCurrent(driver, message, isValid);
    this.#settle();
  }

  #onCurrent(driver: Driver, message: BftMessage, isValid: boolean): void {
    switch (message.type) {
      case 'proposal':
        return this.#onProposal(driver, message.proposal, isValid);
      case 'vote':
        return this.#onVote(driver, message.vote);
      case 'certificate':
        return this.#apply({ type: 'certificate', certificate: message.certificate });
      case 'decision':
        if (isDecision(message.decision, driver.validators)) this.#decide(message.decision);
    }
  }

  #onProposal(driver: Driver, proposal: Proposal, isValid: boolean): void {
    const { from, height, round } = proposal;
    if (driver.proposerOf(height, round) !== from) return;
    // Nobody proposes in a round without being there; of rounds far ahead that is all that is kept.
    this.#noteRound(proposal);
    if (round > driver.state.round + FUTURE_ROUNDS_PER_VALIDATOR_MAX) return;
    this.#apply({ type: 'proposal', proposal, isValid });
  }

  #onVote(driver: Driver, vote: Vote): void {
    const { from, round } = vote;
    if (!driver.validators.has(from)) return;
    this.#noteRound(vote);
    const { keeper, state } = driver;
    const isNew = round > state.round && keeper.rounds.get(round)?.voters.has(from) !== true;
    if (isNew && keeper.futureRoundsOf(from, state.round) >= FUTURE_ROUNDS_PER_VALIDATOR_MAX)
      return;
    this.#apply({ type: 'vote', vote });
  }

  #noteRound({ from, round }: { readonly from: ValidatorId; readonly round: Round }): void {
    if (round > (this.#latest.get(from) ?? NO_ROUND)) this.#latest.set(from, round);
  }

  #onValue(height: Height, round: Round, value: ValueId): void {
    const state = this.#driver?.state;
    const isWanted = state?.height === height && state.round === round && state.step === 'propose';
    const hasProposed = this.#sent.some(
      (each) => each.type === 'proposal' && each.proposal.round === round,
    );
    // It may come late, or twice: a round has one proposal.
    if (!isWanted || hasProposed || this.#driver?.proposerOf(height, round) !== this.self) return;
    this.#apply({ type: 'proposeValue', value });
    this.#settle();
  }

  #onTimeout({ kind, height, round }: Timeout): void {
    const state = this.#driver?.state;
    if (state?.height !== height || state.round !== round) return;
    this.#apply({ type: 'timeout', kind });
    this.#settle();
  }

  #apply(input: DriverInput): void {
    const driver = this.#driver;
    if (driver === null || driver.decision !== null) return;
    this.#onResult(driver.apply(input));
  }

  #settle(): void {
    const driver = this.#driver;
    if (driver === null) return;
    settle(driver, this.#latest, (result) => this.#onResult(result));
    this.#report(driver);
    if (driver.decision !== null) return this.#decide(driver.decision);
    // A value that became valid without a vote is worth keeping: it may be the next to be proposed.
    if (driver.state.validRound > this.#storedValidRound) this.#persist();
  }

  #onResult({ output }: DriverResult): void {
    switch (output.type) {
      case 'proposal':
        this.#sign({ type: 'proposal', proposal: output.proposal });
        this.#schedule('propose', output.proposal.round);
        this.#justify(output.proposal);
        return;
      case 'vote':
        return this.#sign({ type: 'vote', vote: output.vote });
      case 'getValue':
        this.#schedule('propose', output.round);
        return this.#emit(output);
      case 'scheduleTimeout':
        return this.#schedule(output.kind, output.round);
      case 'skipRound':
        return assert(false, 'the driver begins the round that is skipped to');
      default:
    }
  }

  /** A value that is proposed again comes with the polka that allows others to leave their locks. */
  #justify({ value, validRound }: Proposal): void {
    const certificate = this.#driver?.keeper.certificateFor('prevote', validRound, value);
    if (certificate === null || certificate === undefined) return;
    this.#emit({ type: 'broadcast', message: { type: 'certificate', certificate } });
  }

  #schedule(kind: Timeout['kind'], round: Round): void {
    const height = this.#driver?.state.height ?? 0;
    this.#emit({ type: 'schedule', timeout: { kind, height, round } });
  }

  #sign(message: OwnMessage): void {
    if (!this.#guard.permits(message)) return this.#emit({ type: 'withheld', message });
    this.#guard.sign(message);
    const round = aboutMessage(message)?.round ?? 0;
    this.#sent = this.#sent.filter(
      (each) => (aboutMessage(each)?.round ?? 0) > round - SENT_ROUNDS,
    );
    this.#sent.push(message);
    this.#persist(this.#driver === null ? null : polkaFor(this.#driver, message));
    this.#emit({ type: 'broadcast', message });
  }

  #persist(polka: Certificate | null = null): void {
    assert(this.#driver !== null, 'what is stored belongs to a height');
    const { state } = this.#driver;
    this.#storedValidRound = state.validRound;
    const record = { version: 1, state, sent: [...this.#sent] } as const;
    this.#emit({ type: 'persist', record, polka });
  }

  #report({ keeper, doubleProposals }: Driver): void {
    const { evidence } = keeper;
    for (; this.#reported < evidence.length; this.#reported += 1) {
      const votes = evidence[this.#reported] as readonly Vote[];
      const culprit = (votes[0] as Vote).from;
      this.#emit({ type: 'evidence', evidence: { type: 'votes', culprit, votes } });
    }
    for (const [round, proposals] of doubleProposals) {
      if (this.#reportedProposals.has(round)) continue;
      this.#reportedProposals.add(round);
      const culprit = (proposals[0] as Proposal).from;
      this.#emit({ type: 'evidence', evidence: { type: 'proposals', culprit, proposals } });
    }
  }

  #decide(decision: Decision): void {
    this.#driver = null;
    this.#emit({ type: 'decide', decision });
  }
}
