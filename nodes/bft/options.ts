import type { TimeoutConfig, ValidatorId } from '../../consensus/bft/index.js';
import type { Identity } from '../../transport/identity/index.js';
import type { StorageDisk } from '../storage/index.js';
import type { BlsKey } from './aggregates/bls.js';
import type { ProposedChange } from './change.js';
import type { Genesis } from './genesis.js';
import type { ForkReport } from './investigation.js';
import type { PeerCounts } from './peer-guard.js';
import type { PostQuantumKey } from './post-quantum.js';

/** What was decided at one height. */
export interface DecidedHeight {
  readonly height: number;
  /** The round in which it was proposed. */
  readonly round: number;
  /** As they were submitted, in their order. None is in two heights. */
  readonly commands: readonly Uint8Array[];
  /** Changes of validators, which count from two heights later on. */
  readonly changes: readonly ProposedChange[];
}

/**
 * A validator that signed two different messages for one place; or, of kind `amnesia`, that prevoted another
 * value than it had precommitted, and had no polka to show for it (`amnesia-watch.ts`).
 */
export interface EvidenceReport {
  readonly culprit: ValidatorId;
  readonly kind: 'proposal' | 'prevote' | 'precommit' | 'amnesia';
  readonly height: number;
  /** The round of both, or of the precommit. */
  readonly round: number;
  /**
   * Two or more signed messages, as an envelope; anybody who knows the keys can check them. Those of
   * amnesia are a question, which anybody may ask again.
   */
  readonly proof: Uint8Array;
}

/** How the state of the application travels and is kept, where the genesis has `checkpointsEvery`. */
export interface SnapshotOptions {
  /**
   * The state behind a height that was just applied, in pieces of any length. Their bytes are the same on
   * all validators, which may have decided a height in different rounds. The next height waits until the
   * last piece was taken; throwing ends the validator.
   */
  readonly take: (height: number) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /**
   * Puts the state behind a height in place of the one that is there, whatever it is: `apply` goes on
   * with the height after it. Resolves when it is kept. If it did not end because of a crash or since it
   * threw, `appliedHeight` must be below this height, and it is called again.
   */
  readonly restore: (height: number, pieces: AsyncIterable<Uint8Array>) => void | Promise<void>;
  /**
   * How many of the last heights keep their decisions, besides those after the last checkpoint but one.
   * When left out, all do.
   */
  readonly retainHeights?: number;
  /**
   * Whether checkpoints of others are believed only if more than two thirds of the weight have signed
   * them with ML-DSA-65 as well; false when left out.
   */
  readonly demandPostQuantum?: boolean;
  /**
   * The checkpoint from which one that has not come to its height begins, and no other: `checkpoint()`
   * of a validator whose operator is trusted gives it. When left out, one is believed that more than a
   * third of the validators known here have signed.
   */
  readonly trusted?: {
    readonly height: number;
    /** 32 bytes. */
    readonly digest: Uint8Array;
  };
}

/** A stable checkpoint as it is shown to others. */
export interface ShownCheckpoint {
  readonly height: number;
  /** What it is known by, 32 bytes: the same on all validators. */
  readonly digest: Uint8Array;
  /** It with its signatures, for a light client. */
  readonly bytes: Uint8Array;
  /** Whether more than two thirds of the weight have signed it with ML-DSA-65 as well. */
  readonly isPostQuantum: boolean;
}

/** How a validator is opened. */
export interface ValidatorOptions {
  /** Holds its files; one process at a time may use it. */
  readonly directory: string;
  /** Its public key is in the genesis, unless `changesFrom` allows that it becomes a validator later. */
  readonly identity: Identity;
  readonly genesis: Genesis;
  /** Where it listens; its address among the validators when left out, which one that joins cannot. */
  readonly listen?: { readonly host: string; readonly port: number };
  /**
   * Takes what was decided, height by height, after it is durable; the next height waits for it. What
   * it throws ends the validator. After a crash the heights after `appliedHeight` come again.
   */
  readonly apply: (decided: DecidedHeight) => void | Promise<void>;
  /**
   * Whether a command may be decided, given all that is applied. It must say the same on all correct
   * validators. Every command may when this is left out.
   */
  readonly validate?: (command: Uint8Array) => boolean;
  /**
   * Whether this validator proposes, and votes for, a change of validators: what its operator says. A
   * quorum has to say so. When left out, those are removed against whom there is a proof, or whom this
   * validator has found guilty of amnesia, and nothing else is approved.
   */
  readonly approveChange?: (change: ProposedChange) => boolean;
  /** The last height that the application has kept; 0, the default, has all applied again. */
  readonly appliedHeight?: number;
  /** Its key of ML-DSA-65; left out exactly where the genesis names none for it. */
  readonly postQuantum?: PostQuantumKey;
  /** Its key of shares; left out exactly where the genesis has no `aggregates`. */
  readonly bls?: BlsKey;
  /** Left out exactly where the genesis has no `checkpointsEvery`. */
  readonly snapshots?: SnapshotOptions;
  /** Where its files are, but for the lock of the directory; that of this machine when left out. */
  readonly disk?: StorageDisk;
  /** Milliseconds. */
  readonly timeoutsMs?: TimeoutConfig;
  /** So long a validator that is suspected of amnesia may take to show a polka. Milliseconds; one minute. */
  readonly answerMs?: number;
  readonly onEvidence?: (report: EvidenceReport) => void;
  /** Two values were decided for one height; `onFailed` follows. Who made it is named in the report. */
  readonly onFork?: (report: ForkReport) => void;
  /** Disk, application or agreement failed; the validator takes part no more. */
  readonly onFailed?: (error: Error) => void;
  readonly log?: (line: string) => void;
}

/** Where a command was decided. */
export interface Place {
  readonly height: number;
  /** Its place in the height, from 0 on. */
  readonly index: number;
}

/** What a validator knows of itself. */
export interface ValidatorStatus {
  readonly id: ValidatorId;
  /** The last height that is decided and applied here. */
  readonly height: number;
  /** What its votes count in the height under way; 0 if it is no validator. */
  readonly weight: number;
  readonly commandsWaiting: number;
  /** Own messages that were not signed since they contradict what was. */
  readonly withheld: number;
  readonly peersUp: number;
  readonly peers: ReadonlyMap<ValidatorId, PeerCounts>;
}
