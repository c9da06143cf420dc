/** Validators of one height. */
export const VALIDATORS_MAX = 1024;
/** Sum of the weights of all validators: three times as much is still an exact number. */
export const TOTAL_WEIGHT_MAX = 2 ** 50;
/** Changes of weights that one height decides. */
export const CHANGES_PER_HEIGHT_MAX = 16;
/** Slots after which the order of proposers begins anew: the weights divided by what they share. */
export const PROPOSER_PERIOD_MAX = 65_536;
/** Different votes kept of one validator for one type and round; two prove an equivocation. */
export const VOTES_PER_VALIDATOR_MAX = 4;
/**
 * Different proposals kept for one round. More are taken only if a quorum has voted for their value:
 * a proposer that sends many cannot keep out the one that matters.
 */
export const PROPOSALS_PER_ROUND_MAX = 4;
/** Rounds beyond the current one for which one validator can have votes kept. */
export const FUTURE_ROUNDS_PER_VALIDATOR_MAX = 4;
/** Messages kept of one validator for the next height. */
export const NEXT_HEIGHT_MESSAGES_PER_VALIDATOR_MAX = 16;
/** Characters of the name of a validator or of a value. */
export const NAME_CHARACTERS_MAX = 256;
/** The greatest height and round that are taken. */
export const NUMBER_MAX = 2 ** 48;
/** Inputs that the state machine takes for one message; more can only be a bug. */
export const INPUTS_PER_MESSAGE_MAX = 10_000;
/** Bytes of an Ed25519 signature (RFC 8032). */
export const SIGNATURE_BYTES = 64;
/** Bytes of a BLS signature in compressed form: a share, or the sum of many. */
export const BLS_SIGNATURE_BYTES = 96;
/** Bytes of one value, and of an envelope of messages. */
export const VALUE_BYTES_MAX = 4 * 1024 * 1024;
export const ENVELOPE_BYTES_MAX = 6 * 1024 * 1024;
/** Messages in one envelope. */
export const ENVELOPE_MESSAGES_MAX = 16_384;
/** Own messages in a record. */
export const RECORD_MESSAGES_MAX = 64;
