/** The log lines in which etcd's raft would report what our core tells its listener. */
import type { ConfChange, NodeId, RaftEvent } from '../../consensus/raft/index.js';
import {
  MESSAGE_NAMES,
  ROLE_NAMES,
  hex,
  printMembers,
  printProgress,
} from './etcd-raft-describe.js';

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
    case 'receiptOutdated': {
      const what = 'ignored entry appends from a MsgStorageAppendResp message with lower term';
      return [['INFO', `${me} [term: ${event.term}] ${what} [term: ${event.theirs}]`]];
    }
    case 'receiptIgnored': {
      const { entry, own } = event;
      if (own === undefined) {
        const text = `entry at index ${entry.index} missing from unstable log; ignoring`;
        return [['INFO', text]];
      }
      const here = `(${entry.index},${own}) in unstable log; ignoring`;
      const named = `(index,term)=(${entry.index},${entry.term})`;
      return [['INFO', `entry at ${named} mismatched with entry at ${here}`]];
    }
    case 'leaderKept':
      return [['ERROR', 'ignoring MsgForgetLeader due to ReadOnlyLeaseBased']];
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
