/** What it costs to verify that a value is decided. */
import { createPrivateKey, sign } from 'node:crypto';
import {
  type OwnMessage,
  type SignedDecision,
  type SignedVote,
  decodeMessages,
  encodeMessages,
  signedBytes,
} from '../../consensus/bft/index.js';
import { isQuorum } from '../../consensus/bft/quorum.js';
import { encodeBatch, valueIdOf } from '../../nodes/bft/batch.js';
import { SignatureChecker } from '../../nodes/bft/checking.js';
import { type Chain, readGenesis } from '../../nodes/bft/genesis.js';
import { unprovenVotes } from '../../nodes/bft/proven.js';
import { makePlainGenesis, readPlainGenesis } from '../../test/nodes/bft/plain-genesis.js';
import { median } from '../harness.js';

/** Medians of processor time. */
interface VerificationCost {
  /** Of the signatures of 2f+1 votes. */
  readonly certificateMs: number;
  /** Of a decision as it comes: bytes read, quorum counted, 2f+1 votes and the proposal checked. */
  readonly decisionMs: number;
}

/** Decisions to be verified as if none had been seen before. Throws if one does not hold. */
export class Verification {
  readonly #chain: Chain;
  readonly #decisions: readonly SignedDecision[];

  constructor(validators: number, count: number) {
    const ports = Array.from({ length: validators }, (_, at) => at + 1);
    const { identities, genesis } = makePlainGenesis('bench', ports);
    this.#chain = readGenesis(readPlainGenesis(genesis));
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
    const { digest, keys, validators } = this.#chain;
    const certificate = this.#decisions.map((decision) => {
      const checker = new SignatureChecker(digest, keys);
      const message = { type: 'certificate', certificate: decision.certificate } as const;
      return timed(() => checker.isSigned(message));
    });
    const decision = this.#decisions.map((each) => {
      const checker = new SignatureChecker(digest, keys);
      const bytes = encodeMessages([{ type: 'decision', decision: each }]);
      return timed(() => {
        const [message] = decodeMessages(bytes);
        return (
          message?.type === 'decision' &&
          unprovenVotes(message.decision, validators, checker) === null
        );
      });
    });
    return { certificateMs: median(certificate), decisionMs: median(decision) };
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

/** Processor time of this process in milliseconds: the clock would show other work as well. */
function timed(verify: () => boolean): number {
  const before = process.cpuUsage();
  const holds = verify();
  const { user, system } = process.cpuUsage(before);
  if (!holds) throw new Error('a decision of the bench does not hold');
  return (user + system) / 1_000;
}
