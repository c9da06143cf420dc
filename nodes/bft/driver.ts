/**
 * Drives the core of one validator: does its effects in their order, with the disk, the signer and
 * timers (D1 to D7 of `consensus/bft/SPEC.md`). A height begins when there is something to decide:
 * a command waits here, or validators of more than a third of the weight are in it.
 */
import {
  type BftEffect,
  type BftInput,
  type BftMessage,
  BftNode,
  type BftRecord,
  type Certificate,
  type Decision,
  type SignedProposal,
  type Timeout,
  type ValidatorId,
  type ValueId,
  type WireMessage,
  encodeMessages,
  encodeRecord,
  timeoutOf,
} from '../../consensus/bft/index.js';
import { hasCorrect } from '../../consensus/bft/quorum.js';
import { assert } from '../assert.js';
import { encodeBatch, readBatch, valueIdOf, type Command } from './batch.js';
import type { DriverPorts } from './driver-ports.js';
import {
  EMPTY_WAIT_MS,
  LONG_COMMAND_MS,
  PROPOSALS_WAITING_MAX,
  ROUNDS_AHEAD_MAX,
} from './limits.js';
import { OwnMessages } from './own-messages.js';
import { PartSet, isInParts } from './parts/part-set.js';
import type { ChainSets } from './sets.js';
import { type CheckedMessage, forCore, sealed } from './signed-messages.js';
import type { ValidatorStore } from './store.js';
import { LARGE_VALUES, hasParts, limitsAt } from './value-limits.js';
import { Values } from './values.js';

/** See the head of this file. */
export class BftDriver {
  readonly #self: ValidatorId;
  readonly #sets: ChainSets;
  readonly #store: ValidatorStore;
  readonly #values: Values;
  readonly #ports: DriverPorts;
  #node: BftNode;
  readonly #own: OwnMessages;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #effects: BftEffect[] = [];
  /** The last height in which each other validator is known to be. */
  readonly #heard = new Map<ValidatorId, number>();
  /** Proposals whose value or height is not here yet. */
  #proposals: SignedProposal[] = [];
  #wanted: { readonly height: number; readonly round: number } | null = null;
  #isWorking = false;
  #isRunning = false;
  #isClosed = false;
  #idle: (() => void)[] = [];
  /** The last height that is decided here. */
  decided: number;

  private constructor(
    self: ValidatorId,
    sets: ChainSets,
    store: ValidatorStore,
    values: Values,
    ports: DriverPorts,
  ) {
    this.#self = self;
    this.#sets = sets;
    this.#store = store;
    this.#values = values;
    this.#ports = ports;
    this.decided = store.decisions.count;
    this.#node = new BftNode(self, store.restored?.record ?? null);
    this.#own = new OwnMessages(store, ports);
  }

  static async open(
    self: ValidatorId,
    sets: ChainSets,
    store: ValidatorStore,
    ports: DriverPorts,
  ): Promise<BftDriver> {
    const height = store.restored?.record.state.height ?? store.decisions.count + 1;
    const nameOf = (bytes: Uint8Array): ValueId =>
      hasParts(bytes.length, height, sets.partsFrom) ? PartSet.of(bytes).id : valueIdOf(bytes);
    return new BftDriver(self, sets, store, await Values.load(store.values, nameOf), ports);
  }

  /** Own messages that were not signed since they contradict what was. */
  get withheldCount(): number {
    return this.#own.withheldCount;
  }

  value(id: ValueId): Uint8Array | undefined {
    return this.#values.get(id);
  }

