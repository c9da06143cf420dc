/**
 * Where our core and etcd's raft 3.4 differ by design, and what the run does about it. Nothing else
 * is adapted, and nothing that a log, a commit index, a vote or a term says is passed over.
 *
 * Places are in Go's package raft of version 3.4 and in consensus/raft.
 */
import type { Message, RaftStatus } from '../../consensus/raft/index.js';
import type { TheirView } from './driver.js';

interface Rule {
  /**
   * `adapted`: both sides get what a peer of their own version would have sent. `lost`: the message
   * is delivered to neither. `checked`: compared with a computation of its own. `not drawn`: such
   * inputs are not made. `passed over`: not compared.
   */
  readonly kind: 'adapted' | 'lost' | 'checked' | 'not drawn' | 'passed over';
  readonly what: string;
  readonly where: string;
}

/** Every rule, for the run and for readers: `docs/raft.md` points here. */
export const RULES = {
  refusedVoteCommit: {
    kind: 'checked',
    what:
      'a refused vote names the last committed entry here: it is compared with the commit index, ' +
      'and taken away before delivery',
    where: 'elections.ts rejection, I17; raft.go Step, MsgVote',
  },
  conflictHint: {
    kind: 'checked',
    what:
      'a refused append hints at the term of the conflict here and at the last index in 3.4: our ' +
      'hint and the guess that our leader makes of it are computed by definition from the logs of ' +
      'Go, and the guess is what the leader in Go gets as hint',
    where: 'following.ts handleAppendRequest, replication.ts handleRejection; raft.go RejectHint',
  },
  refusedChange: {
    kind: 'adapted',
    what: 'where our core refuses a membership change, an empty entry is proposed in its place',
    where: 'SPEC.md Departures; raft.go stepLeader, MsgProp',
  },
  answerOfStranger: {
    kind: 'adapted',
    what:
      'an answer of a node that is no member goes to Go alone, which must not change: RawNode ' +
      'refuses it, our core takes a later term from it',
    where: 'rawnode.go Step; machine.ts adoptTerm',
  },
  readRound: {
    kind: 'adapted',
    what:
      'a heartbeat names a read round here and the context of a read in 3.4: each pair must stay ' +
      'a pair, one read at a time waits at a leader, and a forwarded read arrives once (3.4 ' +
      'counts old answers for a repeated one)',
    where: 'reads.ts; read_only.go',
  },
  closedRead: {
    kind: 'passed over',
    what: 'Go answers a read twice, or after our core has given it up',
    where: 'reading.ts handleReadResponse, Ready.droppedReads; raft.go MsgReadIndexResp',
  },
  ownActivity: {
    kind: 'passed over',
    what: 'whether a leader counts itself as active before its first quorum check',
    where: 'state.ts becomeLeader; raft.go MsgCheckQuorum',
  },
  otherRead: {
    kind: 'lost',
    what:
      'a read that reaches a leader where one waits, that votes no more, or that is alone in both ' +
      'halves of a joint configuration (3.4 waits for ever)',
    where: 'reads.ts; read_only.go, raft.go IsSingleton',
  },
  forwardedAgain: {
    kind: 'lost',
    what: 'a forwarded request that reaches a follower, which 3.4 passes on',
    where: 'SPEC.md Departures; raft.go stepFollower',
  },
  changeDuringRead: {
    kind: 'lost',
    what: 'a forwarded membership change while a read waits: a smaller quorum confirms it here',
    where: 'changing.ts proceedAsLeader; raft.go switchToConfig',
  },
  changeDuringTransfer: {
    kind: 'lost',
    what:
      'a forwarded wish to lead while a membership change is under way: demoting the target ends ' +
      'the transfer here, removing it does in both',
    where: 'changing.ts switchGroup; raft.go switchToConfig',
  },
  stalePreVote: {
    kind: 'lost',
    what: 'the grant of an earlier pre-vote, which 3.4 counts for the present one',
    where: 'elections.ts countVote; raft.go stepCandidate',
  },
  earlierTermUnanswered: {
    kind: 'lost',
    what:
      'a heartbeat, an append or a vote request of an earlier term from a node that is no member ' +
      'here, or to one that may not campaign: our core answers it with its term',
    where: 'machine.ts answerLowerTerm; raft.go Step',
  },
  strangeSnapshot: {
    kind: 'lost',
    what: 'a snapshot that does not hold the receiver as a member, which 3.4 ignores',
    where: 'SPEC.md Departures; raft.go restore',
  },
  knownAcknowledgement: {
    kind: 'lost',
    what: 'an acknowledgement of what is known, on which a probed member is replicated to here',
    where: 'replication.ts handleAppendResponse; raft.go MsgAppResp',
  },
  snapshotRecovery: {
    kind: 'lost',
    what:
      'an acknowledgement that ends the state snapshot by one rule alone: the log can take over ' +
      '(here), the snapshot is reached (3.4)',
    where: 'replication.ts handleAppendResponse; raft.go MsgAppResp',
  },
  fullWindow: {
    kind: 'lost',
    what:
      'a heartbeat answer or acknowledgement that leaves a full window full: our core sends an ' +
      'empty append, 3.4 frees a place or sends nothing',
    where: 'replication.ts sendAppend, tracker/progress.ts; raft.go MsgHeartbeatResp',
  },
  probeOnHeartbeat: {
    kind: 'lost',
    what: 'a heartbeat answer of a probed member that lacks nothing, which is probed here',
    where: 'replication.ts handleHeartbeatResponse; raft.go MsgHeartbeatResp',
  },
  belowMatch: {
    kind: 'lost',
    what: 'a stale refusal that puts the next index at or below the matching one in 3.4',
    where: 'tracker/progress.ts decrease; tracker/progress.go MaybeDecrTo',
  },
  compactionUnderProbe: {
    kind: 'not drawn',
    what:
      'a compaction of what a probed member needs next, or a report that makes a member probed ' +
      'which needs what is compacted: the snapshot goes out at the next chance here, with the ' +
      'next append that may be empty in 3.4',
    where: 'replication.ts sendAppend; raft.go maybeSendAppend, sendIfEmpty',
  },
  loneVoterWithLearners: {
    kind: 'not drawn',
    what:
      'a voter that is alone with learners (vetoed by the application on both sides): it commits ' +
      'before it sends in 3.4 and after its disk here',
    where: 'state.ts appendAsLeader; raft.go appendEntry, campaign',
  },
  automaticLeave: {
    kind: 'not drawn',
    what: 'joint configurations that end by themselves: 3.4 appends the end without sending it',
    where: 'changing.ts leaveJointIfDue; raft.go advance',
  },
  namedTwice: {
    kind: 'not drawn',
    what:
      'a change that names a member twice: one that removes and adds the leader makes it send ' +
      'itself an append in 3.4',
    where: 'changing.ts proceedAsLeader; raft.go switchToConfig',
  },
  transferByOthers: {
    kind: 'not drawn',
    what: 'a follower asks for leadership for itself only: 3.4 forwards under its own name',
    where: 'transfer.ts; raft.go send',
  },
  removedLeader: {
    kind: 'not drawn',
    what: 'stepDownOnRemoval and changeChecks are set to what 3.4 does',
    where: 'config.ts; raft.go switchToConfig',
  },
  heldLeader: {
    kind: 'not drawn',
    what:
      'a ready that is held while a node leads or campaigns: the own vote and acknowledgement ' +
      'wait for the disk here, 3.4 counts them at once',
    where: 'state.ts appendAsLeader, elections.ts campaign; raft.go appendEntry, campaign',
  },
  heldSnapshot: {
    kind: 'not drawn',
    what: 'a snapshot that arrives while a ready is held, whose membership 3.4 then changes again',
    where: 'node.ts applyConfChange, I16; raft.go applyConfChange',
  },
  postponedReadKept: {
    kind: 'not drawn',
    what: 'the group ends when a leader loses its role with a read waiting for its first commit',
    where: 'state.ts dropReads; raft.go pendingReadIndexMessages',
  },
} as const satisfies Record<string, Rule>;

