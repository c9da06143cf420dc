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
  type RaftEvent,
  type Role,
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
const CHANGE_NAMES = {
  addVoter: 'ConfChangeAddNode',
  addLearner: 'ConfChangeAddLearnerNode',
  remove: 'ConfChangeRemoveNode',
  update: 'ConfChangeUpdateNode',
} as const;
const TRANSITION_NAMES = {
  auto: 'ConfChangeTransitionAuto',
  jointImplicit: 'ConfChangeTransitionJointImplicit',
  jointExplicit: 'ConfChangeTransitionJointExplicit',
} as const;

/** Marks a change that a script proposes in etcd's first encoding, which we do not have. */
export const FIRST_VERSION = new Uint8Array([1]);

const hex = (id: NodeId): string => id.toString(16);

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

/** A message as etcd prints it, without what only our refusals of votes carry. */
export function printMessage(message: Message): string {
  const { type, from, to, term, entries, snapshot } = message;
  const isRefusedVote = (type === 'voteResponse' || type === 'preVoteResponse') && message.reject;
  const logTerm = isRefusedVote ? 0 : message.logTerm;
  const index = isRefusedVote || type === 'transferLeader' ? 0 : message.index;
  let out = `${hex(from)}->${hex(to)} ${MESSAGE_NAMES[type]} Term:${term} Log:${logTerm}/${index}`;
  if (message.reject) out += ` Rejected (Hint: ${message.rejectHint})`;
  if (message.commit !== 0) out += ` Commit:${message.commit}`;
  if (entries.length === 1) out += ` Entries:[${printEntry(entries[0] as Entry)}]`;
  if (entries.length > 1) {
    out += ` Entries:[${entries.map((entry) => `\n  ${printEntry(entry)}`).join('')}\n]`;
  }
  if (snapshot !== null) out += `\n  Snapshot: ${printSnapshot(snapshot)}`;
  return out;
}

function printChange(change: ConfChange): string {
  const changes = change.changes.map(({ type, node }) => `{${CHANGE_NAMES[type]} ${node}}`);
  return `{${TRANSITION_NAMES[change.transition]} [${changes.join(' ')}] []}`;
}

/** The levels of etcd's log. */
export type Level = 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';
type Line = readonly [Level, string];

const WHY_IGNORED = {
  joint: 'must transition out of joint config first',
  'not-joint': 'not in joint state; refusing empty conf change',
  'no-own-term-commit': 'no entry of the own term is committed',
  impossible: 'not possible from this configuration',
} as const;

/** The log lines in which etcd's raft would report a decision of node `id`. */
export function printEvent(id: NodeId, event: RaftEvent, voters: readonly NodeId[]): Line[] {
  const me = hex(id);
  switch (event.type) {
    case 'started':
      return [
        [
          'INFO',
          `newRaft ${me} [peers: [${voters.map(hex).join(',')}], term: ${event.term}, ` +
            `commit: ${event.commit}, applied: ${event.applied}, lastindex: ${event.log.index}, ` +
            `lastterm: ${event.log.term}]`,
        ],
      ];
    case 'became': {
      const role = event.role === 'precandidate' ? 'pre-candidate' : event.role;
      return [['INFO', `${me} became ${role} at term ${event.term}`]];
    }
    case 'membership':
      return [['INFO', `${me} switched to configuration ${printMembers(event.members)}`]];
    case 'campaignStarted':
      return [['INFO', `${me} is starting a new election at term ${event.term}`]];
    case 'campaignIgnored':
      if (event.why === 'leader')
        return [['DEBUG', `${me} ignoring MsgHup because already leader`]];
      if (event.why === 'not-voter') {
        return [['WARN', `${me} is unpromotable and can not campaign`]];
      }
      return [
        [
          'WARN',
          `${me} cannot campaign at term ${event.term} since there are still pending ` +
            'configuration changes to apply',
        ],
      ];
    case 'quorumInactive':
      return [['WARN', `${me} stepped down to follower since quorum is not active`]];
    case 'leaderForgotten':
      return [['INFO', `${me} forgetting leader ${hex(event.leader)} at term ${event.term}`]];
    case 'changeIgnored': {
      const { why } = event;
      const reason =
        why.reason === 'pending'
          ? `possible unapplied conf change at index ${why.index} (applied to ${why.applied})`
          : WHY_IGNORED[why.reason];
      const text = `${me} ignoring conf change ${printChange(event.change)} at config`;
      return [['INFO', `${text} ${printMembers(event.members)}: ${reason}`]];
    }
    case 'leavingJoint': {
      const text = 'initiating automatic transition out of joint configuration';
      return [['INFO', `${text} ${printMembers(event.members)}`]];
    }
    default:
      return printTraffic(me, event);
  }
}

