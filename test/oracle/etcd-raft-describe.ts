/** Prints our messages, states and decisions in the words of etcd's raft. */
import {
  type ConfChange,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  type MessageType,
  type NodeId,
  type ProgressStatus,
  type Ready,
  type Role,
  type WriteReceipt,
  decodeConfChange,
} from '../../consensus/raft/index.js';

/** etcd's names of the kinds of messages. */
export const MESSAGE_NAMES: Record<MessageType, string> = {
  appendRequest: 'MsgApp',
  appendResponse: 'MsgAppResp',
  heartbeat: 'MsgHeartbeat',
  heartbeatResponse: 'MsgHeartbeatResp',
  voteRequest: 'MsgVote',
  voteResponse: 'MsgVoteResp',
  preVoteRequest: 'MsgPreVote',
  preVoteResponse: 'MsgPreVoteResp',
  snapshot: 'MsgSnap',
  timeoutNow: 'MsgTimeoutNow',
  transferLeader: 'MsgTransferLeader',
  readIndexRequest: 'MsgReadIndex',
  readIndexResponse: 'MsgReadIndexResp',
  proposeRequest: 'MsgProp',
  repairRequest: 'repairRequest',
  repairResponse: 'repairResponse',
  logEndRequest: 'logEndRequest',
  logEndResponse: 'logEndResponse',
};

/** etcd's names of the roles. */
export const ROLE_NAMES: Record<Role, string> = {
  follower: 'StateFollower',
  precandidate: 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
};

const STATE_NAMES = {
  probe: 'StateProbe',
  replicate: 'StateReplicate',
  snapshot: 'StateSnapshot',
} as const;
const CHANGE_LETTERS = { addVoter: 'v', addLearner: 'l', remove: 'r', update: 'u' } as const;

/** Marks a change that a script proposes in etcd's first encoding, which we do not have. */
export const FIRST_VERSION = new Uint8Array([1]);

export const hex = (id: NodeId): string => id.toString(16);

type Members = {
  [Key in 'voters' | 'votersOutgoing' | 'learners' | 'learnersNext']: Iterable<NodeId>;
} & { autoLeave: boolean };

function printIds(ids: Iterable<NodeId>): string {
  return `(${[...ids]
    .sort((a, b) => a - b)
    .map(hex)
    .join(' ')})`;
}

/** A membership as `voters=(1 2)&&(1) learners=(3) autoleave`. */
export function printMembers(members: Members): string {
  const outgoing = [...members.votersOutgoing];
  let out = `voters=${printIds(members.voters)}`;
  if (outgoing.length > 0) out += `&&${printIds(outgoing)}`;
  if ([...members.learners].length > 0) out += ` learners=${printIds(members.learners)}`;
  if ([...members.learnersNext].length > 0) {
    out += ` learners_next=${printIds(members.learnersNext)}`;
  }
  return members.autoLeave ? `${out} autoleave` : out;
}

/** What a leader knows about a member. */
export function printProgress(progress: ProgressStatus): string {
  const { state, match, next, pendingSnapshot, inflightMessages: inflight } = progress;
  let out = `${STATE_NAMES[state]} match=${match} next=${next}`;
  if (progress.isLearner) out += ' learner';
  if (progress.paused) out += ' paused';
  if (pendingSnapshot > 0) out += ` pendingSnap=${pendingSnapshot}`;
  if (!progress.recentActive) out += ' inactive';
  if (inflight > 0) out += ` inflight=${inflight}${progress.windowFull ? '[full]' : ''}`;
  return out;
}

/** One line a member, by id. */
export function printProgressMap(progress: ReadonlyMap<NodeId, ProgressStatus>): string {
  const ids = [...progress.keys()].sort((a, b) => a - b);
  return ids.map((id) => `${id}: ${printProgress(progress.get(id) as ProgressStatus)}\n`).join('');
}

function isFirstVersion(change: ConfChange): boolean {
  return change.context?.[0] === FIRST_VERSION[0];
}

/** An entry as `1/4 EntryNormal "foo"`. */
export function printEntry({ term, index, type, data }: Entry): string {
  const head = `${term}/${index} `;
  if (type === 'normal')
    return `${head}EntryNormal ${JSON.stringify(Buffer.from(data).toString())}`;
  const change = decodeConfChange(data);
  const text = change.changes.map((each) => CHANGE_LETTERS[each.type] + each.node).join(' ');
  const name = isFirstVersion(change) ? 'EntryConfChange' : 'EntryConfChangeV2';
  return text === '' ? head + name : `${head}${name} ${text}`;
}