/** The name of a rule. */
export type RuleName = keyof typeof RULES;

/** The node that a message is for, before it arrives. */
export interface Receiver {
  readonly ours: RaftStatus;
  readonly theirs: TheirView;
  /** Whether the log holds a membership change that is not applied. */
  readonly hasUnappliedChange: () => boolean;
}

/** Whether `node` is in the membership of `status` in any way. */
export function isMember({ confState }: RaftStatus, node: number): boolean {
  const { voters, votersOutgoing, learners } = confState;
  return voters.includes(node) || votersOutgoing.includes(node) || learners.includes(node);
}

function isVoter({ confState: { voters, votersOutgoing } }: RaftStatus, node: number): boolean {
  return voters.includes(node) || votersOutgoing.includes(node);
}

/** Whether a read may be asked for at a leader. */
export function takesRead({ ours, theirs, hasUnappliedChange }: Receiver): boolean {
  const { voters, votersOutgoing } = ours.confState;
  const all = new Set([...voters, ...votersOutgoing]);
  const isLoneInJoint = votersOutgoing.length > 0 && all.size === 1;
  return (
    all.has(ours.id) &&
    !isLoneInJoint &&
    !hasUnappliedChange() &&
    theirs.waiting + theirs.postponed === 0
  );
}

/**
 * Why a message must not arrive, if so. `guess` is where a leader looks for agreement after a
 * refused append.
 */
