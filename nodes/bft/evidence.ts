/** Proofs that a validator signed two different messages for one place, and amnesia that was found here, kept on the disk. */
import {
  type Evidence,
  type SignedProposal,
  type SignedVote,
  type WireMessage,
  amnesiaOf,
  encodeMessages,
} from '../../consensus/bft/index.js';
import type { FramedLog } from './framed-log.js';
import { EVIDENCE_PER_VALIDATOR_MAX } from './limits.js';
import type { EvidenceReport } from './options.js';
import { ValidatorStore } from './store.js';

/** See the head of this file. */
export class EvidenceStore {
  readonly #log: FramedLog;
  readonly #reports: EvidenceReport[] = [];
  #busy: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(log: FramedLog) {
    this.#log = log;
  }

  static async load(log: FramedLog): Promise<EvidenceStore> {
    const store = new EvidenceStore(log);
    for (let at = 0; at < log.count; at += 1) {
      const report = reportOf(await ValidatorStore.messages(log, at));
      if (report !== null) store.#reports.push(report);
    }
    return store;
  }

  get reports(): readonly EvidenceReport[] {
    return this.#reports;
  }

  /** Keeps evidence; null if there is enough against the validator, or the place is known. */
  add(evidence: Evidence): Promise<EvidenceReport | null> {
    const added = this.#busy.then(() => this.#add(evidence));
    this.#busy = added.catch(() => {});
    return added;
  }

  /** Resolves when nothing is written any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#busy;
  }

  async #add(evidence: Evidence): Promise<EvidenceReport | null> {
    const messages: WireMessage[] =
      evidence.type === 'votes'
        ? evidence.votes.map((vote) => ({ type: 'vote', vote: vote as SignedVote }))
        : evidence.proposals.map((each) => {
            return { type: 'proposal', proposal: each as SignedProposal };
          });
    const report = reportOf(messages);
    if (report === null || this.#isClosed) return null;
    const same = this.#reports.filter(({ culprit }) => culprit === report.culprit);
    const isKnown = same.some(
      ({ kind, height, round }) =>
        kind === report.kind && height === report.height && round === report.round,
    );
    if (isKnown || same.length >= EVIDENCE_PER_VALIDATOR_MAX) return null;
    await this.#log.append(report.proof);
    this.#reports.push(report);
    return report;
  }
}

function reportOf(messages: readonly WireMessage[]): EvidenceReport | null {
  const [first, second] = messages;
  if (first?.type !== 'vote' && first?.type !== 'proposal') return null;
  const about = first.type === 'vote' ? first.vote : first.proposal;
  const areVotes = first.type === 'vote' && second?.type === 'vote';
  const isAmnesia = areVotes && amnesiaOf(first.vote, second.vote) !== null;
  const ofOne = first.type === 'vote' ? first.vote.type : 'proposal';
  const kind = isAmnesia ? 'amnesia' : ofOne;
  const { from: culprit, height, round } = about;
  return { culprit, kind, height, round, proof: encodeMessages(messages) };
}
