/** Bounds and times of a validator. Units stand last in the names. */
import { VALUE_BYTES_MAX } from '../../consensus/bft/limits.js';

export const COMMAND_BYTES_MAX = 256 * 1024;
/** Commands of one value, and their bytes. */
export const BATCH_COMMANDS_MAX = 2_048;
export const BATCH_BYTES_MAX = VALUE_BYTES_MAX / 2;
/**
 * Heights for which a command stays valid. So long those that were decided are remembered: none is
 * decided twice.
 */
export const COMMAND_HEIGHTS_MAX = 256;
/** Commands that wait here: those of this validator, and those that one other forwarded. */
export const WAITING_COMMANDS_MAX = 16_384;
export const WAITING_BYTES_MAX = 32 * 1024 * 1024;
/** Changes of validators that wait here, of each who forwarded them. */
export const WAITING_CHANGES_MAX = 16;
/** So long a proposer waits with changes after its value with some was not decided. */
export const CHANGE_PAUSE_MS = 5_000;
/** Characters of a host name (RFC 1035 section 2.3.4). */
export const HOST_CHARACTERS_MAX = 255;
/** Values of the height under way that are kept, most recent last. */
export const VALUES_MAX = 32;
/** Bytes of values on the disk after which the file begins anew with the next height. */
export const VALUES_FILE_BYTES = 8 * 1024 * 1024;
/** Proposals that wait for their value, or for their height, of one proposer. */
export const PROPOSALS_WAITING_MAX = 4;
/** How often lost messages are made up for, and heights are told. */
export const BEAT_MS = 400;
/** A proposer without commands waits so long for one before it proposes none. */
export const EMPTY_WAIT_MS = 250;
export const TIMEOUTS_DEFAULT = { propose: 1_000, prevote: 500, precommit: 500, growth: 500 };
/** Faults of one peer within `FAULT_WINDOW_MS` after which it is cut off for `CUT_OFF_MS`. */
export const FAULTS_MAX = 16;
export const FAULT_WINDOW_MS = 10_000;
export const CUT_OFF_MS = 10_000;
/** Signatures that are checked for one peer in a second, and at once. More is dropped. */
export const CHECKS_PER_SECOND = 4_000;
export const CHECKS_BURST = 16_000;
/** Signatures found right that are remembered. */
export const CHECKED_MAX = 16_384;
/** Decisions in one answer, their bytes, and how long the answer may take. */
export const DECISIONS_PER_ANSWER_MAX = 64;
export const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
export const CALL_TIMEOUT_MS = 5_000;
/** Proofs of equivocation that are kept of one validator. */
export const EVIDENCE_PER_VALIDATOR_MAX = 64;
/** Room for the record of a height, and for the state of a signer: one sector, written whole. */
export const RECORD_SLOT_BYTES = 64 * 1024;
export const SIGNER_SLOT_BYTES = 512;
/** A record in a log: longer ones can only be damage. */
export const LOG_RECORD_BYTES_MAX = 16 * 1024 * 1024;
/** Signed messages of which other validators are told, and how many of them at once. */
export const WITNESSED_MAX = 4_096;
export const WITNESSED_PER_BEAT_MAX = 512;
/** Bytes of each of the two files of polkas that take turns. */
export const POLKAS_FILE_BYTES = 8 * 1024 * 1024;
/** So long an accused is asked for a polka when a fork is investigated. */
export const JUSTIFY_MS = 60_000;
/** Bytes of a chunk of a snapshot, all but the last one; part of the format. Chunks of a snapshot. */
export const CHUNK_BYTES = 256 * 1024;
export const CHUNKS_MAX = 65_536;
/** Bytes at the head of a snapshot about commands decided of late: 256 heights of 2,048 at most. */
export const RECENT_BYTES_MAX = 20 * 1024 * 1024;
/** Bytes of a checkpoint with all its signatures. */
export const CHECKPOINT_BYTES_MAX = 8 * 1024 * 1024;
/** Stable checkpoints that are kept: who fetches one may end it when the next one is stable. */
export const CHECKPOINTS_KEPT = 2;
/** What checking a signature of ML-DSA-65 costs, in checks of Ed25519. */
export const POST_QUANTUM_CHECKS = 14;
/** Votes for checkpoints that are kept of one validator. */
export const CHECKPOINT_VOTES_MAX = 4;
