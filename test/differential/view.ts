/**
 * What is compared: a node as it stands after an input and what it did, in words that do not
 * depend on whose node it is. The driver in Go answers in this form; `host.ts` makes it of ours.
 */
import type {
  ConfChange,
  ConfState,
  Entry,
  Message,
  MessageType,
  ProgressState,
  Role,
} from '../../consensus/raft/index.js';

/** The public interface of the core, as a value: the one in use may be a mutant. */
export type Core = typeof import('../../consensus/raft/index.js');

/** What a leader knows about one member. */
export interface ProgressView {
  readonly node: number;
  readonly match: number;
  readonly next: number;
  readonly state: ProgressState;
  readonly learner: boolean;
  readonly active: boolean;
  readonly paused: boolean;
  readonly pendingSnapshot: number;
  readonly inflight: number;
  readonly windowFull: boolean;
}

/** A message. Kinds are named as in our core; fields that a kind does not use are zero or empty. */
export interface MessageView {
  readonly type: MessageType;
  readonly from: number;
  readonly to: number;
  readonly term: number;
  readonly logTerm: number;
  readonly index: number;
  readonly commit: number;
  /** `term:name` of each entry; names are those of `entryName`. */
  readonly entries: readonly string[];
  readonly reject: boolean;
  readonly context: string;
  /** `index:term members`, or empty. */
  readonly snapshot: string;
}

/** A node after an input, and what it did. */
export interface NodeView {
  readonly refused: boolean;
  readonly term: number;
  readonly vote: number;
  readonly leader: number;
  readonly role: Role;
  readonly commit: number;
  readonly applied: number;
  readonly first: number;
  readonly last: number;
  readonly snapshot: number;
  readonly transfer: number;
  readonly members: string;
  readonly progress: readonly ProgressView[];
  /** `term:name` of each entry from `first` on. */
  readonly log: readonly string[];
  /** `index=term:name` of each entry that was applied, with ` vetoed` after a refused change. */
  readonly done: readonly string[];
  /** `context=index` of each read that was answered. */
  readonly reads: readonly string[];
}

const names = new WeakMap<Entry, string>();

/** Says what an entry carries: `name/bytes` of a payload, nothing, or a membership change. */
export function entryName(core: Core, entry: Entry): string {
  const known = names.get(entry);
  if (known !== undefined) return known;
  const name = nameOf(core, entry);
  names.set(entry, name);
  return name;
}

function nameOf(core: Core, { type, data }: Entry): string {
  if (type === 'confChange') return changeName(core.decodeConfChange(data));
  if (data.length === 0) return '';
  return `${Buffer.from(data.subarray(0, data.indexOf(58))).toString()}/${data.length}`;
}

function changeName({ transition, changes }: ConfChange): string {
  const letters = { addVoter: 'v', addLearner: 'l', remove: 'r', update: 'u' };
  const how = { auto: 'Auto', jointImplicit: 'JointImplicit', jointExplicit: 'JointExplicit' };
  const parts = changes.map(({ type, node }) => `${letters[type]}${node}`);
  return `change ${how[transition]} ${parts.join(' ')}`;
}

/** `term:name` of each entry. */
export function entryNames(core: Core, entries: readonly Entry[]): string[] {
  return entries.map((entry) => `${entry.term}:${entryName(core, entry)}`);
}

/** A membership in one line. */
export function membersName(state: ConfState): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = state;
  return (
    `voters ${voters.join(',')} | outgoing ${votersOutgoing.join(',')} | ` +
    `learners ${learners.join(',')} | next ${learnersNext.join(',')} | ${autoLeave}`
  );
}

/** One of our messages, with every field. */
export function viewMessage(core: Core, message: Message): MessageView {
  const { type, from, to, term, logTerm, index, commit, reject, context, snapshot } = message;
  const meta = snapshot && `${snapshot.index}:${snapshot.term} ${membersName(snapshot.confState)}`;
  const entries = entryNames(core, message.entries);
  const shown = { type, from, to, term, logTerm, index, commit, entries, reject, context };
  return { ...shown, snapshot: meta ?? '' };
}

/** A payload of `bytes` bytes that can be told from others by its name. */
export function payloadBytes(name: string, bytes: number): Uint8Array {
  const data = new Uint8Array(bytes).fill(46);
  data.set(Buffer.from(`${name}:`));
  return data;
}
