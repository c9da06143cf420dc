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
/** Values of one proposer that are judged for one round: a correct one has a single one. */
export const VALUES_PER_ROUND_MAX = 4;
/** Proposals of later rounds than so many after this one wait to be judged. */
export const ROUNDS_AHEAD_MAX = 16;
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
/** Heights of which it is known what was decided, to compare it with others; and those in one answer. */
export const IDS_KEPT_MAX = 65_536;
export const IDS_PER_ANSWER_MAX = 4_096;
/** Beats after which what was decided is compared with the next of the others. */
export const COMPARE_BEATS = 5;
/** Proofs of equivocation that are kept of one validator. */
export const EVIDENCE_PER_VALIDATOR_MAX = 64;
/** Room for the record of a height, and for the state of a signer: one sector, written whole. */
export const RECORD_SLOT_BYTES = 64 * 1024;
export const SIGNER_SLOT_BYTES = 512;
/** A record in a log, a decision of a large value the longest: longer ones can only be damage. */
export const LOG_RECORD_BYTES_MAX = 18 * 1024 * 1024;
/** Signed messages of which other validators are told, and how many of them at once. */
export const WITNESSED_MAX = 4_096;
export const WITNESSED_PER_BEAT_MAX = 512;
/** Bytes of each of the two files of polkas that take turns. */
export const POLKAS_FILE_BYTES = 8 * 1024 * 1024;
/** So long an accused is asked for a polka, when a fork is investigated or amnesia is suspected. */
export const JUSTIFY_MS = 60_000;
/**
 * Amnesia is looked for in so many heights, with so many questions under way; one that no quorum answers
 * for so long is given up.
 */
export const SUSPECTED_HEIGHTS_MAX = 1_024;
export const SUSPICIONS_MAX = 64;
export const SUSPICION_MS_MAX = 600_000;
/**
 * A value in parts is spread in pieces of so many bytes: as in CometBFT, large enough that its proof of
 * 9 hashes is half a percent of it, small enough that none holds up the stream of another.
 */
export const PART_BYTES = 64 * 1024;
/**
 * On a chain with parts, bytes of one command (it is handed to a proposer in one message, of which
 * 16 MiB are the most), of the commands that a proposer takes into a value, and of a value that is
 * voted for, which has room for changes and proofs besides: four of them are in memory at a time.
 */
export const LARGE_COMMAND_BYTES_MAX = 8 * 1024 * 1024;
export const LARGE_BATCH_BYTES_MAX = 16 * 1024 * 1024;
export const LARGE_VALUE_BYTES_MAX = 17 * 1024 * 1024;
/** Bytes of the values of the height under way in memory; older ones are on the disk, or asked for. */
export const VALUES_BYTES_MAX = 128 * 1024 * 1024;
/** Parts in one answer, and its bytes: a quarter of what QUIC lets one stream have on its way. */
export const PARTS_PER_CALL_MAX = 4;
export const PARTS_ANSWER_BYTES_MAX = PARTS_PER_CALL_MAX * (PART_BYTES + 1024);
/** Calls for parts of one value that are open at one peer, and that are answered for one peer. */
export const PARTS_CALLS_PER_PEER_MAX = 2;
export const PARTS_ANSWERING_MAX = 16;
export const PARTS_CALL_TIMEOUT_MS = 10_000;
/**
 * A part that has not come after so long is asked of somebody else besides; so many are asked for at a
 * time, which come within that at 32 Mbit/s.
 */
export const PART_HEDGE_MS = 500;
export const PARTS_ASKED_MAX = 32;
/**
 * Whose turn it is to fetch a part from the proposer is given up on when it tells nothing new for so
 * long after one's own share was here, and for as long as that took. After `SHARES_MS`, and so much more for each part as a link of 32 Mbit/s takes, everybody may take
 * everything from everybody.
 */
export const SHARE_STALL_MS = 500;
export const SHARES_MS = 1_000;
export const SHARES_MS_PER_PART = 16;
/** Values that are collected at a time, and of them those that one validator proposed. */
export const COLLECTED_MAX = 6;
export const COLLECTED_PER_PROPOSER_MAX = 2;
/** Whole values whose parts are kept for others, the present height and the last ones. */
export const SPREAD_MAX = 3;
/** Values of which a peer may tell what it has before they are known here. */
export const TOLD_PER_PEER_MAX = 8;
/** Decided values that are read from the disk for the parts that one peer wants, a second and at once. */
export const OPENED_PER_SECOND = 4;
export const OPENED_BURST = 8;
/** How often it is looked whether parts have to be asked of others; news is told after so long. */
export const COLLECTING_BEAT_MS = 50;
export const HELD_TELL_MS = 5;
/**
 * The wait for a proposal goes on in such steps while parts of its value come, and in all so long for
 * each MiB that it has: a value may come at 32 Mbit/s and less than that in later rounds.
 */
export const PATIENCE_STEP_MS = 250;
export const PATIENCE_MS_PER_MIB = 250;
/**
 * The first round of a height for which somebody said that a long command waits has so much more time: its
 * proposer gets the command, and has the value on its disk, before anybody sees a proposal.
 */
export const LONG_COMMAND_MS = 1_000;
/** A longer command is handed to proposers alone; how long that may take. */
export const HAND_OVER_TIMEOUT_MS = 30_000;
/** Urgency (RFC 9218) of parts and of commands handed over: behind votes, which have 4. */
export const PARTS_URGENCY = 5;
export const HAND_OVER_URGENCY = 6;
/** A decision in an answer to who is behind comes without its value if that is in parts and longer. */
export const VALUE_LEFT_OUT_BYTES = 1024 * 1024;
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
/** What checking a share or a sum of them costs, in checks of Ed25519. */
export const BLS_CHECKS = 10;
/** Keys of shares in changes whose proofs are remembered to be right or wrong. */
export const BROUGHT_KEYS_MAX = 1_024;
/** So long shares wait to be checked together if they are no quorum before. */
export const SHARES_WAIT_MS = 20;
/** Values and rounds of which the share of one validator is kept. */
export const SHARES_PER_VALIDATOR_MAX = 8;
/** Votes for checkpoints that are kept of one validator. */
export const CHECKPOINT_VOTES_MAX = 4;
