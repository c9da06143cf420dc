/**
 * The proof that a swarm has approved a plan: what more than two thirds of its members precommitted,
 * with their signatures and keys. It travels in the entry that starts the rollout.
 *
 *     certificate   msgpack array: version 1, peer ids of the members in their order,
 *                   raw public keys of those who signed, record
 *     record        envelope of `consensus/bft/codec.ts`: the decision, and its value
 *
 * Who reads one trusts none of it: the members must be those that the reader was told to trust.
 */
import {
  BftError,
  type SignedDecision,
  type ValidatorId,
  decodeMessages,
  isAggregated,
} from '../../consensus/bft/index.js';
import { VALIDATORS_MAX } from '../../consensus/bft/limits.js';
import { readBatch } from '../bft/batch.js';
import { SignatureChecker } from '../bft/checking.js';
import { type ShownDecision, shownIn, unproven as whyUnproven } from '../bft/proven.js';
import { NodeError, messageOf } from '../errors.js';
import { Fields, decode, encode } from '../wire/fields.js';
import { APPROVAL_BYTES_MAX, PEER_ID_LENGTH_MAX } from '../wire/limits.js';
import { type ApprovalChain, approvalChain } from './chain.js';
import { APPROVERS_MIN } from './limits.js';
import { type ApprovalValue, decodeValue } from './value.js';

const VERSION = 1;

/** Whom a reader trusts to approve, and what they have to have approved. */
export interface Expected {
  readonly swarmId: string;
  /** Id of the rollout before, by the log of the reader. */
  readonly after: number;
  /** Peer ids of all members. */
  readonly members: readonly ValidatorId[];
  /** That of the plan which is to run; null when any is asked for. */
  readonly digest: string | null;
}

/** What a certificate proves. */
export interface Approved {
  readonly value: ApprovalValue;
  /** Peer ids of those whose signatures are in it. */
  readonly approvers: readonly ValidatorId[];
}

/**
 * `record` is a decision of the chain with its value, as validators store it. Null unless the chain knows
 * the keys of all who signed it.
 */
export function encodeApproval(chain: ApprovalChain, record: Uint8Array): Uint8Array | null {
  const members = chain.validators.validators.map(({ id }) => id);
  const { decision } = readRecord(record);
  const signers = new Set(signersOf(decision));
  const keys = [...chain.publicKeys].filter(([id]) => signers.has(id)).map(([, key]) => key);
  if (keys.length < signers.size) return null;
  return encode([VERSION, members, keys, record]);
}

/** What the certificate proves to a reader that expects this. Throws a `NodeError` that says why it proves nothing. */
export function verifyApproval(bytes: Uint8Array, expected: Expected): Approved {
  try {
    return verify(bytes, expected);
  } catch (error) {
    if (!(error instanceof BftError)) throw error;
    throw new NodeError('malformed', messageOf(error), error);
  }
}

function verify(bytes: Uint8Array, { swarmId, after, members, digest }: Expected): Approved {
  if (bytes.length > APPROVAL_BYTES_MAX) throw unproven(`it has ${bytes.length} bytes`);
  const fields = new Fields(decode(bytes, 'approval'), 'approval');
  const version = fields.count('version');
  if (version !== VERSION) fields.fail('version', `${VERSION}; it is ${version}`);
  const told = fields.list('members', VALIDATORS_MAX, (list) =>
    list.string('member', PEER_ID_LENGTH_MAX),
  );
  requireMembers(told, members);
  const keys = fields.list('keys', VALIDATORS_MAX, (list) => list.bytes('key'));
  const shown = readRecord(fields.bytes('record'));
  const found = approvedValue(shown.value);
  if (found.swarmId !== swarmId) throw unproven(`it is of swarm ${found.swarmId}`);
  if (found.after !== after) {
    throw unproven(`it is for the rollout after ${found.after}, and this one comes after ${after}`);
  }
  if (digest !== null && found.digest !== digest) {
    throw unproven(`what was approved is the plan ${found.digest}`);
  }
  const chain = approvalChain({ swarmId, after, members });
  chain.learn(keys);
  const why = whyUnproven(shown, chain.validators, new SignatureChecker(chain.digest, chain.keys));
  if (why !== null) throw unproven(why);
  return { value: found, approvers: shown.decision.certificate.map(({ from }) => from) };
}

/** Throws a `NodeError` unless the two lists name the same members, enough of them. */
export function requireMembers(
  told: readonly ValidatorId[],
  trusted: readonly ValidatorId[],
): void {
  const added = told.filter((id) => !trusted.includes(id));
  const gone = trusted.filter((id) => !told.includes(id));
  if (added.length + gone.length > 0 || told.length !== trusted.length) {
    const names = [...added.map((id) => `+${id}`), ...gone.map((id) => `-${id}`)].join(' ');
    throw unproven(
      `the members are not those that this node was told to trust (${names}); look at them, then ` +
        "'agentic-flow rollout approvals --trust --data DIR' on this node",
    );
  }
  if (trusted.length < APPROVERS_MIN) {
    throw unproven(`${trusted.length} members are too few; at least ${APPROVERS_MIN} can approve`);
  }
}

/** All commands of a batch that approves say the same: a faulty proposer may have repeated one. */
function approvedValue(batch: Uint8Array): ApprovalValue {
  const commands = readBatch(batch);
  const [first] = commands ?? [];
  if (commands === null || first === undefined) throw unproven('it decides nothing');
  const isOne = commands.every(
    ({ kind, data }) => kind === 'application' && Buffer.from(data).equals(first.data),
  );
  if (!isOne) throw unproven('it decides several things');
  return decodeValue(first.data);
}

function readRecord(record: Uint8Array): ShownDecision & { readonly decision: SignedDecision } {
  const messages = decodeMessages(record);
  const shown = messages.length === 2 ? shownIn(messages) : null;
  if (shown === null || isAggregated(shown.decision)) throw unproven('it holds no decision');
  return { value: shown.value, decision: shown.decision };
}

function signersOf({ proposal, certificate }: SignedDecision): ValidatorId[] {
  return [proposal.from, ...certificate.map(({ from }) => from)];
}

function unproven(what: string): NodeError {
  return new NodeError('refused', `the approval proves nothing: ${what}`);
}
