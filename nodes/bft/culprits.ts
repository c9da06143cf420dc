/** What is known against validators, and what this validator says of changes of them. */
import type { Accusation, Evidence, Height, ValidatorId } from '../../consensus/bft/index.js';
import { AmnesiaWatch } from './amnesia-watch.js';
import type { ProposedChange } from './change.js';
import type { SignatureChecker } from './checking.js';
import { EvidenceStore } from './evidence.js';
import type { FramedLog } from './framed-log.js';
import { JUSTIFY_MS } from './limits.js';
import type { EvidenceReport, ValidatorOptions } from './options.js';
import type { Peers } from './peers.js';
import type { ChainSets } from './sets.js';
import type { Amnesia } from './witness.js';

/** What it needs of what is around it. */
export interface CulpritsPorts {
  readonly self: ValidatorId;
  readonly sets: ChainSets;
  readonly checker: SignatureChecker;
  readonly peers: Peers;
  readonly store: {
    readonly evidence: FramedLog;
    readonly polkas: { answer(accusation: Accusation): Promise<Uint8Array | null> };
  };
  /** The disk failed. */
  onFailed(error: unknown): void;
  log(line: string): void;
}

/** See the head of this file. */
export class Culprits {
  readonly #options: Pick<ValidatorOptions, 'approveChange' | 'onEvidence' | 'answerMs'>;
  readonly #ports: CulpritsPorts;
  readonly #watch: AmnesiaWatch;
  #evidence!: EvidenceStore;

  constructor(options: ValidatorOptions, ports: CulpritsPorts) {
    this.#options = options;
    this.#ports = ports;
    const { self, sets, checker, peers, store, onFailed } = ports;
    this.#watch = new AmnesiaWatch(options.answerMs ?? JUSTIFY_MS, {
      self,
      checker,
      validatorsAt: (height) => sets.at(height),
      others: () => peers.others,
      call: (peer, method, payload) => peers.call(peer, method, payload),
      own: (accusation) => store.polkas.answer(accusation),
      onGuilty: ({ accused: culprit, precommit, prevote }) =>
        this.keep({ type: 'votes', culprit, votes: [precommit, prevote] }),
      onFailed,
    });
  }

  async load(): Promise<void> {
    this.#evidence = await EvidenceStore.load(this.#ports.store.evidence);
  }

  get reports(): readonly EvidenceReport[] {
    return this.#evidence.reports;
  }

  /** Those who are to be removed since they were found guilty of amnesia here. */
  get amnesiacs(): readonly ValidatorId[] {
    const { sets } = this.#ports;
    const found = this.reports.filter(({ kind, culprit, height }) => {
      return kind === 'amnesia' && sets.canAccuse(culprit, height);
    });
    return [...new Set(found.map(({ culprit }) => culprit))];
  }

  /** What the operator says of a change, or what follows from what is known if nothing. */
  approves(change: ProposedChange): boolean {
    const { id, weight } = change;
    const isOfAmnesia = change.reason === 'command' && weight === 0 && this.amnesiacs.includes(id);
    const reason = isOfAmnesia ? 'amnesia' : change.reason;
    return this.#options.approveChange?.({ ...change, reason }) ?? reason !== 'command';
  }

  /** So many heights are decided, and the validators after them known. */
  decided(height: Height): void {
    this.#watch.decided(height);
  }

  /** Both votes are signed. */
  suspect(amnesia: Amnesia): void {
    this.#watch.suspect(amnesia);
  }

  /** Two messages that are signed, each by the culprit. Throws a `StorageError`. */
  async keep(evidence: Evidence): Promise<void> {
    const report = await this.#evidence.add(evidence);
    if (report === null) return;
    const { culprit, kind, height, round } = report;
    const what =
      kind === 'amnesia'
        ? 'prevoted another value than it had precommitted'
        : `signed two ${kind}s`;
    this.#ports.log(`validator ${culprit} ${what} at height ${height}, round ${round}`);
    this.#options.onEvidence?.(report);
  }

  /** Resolves when nothing is asked or written any more. */
  async close(): Promise<void> {
    await this.#watch.close();
    await this.#evidence.close();
  }
}