function printTraffic(me: string, event: RaftEvent): Line[] {
  switch (event.type) {
    case 'voteRequested': {
      const { log, message, to, term } = event;
      const own = `[logterm: ${log.term}, index: ${log.index}]`;
      const name = MESSAGE_NAMES[message];
      return [['INFO', `${me} ${own} sent ${name} request to ${hex(to)} at term ${term}`]];
    }
    case 'voteReceived': {
      const rejection = event.granted ? '' : ' rejection';
      const text = `${me} received ${MESSAGE_NAMES[event.message]}${rejection}`;
      return [['INFO', `${text} from ${hex(event.from)} at term ${event.term}`]];
    }
    case 'votesCounted': {
      const { granted, message, rejected } = event;
      const text = `${me} has received ${granted} ${MESSAGE_NAMES[message]} votes`;
      return [['INFO', `${text} and ${rejected} vote rejections`]];
    }
    case 'voteAnswered':
    case 'voteIgnored':
      return [['INFO', printVote(me, event)]];
    case 'higherTerm':
    case 'lowerTermIgnored': {
      const name = MESSAGE_NAMES[event.message];
      const isHigher = event.type === 'higherTerm';
      const what = isHigher
        ? `received a ${name} message with higher term`
        : `ignored a ${name} message with lower term`;
      const theirs = `from ${hex(event.from)} [term: ${event.theirs}]`;
      return [['INFO', `${me} [term: ${event.term}] ${what} ${theirs}`]];
    }
    case 'answerDropped':
      return [['DEBUG', `${me} no progress available for ${hex(event.from)}`]];
    case 'proposalDropped':
      if (event.why === 'transferring') {
        const text = `transfer leadership to ${hex(event.target)} is in progress`;
        return [['DEBUG', `${me} [term ${event.term}] ${text}; dropping proposal`]];
      }
      if (event.why === 'no-leader') {
        return [['INFO', `${me} no leader at term ${event.term}; dropping proposal`]];
      }
      return [['INFO', `${me} not forwarding at term ${event.term}; dropping proposal`]];
    case 'transferStarted':
    case 'transferReplaced':
    case 'transferRepeated':
    case 'transferTimedOut':
    case 'timeoutNowSent':
    case 'timeoutNowReceived':
      return printTransfer(me, event);
    default:
      return printReplication(me, event);
  }
}

function printVote(
  me: string,
  event: Extract<RaftEvent, { type: 'voteAnswered' | 'voteIgnored' }>,
): string {
  const { log, vote, message, from, candidate, term, granted } = event;
  const head = `${me} [logterm: ${log.term}, index: ${log.index}, vote: ${hex(vote)}]`;
  const theirs = `${hex(from)} [logterm: ${candidate.term}, index: ${candidate.index}]`;
  const name = MESSAGE_NAMES[message];
  if (event.type === 'voteIgnored') {
    const lease = `lease is not expired (remaining ticks: ${event.leaseTicksLeft})`;
    return `${head} ignored ${name} from ${theirs} at term ${term}: ${lease}`;
  }
  if (granted) return `${head} cast ${name} for ${theirs} at term ${term}`;
  return `${head} rejected ${name} from ${theirs} at term ${term}`;
}

function printTransfer(me: string, event: RaftEvent): Line[] {
  switch (event.type) {
    case 'transferStarted': {
      const text = `starts to transfer leadership to ${hex(event.to)}`;
      return [['INFO', `${me} [term ${event.term}] ${text}`]];
    }
    case 'transferReplaced': {
      const text = `abort previous transferring leadership to ${hex(event.to)}`;
      return [['INFO', `${me} [term ${event.term}] ${text}`]];
    }
    case 'transferRepeated': {
      const to = hex(event.to);
      const text = `transfer leadership to ${to} is in progress, ignores request to same node ${to}`;
      return [['INFO', `${me} [term ${event.term}] ${text}`]];
    }
    case 'timeoutNowSent': {
      const to = hex(event.to);
      if (!event.caughtUpAlready) {
        return [['INFO', `${me} sent MsgTimeoutNow to ${to} after received MsgAppResp`]];
      }
      const why = `as ${to} already has up-to-date log`;
      return [['INFO', `${me} sends MsgTimeoutNow to ${to} immediately ${why}`]];
    }
    case 'timeoutNowReceived': {
      const from = hex(event.from);
      if (event.role !== 'follower') {
        const state = `[term ${event.term} state ${ROLE_NAMES[event.role]}]`;
        return [['DEBUG', `${me} ${state} ignored MsgTimeoutNow from ${from}`]];
      }
      const text = `received MsgTimeoutNow from ${from} and starts an election to get leadership.`;
      return [['INFO', `${me} [term ${event.term}] ${text}`]];
    }
    default:
      return [];
  }
}

