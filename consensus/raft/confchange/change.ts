import { RaftError, assert } from '../error.js';
import { CHANGES_PER_ENTRY_MAX, CHANGE_CONTEXT_BYTES_MAX } from '../limits.js';
import type { NodeId } from '../types.js';

/** What happens to one member. `update` changes nothing but is logged (an address, say). */
export type ChangeType = 'addVoter' | 'addLearner' | 'remove' | 'update';

/** The change of one member. Adding a member that is there changes its kind. */
export interface ConfChangeSingle {
  readonly type: ChangeType;
  readonly node: NodeId;
}

/**
 * How a change goes from the old to the new membership. `auto` takes the single-step way where at
 * most one voter changes and a joint configuration with automatic leave otherwise; `jointImplicit`
 * always goes through a joint configuration and leaves it by itself; `jointExplicit` waits for an
 * empty change that leaves it.
 */
export type ChangeTransition = 'auto' | 'jointImplicit' | 'jointExplicit';

/** A membership change (Raft section 6, thesis chapter 4). No change at all leaves a joint one. */
export interface ConfChange {
  readonly transition: ChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  /** Bytes for the application (addresses, certificates), carried untouched. */
  readonly context?: Uint8Array;
}

/** The change that leaves a joint configuration. */
export const LEAVE_JOINT: ConfChange = { transition: 'auto', changes: [] };

/** How a change is to be carried out. */
export type ChangeKind = 'simple' | 'enterJoint' | 'leaveJoint';

/** Tells which of the three operations a change stands for. */
export function changeKind(change: ConfChange): ChangeKind {
  if (change.changes.length === 0 && change.transition === 'auto') return 'leaveJoint';
  if (change.transition !== 'auto' || change.changes.length > 1) return 'enterJoint';
  return 'simple';
}

const VERSION = 1;
const CHANGE_TYPES: readonly ChangeType[] = ['addVoter', 'addLearner', 'remove', 'update'];
const TRANSITIONS: readonly ChangeTransition[] = ['auto', 'jointImplicit', 'jointExplicit'];
const HEADER_BYTES = 8;
const CHANGE_BYTES = 9;

/**
 * Encodes a change as entry data: version u8, transition u8, count u16, context length u32, then
 * for each change type u8 and node u64, then the context; all little-endian.
 */
export function encodeConfChange(change: ConfChange): Uint8Array {
  const { changes } = change;
  const context = change.context ?? new Uint8Array(0);
  assert(changes.length <= CHANGES_PER_ENTRY_MAX, 'a change names a bounded number of members');
  assert(context.length <= CHANGE_CONTEXT_BYTES_MAX, 'the context of a change is bounded');
  const bytes = new Uint8Array(HEADER_BYTES + changes.length * CHANGE_BYTES + context.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, TRANSITIONS.indexOf(change.transition));
  view.setUint16(2, changes.length, true);
  view.setUint32(4, context.length, true);
  let at = HEADER_BYTES;
  for (const { type, node } of changes) {
    view.setUint8(at, CHANGE_TYPES.indexOf(type));
    view.setBigUint64(at + 1, BigInt(node), true);
    at += CHANGE_BYTES;
  }
  bytes.set(context, at);
  return bytes;
}

function bad(what: string): RaftError {
  return new RaftError('bad-encoding', `membership change: ${what}`);
}

/** Decodes what `encodeConfChange` made. Throws a `RaftError` with code `bad-encoding`. */
export function decodeConfChange(data: Uint8Array): ConfChange {
  if (data.length < HEADER_BYTES) throw bad(`${data.length} bytes are too few`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (view.getUint8(0) !== VERSION) throw bad(`version ${view.getUint8(0)} is not known`);
  const transition = TRANSITIONS[view.getUint8(1)];
  if (transition === undefined) throw bad(`transition ${view.getUint8(1)} is not known`);
  const count = view.getUint16(2, true);
  const contextBytes = view.getUint32(4, true);
  if (count > CHANGES_PER_ENTRY_MAX) throw bad(`${count} members are too many`);
  if (data.length !== HEADER_BYTES + count * CHANGE_BYTES + contextBytes) {
    throw bad(`${data.length} bytes do not fit the counts in the header`);
  }
  const changes: ConfChangeSingle[] = [];
  let at = HEADER_BYTES;
  for (let i = 0; i < count; i += 1, at += CHANGE_BYTES) {
    const type = CHANGE_TYPES[view.getUint8(at)];
    const node = Number(view.getBigUint64(at + 1, true));
    if (type === undefined) throw bad(`change type ${view.getUint8(at)} is not known`);
    if (!Number.isSafeInteger(node) || node === 0) throw bad('a node id is out of range');
    changes.push({ type, node });
  }
  return contextBytes === 0
    ? { transition, changes }
    : { transition, changes, context: new Uint8Array(data.subarray(at)) };
}
