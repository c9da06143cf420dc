/** What it costs to verify that a value is decided. */
import { createPrivateKey, randomBytes, sign } from 'node:crypto';
import {
  type AggregatedDecision,
  type OwnMessage,
  type SignedDecision,
  type SignedVote,
  type ValidatorId,
  decodeMessages,
  encodeMessages,
  expandDecision,
  isAggregated,
  sharedBytes,
  signedBytes,
  signersOf,
} from '../../consensus/bft/index.js';
import { isQuorum } from '../../consensus/bft/quorum.js';
import {
  type BlsKey,
  type Share,
  areAllRight,
  blsKeyOf,
  isSignedByAll,
  sumOf,
} from '../../nodes/bft/aggregates/bls.js';
import { encodeBatch, valueIdOf } from '../../nodes/bft/batch.js';
import { SignatureChecker } from '../../nodes/bft/checking.js';
import { type Chain, readGenesis } from '../../nodes/bft/genesis.js';
import { unprovenVotes } from '../../nodes/bft/proven.js';
import { ChainSets } from '../../nodes/bft/sets.js';
import { makePlainGenesis, readPlainGenesis } from '../../test/nodes/bft/plain-genesis.js';
import { type Bench, type Measurements, median } from '../harness.js';

/** Medians of processor time, and of bytes. */
interface VerificationCost {
  /** Of the signatures of 2f+1 votes, or of the one that they share. */
  readonly certificateMs: number;
  /** Of a decision as it comes: bytes read, quorum counted, 2f+1 votes and the proposal checked. */
  readonly decisionMs: number;
  /** Of a decision without its value. */
  readonly decisionBytes: number;
  /** Of what a validator checks to take 2f+1 votes, one by one or their shares together besides. */
  readonly takenMs: number;
}

/** Decisions to be verified as if none had been seen before. Throws if one does not hold. */
export class Verification {
  readonly #chain: Chain;
  readonly #decisions: readonly SignedDecision[];
  readonly #bls: ReadonlyMap<ValidatorId, BlsKey> | null;

  /** With `aggregates` the votes share one signature. */
  constructor(validators: number, count: number, aggregates = false) {
    const ports = Array.from({ length: validators }, (_, at) => at + 1);
    const { identities, genesis } = makePlainGenesis('bench', ports);
    const plain = readPlainGenesis(genesis);
    const secrets = identities.map(({ peerId }) => [peerId, blsKeyOf(randomBytes(32))] as const);
    this.#bls = aggregates ? new Map(secrets) : null;
    const proven = plain.validators.map((each, at) => {
      return { ...each, bls: secrets[at]![1].prove(identities[at]!) };
    });
    this.#chain = readGenesis(
      aggregates ? { ...plain, aggregates: 'bls', validators: proven } : plain,
    );
    const keys = new Map(
      identities.map(({ peerId, privateKeyPem }) => [peerId, createPrivateKey(privateKeyPem)]),
    );
    const signed = (message: OwnMessage, from: string): Uint8Array =>
      sign(null, signedBytes(this.#chain.digest, message), keys.get(from)!);
    this.#decisions = Array.from({ length: count }, (_, at) => this.#decide(at + 1, signed));
  }

  /** Votes of each certificate: as few as are a quorum. */
  get votes(): readonly number[] {
    return this.#decisions.map(({ certificate }) => certificate.length);
  }

  measure(): VerificationCost {
    const { digest, validators } = this.#chain;
    const sets = new ChainSets(this.#chain);
    const shown = this.#decisions.map((decision) => this.#shown(decision));
    const taken = this.#decisions.map(({ certificate }) => this.#take(certificate));
    const certificate = shown.map((decision) => this.#checkVotes(decision));
    const bytes = shown.map((decision) => encodeMessages([{ type: 'decision', decision }]));
    const decision = bytes.map((each) => {
      const checker = new SignatureChecker(digest, sets);
      return timed(() => {
        const [message] = decodeMessages(each);
        return (
          message?.type === 'decision' &&
          unprovenVotes(message.decision, validators, checker) === null
        );
      });
    });
    return {
      certificateMs: median(certificate),
      decisionMs: median(decision),
      decisionBytes: median(bytes.map(({ length }) => length)),
      takenMs: median(taken),
    };
  }

  #shown(decision: SignedDecision): SignedDecision | AggregatedDecision {
    const { proposal, certificate } = decision;
    if (this.#bls === null) return decision;
    const aggregate = sumOf(this.#shares(certificate).map(({ share }) => share));
    return { proposal, signers: signersOf(certificate, this.#chain.validators), aggregate };
  }

  #shares(votes: readonly SignedVote[]): Share[] {
    return votes.map((vote) => {
      const share = this.#bls!.get(vote.from)!.sign(sharedBytes(this.#chain.digest, vote));
      return { key: this.#chain.blsKeys!.get(vote.from)!, share };
    });
  }

  #checkVotes(decision: SignedDecision | AggregatedDecision): number {
    const { digest, keys, blsKeys, validators } = this.#chain;
    if (!isAggregated(decision)) {
      const checker = new SignatureChecker(digest, keys);
      const message = { type: 'certificate', certificate: decision.certificate } as const;
      return timed(() => checker.isSigned(message));
    }
    const { certificate } = expandDecision(decision, validators)!;
    const bytes = sharedBytes(digest, certificate[0]!);
    const signers = certificate.map(({ from }) => blsKeys!.get(from)!);
    return timed(() => isSignedByAll(bytes, signers, decision.aggregate));
  }

  #take(votes: readonly SignedVote[]): number {
    const checker = new SignatureChecker(this.#chain.digest, this.#chain.keys);
    const shares = this.#bls === null ? [] : this.#shares(votes);
    const bytes = sharedBytes(this.#chain.digest, votes[0]!);
    return timed(
      () =>
        votes.every((vote) => checker.isSigned({ type: 'vote', vote })) &&
        areAllRight(bytes, shares),
    );
  }

  #decide(height: number, signed: (message: OwnMessage, from: string) => Uint8Array) {
    const { validators } = this.#chain;
    const value = valueIdOf(encodeBatch([]));
    const proposal = {
      from: validators.proposerOf(height, 0),
      height,
      round: 0,
      value,
      validRound: -1,
    };
    const certificate: SignedVote[] = [];
    for (const { id: from } of validators.validators) {
      if (isQuorum(certificate.length, validators.totalWeight)) break;
      const vote = { type: 'precommit', from, height, round: 0, value } as const;
      certificate.push({ ...vote, signature: signed({ type: 'vote', vote }, from) });
    }
    const signature = signed({ type: 'proposal', proposal }, proposal.from);
    return { proposal: { ...proposal, signature }, certificate };
  }
}

/** A subject whose rounds verify the same decisions; `read` takes what its bench shows of the cost. */
export function verificationSubject(
  name: string,
  make: () => Verification,
  read: (cost: VerificationCost) => Measurements,
): Bench['subjects'][number] {
  let verification: Verification | undefined;
  return {
    name,
    prepare: () => {
      verification = make();
      verification.measure();
    },
    run: () => {
      if (verification === undefined) throw new Error('prepare comes first');
      return read(verification.measure());
    },
  };
}

/** Processor time of this process in milliseconds: the clock would show other work as well. */
function timed(verify: () => boolean): number {
  const before = process.cpuUsage();
  const holds = verify();
  const { user, system } = process.cpuUsage(before);
  if (!holds) throw new Error('a decision of the bench does not hold');
  return (user + system) / 1_000;
}