function printReplication(me: string, event: RaftEvent): Line[] {
  switch (event.type) {
    case 'conflictFound': {
      const terms = `[existing term: ${event.existing}, conflicting term: ${event.theirs}]`;
      return [['INFO', `found conflict at index ${event.index} ${terms}`]];
    }
    case 'suffixReplaced': {
      const what = event.from <= event.persisted + 1 ? 'replace' : 'truncate';
      const where = event.from <= event.persisted + 1 ? 'from' : 'before';
      return [['INFO', `${what} the unstable entries ${where} index ${event.from}`]];
    }
    case 'appendRejected': {
      const { at, own, from } = event;
      const mine = `[logterm: ${own}, index: ${at.index}]`;
      const theirs = `[logterm: ${at.term}, index: ${at.index}]`;
      return [['DEBUG', `${me} ${mine} rejected MsgApp ${theirs} from ${hex(from)}`]];
    }
    case 'rejectionReceived': {
      const { hint, from, index } = event;
      const text = `received MsgAppResp(rejected, hint: (index ${hint.index}, term ${hint.term}))`;
      return [['DEBUG', `${me} ${text} from ${hex(from)} for index ${index}`]];
    }
    case 'progressDecreased': {
      const text = `decreased progress of ${hex(event.peer)} to [${printProgress(event.progress)}]`;
      return [['DEBUG', `${me} ${text}`]];
    }
    case 'unreachable': {
      const peer = hex(event.peer);
      const text = `failed to send message to ${peer} because it is unreachable`;
      return [['DEBUG', `${me} ${text} [${printProgress(event.progress)}]`]];
    }
    default:
      return printSnapshotEvent(me, event);
  }
}

function name({ index, term }: { index: number; term: number }): string {
  return `[index: ${index}, term: ${term}]`;
}

function printSnapshotEvent(me: string, event: RaftEvent): Line[] {
  switch (event.type) {
    case 'snapshotSkipped':
      if (event.why === 'none') return [];
      return [
        ['DEBUG', `ignore sending snapshot to ${hex(event.to)} since it is not recently active`],
      ];
    case 'snapshotSent': {
      const to = hex(event.to);
      const head = `${me} [firstindex: ${event.firstIndex}, commit: ${event.commit}]`;
      return [
        [
          'DEBUG',
          `${head} sent snapshot${name(event.snapshot)} to ${to} [${printProgress(event.before)}]`,
        ],
        [
          'DEBUG',
          `${me} paused sending replication messages to ${to} [${printProgress(event.after)}]`,
        ],
      ];
    }
    case 'snapshotRecovered':
    case 'snapshotReported': {
      const how =
        event.type === 'snapshotRecovered'
          ? 'recovered from needing snapshot'
          : `snapshot ${event.ok ? 'succeeded' : 'failed'}`;
      const to = `${hex(event.peer)} [${printProgress(event.progress)}]`;
      return [['DEBUG', `${me} ${how}, resumed sending replication messages to ${to}`]];
    }
    case 'snapshotStarting':
      return [
        [
          'INFO',
          `log [committed=${event.commit}, applied=${event.applied}, ` +
            `applying=${event.handedOut}, unstable.offset=${event.persisted + 1}, ` +
            `unstable.offsetInProgress=${event.inWrite + 1}, ` +
            `len(unstable.Entries)=${event.lastIndex - event.persisted}] ` +
            `starts to restore snapshot ${name(event.snapshot)}`,
        ],
      ];
    case 'snapshotRestored': {
      const { snapshot, commit } = event;
      const log = `lastindex: ${snapshot.index}, lastterm: ${snapshot.term}`;
      return [
        ['INFO', `${me} [commit: ${commit}, ${log}] restored snapshot ${name(snapshot)}`],
        ['INFO', `${me} [commit: ${commit}] restored snapshot ${name(snapshot)}`],
      ];
    }
    case 'snapshotIgnored':
      return [['INFO', `${me} [commit: ${event.commit}] ignored snapshot ${name(event.snapshot)}`]];
    case 'snapshotFastForward': {
      const { commit, log, snapshot } = event;
      const head = `${me} [commit: ${commit}, lastindex: ${log.index}, lastterm: ${log.term}]`;
      return [['INFO', `${head} fast-forwarded commit to snapshot ${name(snapshot)}`]];
    }
    default:
      return [];
  }
}