  /** Begins the next height if there is a reason; goes on in one that a stop interrupted. */
  wake(): void {
    this.#propose(false);
    if (this.#isRunning || this.#isWorking || this.#isClosed) return;
    const height = this.decided + 1;
    // Who has no weight in it takes no part; it learns from others what is decided.
    const validators = this.#sets.at(height);
    if (!validators.has(this.#self)) return;
    const recorded = this.#store.restored?.record.state.height ?? 0;
    // Decisions were lost: until they are fetched nothing is signed, since the locks are of later.
    if (recorded > height) return;
    const hasCommand = this.#hasCommand() || this.#ports.isToldOf?.(height) === true;
    if (recorded < height && !hasCommand && !this.#isHeard(height)) return;
    this.#isRunning = true;
    this.#step({ type: 'start', height, validators });
    this.#offer();
  }

  /** Takes a message whose signatures are checked. `value` are bytes that came with a proposal. */
  take(message: CheckedMessage, value?: Uint8Array): void {
    if (this.#isClosed) return;
    if (message.type === 'proposal') this.#takeProposal(message.proposal, value);
    else this.#step({ type: 'message', message, isValid: true });
    if (message.type === 'vote') this.#hear(message.vote.from, message.vote.height);
    if (message.type === 'proposal') this.#hear(message.proposal.from, message.proposal.height);
    this.wake();
  }

  /** Takes the decision of the next height, proof checked; resolves when it is applied here. */
  async takeDecision(decision: Decision, value: Uint8Array): Promise<void> {
    await this.#whenIdle();
    if (decision.proposal.height !== this.decided + 1 || this.#isClosed) return;
    this.#values.keep(decision.proposal.value, value);
    if (this.#isRunning) {
      this.#step({ type: 'message', message: { type: 'decision', decision }, isValid: true });
    } else {
      this.#effects.push({ type: 'decide', decision });
      void this.#work();
    }
    await this.#whenIdle();
  }

  /**
   * Passes over to the height behind a checkpoint. Nothing is decided while `install` makes it durable;
   * then `begin` makes all else go on from there, at once. What they throw ends the driver.
   */
  async leap(height: number, install: () => Promise<void>, begin: () => void): Promise<void> {
    while (this.#isWorking) await this.#whenIdle();
    if (height <= this.decided || this.#isClosed) return;
    this.#isWorking = true;
    try {
      await install();
      begin();
      this.decided = height;
      this.#endHeight();
      this.#effects.length = 0;
      // Nothing of later heights was signed since the start, so that the record of the start stands.
      this.#node = new BftNode(this.#self, this.#store.restored?.record ?? null);
      this.#isRunning = false;
      await this.#forgetHeight();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isWorking = false;
      for (const resolve of this.#idle.splice(0)) resolve();
    }
    void this.#work();
  }

  /** Sends again what others may have lost. */
  resend(): void {
    if (this.#isRunning) this.#step({ type: 'resend' });
    this.#offer();
    for (const each of this.#proposals) {
      if (this.#values.get(each.value) === undefined) void this.#fetch(each);
    }
  }

  /** Resolves when nothing is done any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#effects.length = 0;
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#whenIdle();
  }

  #endHeight(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#wanted = null;
  }

  /** What was proposed in a height that is over. */
  #forgetHeight(): Promise<void> {
    this.#ports.judge.endHeight();
    return this.#values.endHeight(new Set(this.#proposals.map((each) => each.value)));
  }

  #fail(error: unknown): void {
    this.#isClosed = true;
    this.#effects.length = 0;
    this.#ports.onFailed(error);
  }

  #whenIdle(): Promise<void> {
    if (!this.#isWorking) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #hear(from: ValidatorId, height: number): void {
    if (from !== this.#self && height > (this.#heard.get(from) ?? 0)) this.#heard.set(from, height);
  }

  #hasCommand(): boolean {
    return this.#ports.mempool.size > 0 || this.#ports.changes.due(performance.now()).length > 0;
  }

  #isHeard(height: number): boolean {
    const validators = this.#sets.at(height);
    let weight = 0;
    for (const [id, heard] of this.#heard) if (heard >= height) weight += validators.weightOf(id);
    return hasCorrect(weight, validators.totalWeight);
  }

  #takeProposal(proposal: SignedProposal, value: Uint8Array | undefined): void {
    const { from, height, round, value: id } = proposal;
    if (height <= this.decided || from !== this.#sets.at(height).proposerOf(height, round)) return;
    const waiting = this.#proposals.filter((each) => each.from === from);
    const isKnown = waiting.some((each) => each.value === id && each.round === round);
    if (!isKnown) {
      if (waiting.length >= PROPOSALS_WAITING_MAX) this.#drop(waiting[0] as SignedProposal);
      this.#proposals.push(proposal);
    }
    const isWhole = value !== undefined && !isInParts(id) && valueIdOf(value) === id;
    if (isWhole) this.#values.keep(id, value);
    if (this.#values.get(id) === undefined) void this.#fetch(proposal);
    this.#offer();
  }

  #drop(proposal: SignedProposal): void {
    this.#proposals = this.#proposals.filter((each) => each !== proposal);
  }

  async #fetch(proposal: SignedProposal): Promise<void> {
    const { value: id, from, round } = proposal;
    if (isInParts(id) && !this.#isNear(proposal)) return;
    const bytes = await this.#ports.fetch(id, from, round);
    if (bytes === null || !this.#proposals.some(({ value }) => value === id)) return;
    this.#values.keep(id, bytes);
    this.#offer();
  }

  /** What is large is collected when it may be voted for: in the height under way, up to the next round. */
  #isNear({ height, round }: SignedProposal): boolean {
    const state = this.#node.driver?.state;
    return state?.height === height && round <= state.round + 1;
  }

  /** Gives those waiting proposals to the core whose height has begun and whose value is here. */
  #offer(): void {
    const height = this.decided + 1;
    for (const proposal of this.#proposals) {
      if (proposal.height < height) this.#drop(proposal);
      if (proposal.height !== height || this.#node.driver === null) continue;
      if (proposal.round > this.#node.driver.state.round + ROUNDS_AHEAD_MAX) continue;
      const bytes = this.#values.get(proposal.value);
      if (bytes === undefined) {
        if (isInParts(proposal.value)) void this.#fetch(proposal);
        continue;
      }
      this.#drop(proposal);
      const isValid = this.#ports.judge.isValid(proposal, bytes);
      this.#step({ type: 'message', message: { type: 'proposal', proposal }, isValid });
    }
  }

  #step(input: BftInput): void {
    this.#effects.push(...this.#node.step(input));
    void this.#work();
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    try {
      for (let effect = this.#effects.shift(); effect; effect = this.#effects.shift()) {
        const done = this.#perform(effect);
        if (done !== undefined) await done;
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isWorking = false;
      for (const resolve of this.#idle.splice(0)) resolve();
    }
    this.wake();
  }

  #perform(effect: BftEffect): Promise<void> | undefined {
    switch (effect.type) {
      case 'persist':
        return this.#persist(effect.record, effect.polka);
      case 'broadcast':
        return this.#broadcast(effect.message);
      case 'resend':
        this.#ports.send(effect.messages.flatMap((each) => this.#own.signed(each) ?? []));
        return undefined;
      case 'schedule': {
        const { kind, height, round } = effect.timeout;
        const moreMs = kind === 'propose' ? this.#moreMs(height, round) : 0;
        this.#await(effect.timeout, timeoutOf(this.#ports.timeoutsMs, kind, round) + moreMs);
        return undefined;
      }
      case 'getValue': {
        const { height, round } = effect;
        this.#wanted = { height, round };
        this.#propose(false);
        const waitMs = EMPTY_WAIT_MS + this.#moreMs(height, round) / 2;
        if (this.#wanted !== null) this.#after(waitMs, () => this.#propose(true));
        return undefined;
      }
      case 'decide':
        return this.#decide(effect.decision);
      case 'evidence':
        return this.#ports.onEvidence(effect.evidence);
      case 'behind':
        this.#ports.onBehind(effect.peer);
        return undefined;
      case 'withheld':
        this.#own.withheldCount += 1;
        return undefined;
    }
  }

  /** A long command is given to the first proposer of a height, which half of this time is for. */
  #moreMs(height: number, round: number): number {
    return round === 0 && this.#ports.isToldOf?.(height) === true ? LONG_COMMAND_MS : 0;
  }

  /** A round waits longer for its proposal while the value of it is coming in parts. */
  #await(timeout: Timeout, ms: number): void {
    this.#after(ms, () => {
      const { kind, height, round } = timeout;
      const awaited = this.#proposals.find((each) => {
        return kind === 'propose' && each.height === height && each.round === round;
      });
      const moreMs = awaited === undefined ? 0 : (this.#ports.patience?.(awaited.value) ?? 0);
      if (moreMs > 0) this.#await(timeout, moreMs);
      else this.#step({ type: 'timeout', timeout });
    });
  }

  #after(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#isClosed) run();
    }, ms);
    this.#timers.add(timer);
  }

  /** Answers the core that asked for a value, once there is a command or none came in time. */
  #propose(isLate: boolean): void {
    const wanted = this.#wanted;
    if (wanted === null || wanted.height !== this.decided + 1 || this.#isClosed) return;
    const { changes, judge, mempool, validate } = this.#ports;
    const due = changes.due(performance.now());
    const isValid = ({ data }: Command): boolean => validate(data);
    const { batchBytesMax } = limitsAt(wanted.height, this.#sets.partsFrom);
    const batch = [...due, ...mempool.batch(wanted.height, isValid, due.length, batchBytesMax)];
    if (batch.length === 0 && !isLate) return;
    this.#wanted = null;
    const bytes = encodeBatch(batch);
    const isSpread = hasParts(bytes.length, wanted.height, this.#sets.partsFrom);
    const value = (isSpread ? this.#ports.spread?.(bytes) : undefined) ?? valueIdOf(bytes);
    this.#values.keep(value, bytes);
    judge.made(value);
    if (due.length > 0) changes.proposed(value);
    this.#step({ type: 'value', ...wanted, value });
  }

  /** The record comes before the signatures: a signer that is ahead of it shows that it is an old copy. */
  async #persist(record: BftRecord, polka: Certificate | null): Promise<void> {
    const { height, lockedValue, validValue } = record.state;
    // Written, it would look as if it had not forgotten anything.
    if (height === this.#own.silentHeight) return;
    const needed = record.sent.map((each) =>
      each.type === 'proposal' ? each.proposal.value : each.vote.value,
    );
    const ids = [...needed, lockedValue, validValue].filter((id) => id !== null);
    // Before the record: what it says was said has to have its value, and what justifies it.
    await Promise.all([
      this.#values.persist(ids),
      polka === null ? undefined : this.#store.polkas.keep(polka),
    ]);
    await this.#store.record.write(encodeRecord(record, this.#own));
    for (const message of record.sent) await this.#own.sign(message);
  }

  async #broadcast(message: BftMessage): Promise<void> {
    if (message.type === 'proposal' || message.type === 'vote') await this.#own.sign(message);
    const signed = this.#own.signed(message);
    if (signed === null || this.#isClosed) return;
    const messages: WireMessage[] = [signed];
    // Who gets the proposal of a value in parts collects them.
    if (signed.type === 'proposal' && !isInParts(signed.proposal.value)) {
      const bytes = this.#values.get(signed.proposal.value);
      if (bytes !== undefined) messages.push({ type: 'value', bytes });
    }
    this.#ports.send(messages);
    this.#step({ type: 'message', message: forCore(signed), isValid: true });
  }

  async #decide(decision: Decision): Promise<void> {
    const { height, round, value } = decision.proposal;
    assert(height === this.decided + 1, 'heights are decided one after the other');
    this.#endHeight();
    const here = await this.#values.restore(value);
    const bytes = here ?? (await this.#ports.fetch(value, null, round));
    if (bytes === null) return;
    const commands = readBatch(bytes, LARGE_VALUES);
    assert(commands !== null, 'what a quorum precommitted is a value');
    await this.#store.decisions.append(
      encodeMessages([
        { type: 'decision', decision: sealed(decision, this.#ports.sealing) },
        { type: 'value', bytes },
      ]),
    );
    const changes = this.#sets.decide(commands);
    this.decided = height;
    await this.#ports.onDecided(decision, commands, changes);
    await this.#forgetHeight();
    this.#isRunning = false;
  }
}
