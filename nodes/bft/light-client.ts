/**
 * Verifies decisions for somebody who is no validator and trusts the genesis alone:
 *
 *     genesis --> validators of height 1, 2 --decision 1--> of height 3 --decision 2--> of height 4 ...
 *
 * A decision proves itself: its certificate has signatures of more than two thirds of the weight of its
 * height. Where validators change, who they are follows from what is decided, so that one decision
 * after the other has to be shown; or a checkpoint, which names them (`checkpoint.ts`).
 */
import { BftError, type ValidatorSet } from '../../consensus/bft/index.js';
import { type Command, readBatch } from './batch.js';
import { SignatureChecker } from './checking.js';
import { readCheckpoint, readSets, whyUnproven as whyCheckpointUnproven } from './checkpoint.js';
import { decidedOf } from './decided.js';
import { ValidatorError } from './error.js';
import { type Chain, type Genesis, readGenesis } from './genesis.js';
import type { DecidedHeight } from './options.js';
import { type ShownDecision, readEnvelope, shownIn, unproven as whyUnproven } from './proven.js';
import { ChainSets } from './sets.js';
import { LARGE_VALUES } from './value-limits.js';

interface Decided {
  readonly decision: ShownDecision['decision'];
  readonly commands: readonly Command[];
}

interface LeapOptions {
  /** Of the one checkpoint that is taken. */
  readonly digest?: Uint8Array | null;
  readonly demandPostQuantum?: boolean;
}

/** See the head of this file. Envelopes are `encodeMessages` of what `Validator.decision` gives. */
export class LightClient {
  readonly #chain: Chain;
  readonly #sets: ChainSets;
  readonly #checker: SignatureChecker;
  /** By the keys of the genesis: a validator that was removed may come back with another one. */
  readonly #genesisChecker: SignatureChecker;

  /** Throws `ValidatorError` with code `bad-option` for a genesis that is none. */
  constructor(genesis: Genesis) {
    this.#chain = readGenesis(genesis);
    this.#sets = new ChainSets(this.#chain);
    this.#checker = new SignatureChecker(this.#chain.digest, this.#sets);
    this.#genesisChecker = new SignatureChecker(this.#chain.digest, new ChainSets(this.#chain));
  }

  /** The last height that was followed; 0 before the first. */
  get height(): number {
    return this.#sets.decided;
  }

  /**
   * What the decision of the next height decides; then the client is at that height. Throws
   * `ValidatorError` with code `unproven`, and stays where it is.
   */
  follow(envelope: Uint8Array): DecidedHeight {
    const next = this.height + 1;
    const { decision, commands } = this.#proven(envelope, () => this.#sets.at(next));
    const { height } = decision.proposal;
    if (height !== next) throw unproven(`it is of height ${height}, and ${next} comes next`);
    try {
      return decidedOf(decision, commands, this.#sets.decide(commands));
    } catch (error) {
      throw asUnproven(error);
    }
  }

  /**
   * Leaps to the height of a checkpoint, as `Validator.checkpoint` gives it: one that more than a third of
   * the validators known here have signed, or the one with this digest; demanded may be that more than two
   * thirds have signed with ML-DSA-65 as well. Throws `ValidatorError` with code `unproven`, and stays
   * where it is.
   */
  leap(bytes: Uint8Array, { digest = null, demandPostQuantum = false }: LeapOptions = {}): void {
    try {
      const checkpoint = readCheckpoint(bytes);
      if (checkpoint.height <= this.height) throw unproven('its height is passed already');
      const demandsPostQuantum = demandPostQuantum;
      const trust = { chain: this.#chain, sets: this.#sets, digest, demandsPostQuantum };
      const found = whyCheckpointUnproven(checkpoint, trust);
      if (found !== null) throw unproven(found.why);
      this.#sets.restore(readSets(checkpoint.validators, checkpoint.height));
    } catch (error) {
      throw asUnproven(error);
    }
  }

  /**
   * What a decision of any height decides whose validators are known: the next two, and all up to the
   * one after `changesFrom`. Throws `ValidatorError` with code `unproven`.
   */
  verify(envelope: Uint8Array): DecidedHeight {
    const { decision, commands } = this.#proven(envelope, (height) => this.#validatorsOf(height));
    return decidedOf(decision, commands, this.#changesIn(commands));
  }

  #validatorsOf(height: number): ValidatorSet {
    if (height <= this.#chain.changesFrom + 1) return this.#chain.validators;
    const { height: followed } = this;
    if (height === followed + 1 || height === followed + 2) return this.#sets.at(height);
    throw unproven(
      `the validators of height ${height} are not known here: follow the decisions up to height ` +
        `${height - 2}; this client has followed them up to ${followed}`,
    );
  }

  #changesIn(commands: readonly Command[]): DecidedHeight['changes'] {
    try {
      return this.#sets.changesIn(commands);
    } catch (error) {
      throw asUnproven(error);
    }
  }

  #proven(envelope: Uint8Array, validatorsOf: (height: number) => ValidatorSet): Decided {
    const shown = read(envelope);
    const { decision, value } = shown;
    const validators = validatorsOf(decision.proposal.height);
    const isOfGenesis = validators === this.#chain.validators;
    const checker = isOfGenesis ? this.#genesisChecker : this.#checker;
    const why = whyUnproven(shown, validators, checker);
    if (why !== null) throw unproven(why);
    const commands = readBatch(value, LARGE_VALUES);
    if (commands === null) throw unproven('its value is no batch of commands');
    return { decision, commands };
  }
}

function read(envelope: Uint8Array): ShownDecision {
  try {
    const messages = readEnvelope(envelope);
    const shown = messages.length === 2 ? shownIn(messages) : null;
    if (shown === null) throw unproven('it is no decision with its value');
    return shown;
  } catch (error) {
    throw asUnproven(error);
  }
}

function asUnproven(error: unknown): unknown {
  return error instanceof BftError ? unproven(error.message, error) : error;
}

function unproven(what: string, cause?: unknown): ValidatorError {
  return new ValidatorError('unproven', `what was shown proves nothing: ${what}`, { cause });
}