export function printEntries(entries: readonly Entry[]): string {
  return entries.map((entry) => `${printEntry(entry)}\n`).join('');
}

export function printHardState({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === 0 ? '' : ` Vote:${vote}`} Commit:${commit}`;
}

function list(ids: readonly NodeId[]): string {
  return `[${ids.join(' ')}]`;
}

function printConfState(state: ConfState): string {
  return (
    `Voters:${list(state.voters)} VotersOutgoing:${list(state.votersOutgoing)} ` +
    `Learners:${list(state.learners)} LearnersNext:${list(state.learnersNext)} ` +
    `AutoLeave:${state.autoLeave}`
  );
}

export function printSnapshot(meta: { index: number; term: number; confState: ConfState }): string {
  return `Index:${meta.index} Term:${meta.term} ConfState:${printConfState(meta.confState)}`;
}

function printList(entries: readonly Entry[]): string {
  if (entries.length === 0) return '';
  if (entries.length === 1) return ` Entries:[${printEntry(entries[0] as Entry)}]`;
  return ` Entries:[${entries.map((entry) => `\n  ${printEntry(entry)}`).join('')}\n]`;
}

/** A message as etcd prints it, without what only our refusals of votes carry. */
export function printMessage(message: Message): string {
  const { type, from, to, term, entries, snapshot } = message;
  const isRefusedVote = (type === 'voteResponse' || type === 'preVoteResponse') && message.reject;
  const logTerm = isRefusedVote ? 0 : message.logTerm;
  const index = isRefusedVote || type === 'transferLeader' ? 0 : message.index;
  let out = `${hex(from)}->${hex(to)} ${MESSAGE_NAMES[type]} Term:${term} Log:${logTerm}/${index}`;
  if (message.reject) out += ` Rejected (Hint: ${message.rejectHint})`;
  if (message.commit !== 0) out += ` Commit:${message.commit}`;
  out += printList(entries);
  if (snapshot !== null) out += `\n  Snapshot: ${printSnapshot(snapshot)}`;
  return out;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}

/** What the driver reports of a write, as etcd's message. */
export function printReceipt(id: NodeId, receipt: WriteReceipt): string {
  const { term, logTerm, index, snapshot } = receipt;
  const out = `AppendThread->${hex(id)} MsgStorageAppendResp Term:${term} Log:${logTerm}/${index}`;
  return snapshot === null ? out : `${out}\n  Snapshot: ${printSnapshot(snapshot)}`;
}

/** What a ready asks the append thread for, as etcd's message, alone and with the answers. */
export function printStorageAppend(id: NodeId, ready: Ready): { request: string; whole: string } {
  const { hardState, snapshot, entries, messagesAfterPersist, receipt } = ready;
  const { term = 0, vote = 0, commit = 0 } = hardState ?? {};
  let request = `${hex(id)}->AppendThread MsgStorageAppend Term:${term} Log:0/0`;
  if (commit !== 0) request += ` Commit:${commit}`;
  if (vote !== 0) request += ` Vote:${vote}`;
  request += printList(entries);
  if (snapshot !== undefined) request += `\n  Snapshot: ${printSnapshot(snapshot)}`;
  const answers = messagesAfterPersist.map(printMessage);
  if (receipt !== null) answers.push(printReceipt(id, receipt));
  if (answers.length === 0) return { request, whole: request };
  return { request, whole: `${request} Responses:[\n${indent(answers.join('\n'))}\n]` };
}

/** What a ready asks the apply thread for, as etcd's messages. */
export function printStorageApply(
  id: NodeId,
  entries: readonly Entry[],
): { request: string; response: string; whole: string } {
  const list = printList(entries);
  const request = `${hex(id)}->ApplyThread MsgStorageApply Term:0 Log:0/0${list}`;
  const response = `ApplyThread->${hex(id)} MsgStorageApplyResp Term:0 Log:0/0${list}`;
  return { request, response, whole: `${request} Responses:[\n${indent(response)}\n]` };
}