export function whyLost(message: Message, to: Receiver, guess: number): RuleName | undefined {
  const { ours } = to;
  switch (message.type) {
    case 'readIndexRequest':
      if (ours.role === 'leader') return takesRead(to) ? undefined : 'otherRead';
      return 'forwardedAgain';
    case 'proposeRequest':
      if (ours.role !== 'leader') return 'forwardedAgain';
      if (message.entries.every(({ type }) => type === 'normal')) return undefined;
      return to.theirs.waiting + to.theirs.postponed > 0 ? 'changeDuringRead' : undefined;
    case 'transferLeader':
      if (message.term !== ours.term) return undefined;
      if (ours.role !== 'leader') return 'forwardedAgain';
      return to.hasUnappliedChange() ? 'changeDuringTransfer' : undefined;
    case 'preVoteResponse': {
      const counts = ours.role === 'precandidate' && !message.reject;
      return counts && message.term !== ours.term + 1 ? 'stalePreVote' : undefined;
    }
    case 'snapshot': {
      const { voters = [], learners = [] } = message.snapshot?.confState ?? {};
      return [...voters, ...learners].includes(ours.id) ? undefined : 'strangeSnapshot';
    }
    case 'appendRequest':
    case 'heartbeat':
    case 'voteRequest': {
      const campaignTells = isVoter(ours, ours.id) && isMember(ours, message.from);
      return message.term < ours.term && !campaignTells ? 'earlierTermUnanswered' : undefined;
    }
    case 'appendResponse':
    case 'heartbeatResponse':
      if (ours.role !== 'leader' || message.term !== ours.term) return undefined;
      return whyAnswerLost(message, to, guess);
    default:
      return undefined;
  }
}

function whyAnswerLost(message: Message, to: Receiver, guess: number): RuleName | undefined {
  const member = to.theirs.progress.find(({ node }) => node === message.from);
  if (member === undefined) return undefined;
  const { match, next, state, windowFull, oldest, pendingSnapshot } = member;
  if (message.type === 'heartbeatResponse') {
    if (state === 'replicate' && windowFull) return 'fullWindow';
    return state === 'probe' && match >= to.ours.lastIndex ? 'probeOnHeartbeat' : undefined;
  }
  const { index } = message;
  if (message.reject) {
    const isNews = state !== 'replicate' && index === next - 1;
    return isNews && guess + 1 <= match ? 'belowMatch' : undefined;
  }
  if (index < match) return undefined;
  if (index === match) return state === 'probe' ? 'knownAcknowledgement' : undefined;
  if (state === 'replicate') return windowFull && index < oldest ? 'fullWindow' : undefined;
  if (state === 'probe') return undefined;
  const canTakeOver = index + 1 >= to.ours.firstIndex;
  return canTakeOver === index >= pendingSnapshot ? undefined : 'snapshotRecovery';
}
