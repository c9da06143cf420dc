/** The passing of time: Raft 5.2, thesis 6.2 (a leader needs the answers of a quorum). */
import { askForLogEnds } from './amnesia.js';
import { startCampaign } from './elections.js';
import { jointVote } from './quorum.js';
import { confirmReads, dropLateReads } from './reading.js';
import { askForQuiescence, countIdle, seekLeader } from './quiescence.js';
import { bestSuccessor, handOverIfDue } from './priorities.js';
import { askForLost } from './repair.js';
import { broadcastHeartbeat } from './replication.js';
import type { RaftState } from './state.js';
import { transferLeadership } from './transfer.js';
import { NO_NODE } from './types.js';

/** One tick of the driver's clock. */
export function tick(node: RaftState): void {
  if (node.quiescence.asleep) return;
  node.ticks += 1;
  node.diskTicks = node.log.persisted < node.log.inWrite ? node.diskTicks + 1 : 0;
  if (node.role === 'leader') tickLeader(node);
  else tickElection(node);
  askForLost(node);
  askForLogEnds(node);
}

function tickElection(node: RaftState): void {
  node.electionElapsed += 1;
  dropLateReads(node);
  if (node.electionElapsed < node.electionTimeout) return;
  if (!node.promotable) {
    seekLeader(node);
    return;
  }
  node.electionElapsed = 0;
  startCampaign(node, node.config.preVote ? 'pre-vote' : 'vote');
}

function tickLeader(node: RaftState): void {
  node.heartbeatElapsed += 1;
  node.electionElapsed += 1;
  if (node.isDiskStalled) leaveStalledDisk(node);
  if (node.role !== 'leader') return;
  if (node.electionElapsed >= node.config.electionTicks) {
    node.electionElapsed = 0;
    const late = node.transferTarget;
    if (late === NO_NODE) handOverIfDue(node);
    if (node.config.checkQuorum) checkQuorum(node);
    if (node.role !== 'leader') return;
    if (late !== NO_NODE) {
      node.trace?.({ type: 'transferTimedOut', to: late, term: node.term });
      node.transferTarget = NO_NODE;
    }
  }
  countIdle(node);
  if (node.heartbeatElapsed < node.config.heartbeatTicks) return;
  node.heartbeatElapsed = 0;
  if (askForQuiescence(node)) return;
  if (node.config.leaseMs > 0 && !node.reads.underWay) node.reads.begin(node.nowMs);
  broadcastHeartbeat(node);
  confirmReads(node);
}

/**
 * Heartbeats of a leader whose disk hangs go on, so nobody would replace it, although nothing that
 * it takes is ever answered. It names a successor, and if that does not lead in time, falls silent.
 */
function leaveStalledDisk(node: RaftState): void {
  const { diskTicks, term } = node;
  const { diskStallTicks } = node.config;
  if (diskTicks >= 2 * diskStallTicks) {
    node.becomeFollower(term, NO_NODE);
  } else if (diskTicks === diskStallTicks) {
    node.trace?.({ type: 'diskStalled', ticks: diskTicks, term });
    const successor = bestSuccessor(node, false);
    if (successor !== NO_NODE) transferLeadership(node, successor);
  }
}

/** Steps down unless a quorum has answered since the last check. */
function checkQuorum(node: RaftState): void {
  const { members, progress } = node.group;
  const outcome = jointVote(
    members.voters,
    members.votersOutgoing,
    (voter) => voter === node.id || progress.get(voter)?.recentActive === true,
  );
  if (outcome !== 'won') {
    node.trace?.({ type: 'quorumInactive' });
    node.becomeFollower(node.term, NO_NODE);
  }
  for (const [id, member] of node.group.progress) {
    if (id !== node.id) member.recentActive = false;
  }
}
