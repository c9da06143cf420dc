/** Rare situations of the core that a campaign has to reach, seen in what it tells (`RaftEvent`). */
import type { RaftEvent, RestoredState, Role } from '../../consensus/raft/index.js';

/** Names of all situations. */
export const raftProbes = [
  'conflict-below-persisted',
  'conflict-in-write',
  'old-term-commit-held-back',
  'receipt-outdated',
  'receipt-ignored',
  'snapshot-restored',
  'snapshot-ignored',
  'snapshot-fast-forward',
  'snapshot-recovered-by-append',
  'snapshot-transfer-failed',
  'snapshot-during-apply',
  'snapshot-during-write',
  'transfer-campaign',
  'transfer-timed-out',
  'transfer-replaced',
  'joint-left',
  'joint-after-restart',
  'change-before-own-commit',
  'change-while-pending',
  'change-impossible',
  'learner-votes',
  'leader-removed',
  'vote-refused-by-lease',
  'pre-vote-refused',
  'vote-for-shorter-log-refused',
  'campaign-held-by-change',
  'commit-learned-from-refusal',
  'leader-without-quorum',
  'leader-deposed-by-term',
  'candidate-finds-leader',
  'append-rejected',
  'entry-lost',
  'entry-repaired',
  'lost-entries-given-up',
  'suffix-missing',
  'amnesia-ended',
  'disk-refused',
  'disk-stalled',
  'quiesced',
  'woke',
  'started-behind-commit',
  'started-with-unapplied-change',
  'started-with-snapshot-ahead-of-commit',
  'snapshot-overtakes-snapshot',
  'read-at-deposed-leader',
  'copy-of-write',
  'proposal-while-transferring',
  'disk-empty',
  'refused-member-replaced',
  'releases-mixed',
] as const;

/** The name of a situation. */
export type RaftProbe = (typeof raftProbes)[number];

/** What is remembered of a node between two events. */
interface Memory {
  role: Role;
  isVoter: boolean;
  isMember: boolean;
  /** Whether a snapshot was taken over that is not on the disk yet. */
  isRestoring: boolean;
}

/** See the head of this file. */
export class RaftProbes {
  readonly reached = new Set<RaftProbe>();
  readonly #memories = new Map<number, Memory>();

  reach(probe: RaftProbe): void {
    this.reached.add(probe);
  }

  started(node: number, { entries, snapshot, hardState, applied }: RestoredState): void {
    this.#memories.set(node, {
      role: 'follower',
      isVoter: true,
      isMember: true,
      isRestoring: false,
    });
    if (hardState.commit > applied) this.reach('started-behind-commit');
    if (hardState.commit < (snapshot?.index ?? 0)) {
      this.reach('started-with-snapshot-ahead-of-commit');
    }
    if (entries.some(({ type, index }) => type === 'confChange' && index > applied)) {
      this.reach('started-with-unapplied-change');
    }
    if ((snapshot?.confState.votersOutgoing.length ?? 0) > 0) this.reach('joint-after-restart');
    for (const { type } of entries) if (type === 'lost') this.reach('entry-lost');
  }

  /** A snapshot is on the disk of the node, and in its machine. */
  installed(node: number): void {
    const memory = this.#memories.get(node);
    if (memory !== undefined) memory.isRestoring = false;
  }

  /** The listener of one node. Most events are messages, which it leaves alone. */
  traceOf(node: number): (event: RaftEvent) => void {
    const memory = this.#memories.get(node) as Memory;
    return (event) => {
      if (event.type === 'received' || event.type === 'sent') return;
      this.#see(node, memory, event);
    };
  }

  #see(node: number, memory: Memory, event: RaftEvent): void {
    const probe = simpleProbes[event.type];
    if (probe !== undefined) this.reach(probe);
    switch (event.type) {
      case 'became':
        if (event.role === 'follower' && memory.role === 'candidate') {
          this.reach('candidate-finds-leader');
        }
        memory.role = event.role;
        break;
      case 'membership': {
        const { voters, votersOutgoing, learners } = event.members;
        memory.isVoter = voters.has(node) || votersOutgoing.has(node);
        const wasMember = memory.isMember;
        memory.isMember = memory.isVoter || learners.has(node);
        if (memory.role === 'leader' && wasMember && !memory.isMember) this.reach('leader-removed');
        break;
      }
      case 'suffixReplaced':
        if (event.from <= event.persisted) this.reach('conflict-below-persisted');
        else this.reach('conflict-in-write');
        break;
      case 'snapshotRestored':
        if (memory.isRestoring) this.reach('snapshot-overtakes-snapshot');
        memory.isRestoring = true;
        break;
      case 'snapshotStarting':
        if (event.handedOut > event.applied) this.reach('snapshot-during-apply');
        if (event.inWrite > event.persisted) this.reach('snapshot-during-write');
        break;
      case 'snapshotReported':
        if (!event.ok) this.reach('snapshot-transfer-failed');
        break;
      case 'voteAnswered':
        this.#answered(memory, event);
        break;
      case 'campaignIgnored':
        if (event.why === 'unapplied-change') this.reach('campaign-held-by-change');
        break;
      case 'changeIgnored':
        if (event.why.reason === 'no-own-term-commit') this.reach('change-before-own-commit');
        else if (event.why.reason === 'pending') this.reach('change-while-pending');
        else this.reach('change-impossible');
        break;
      case 'committed':
        if (event.by === 'refusal') this.reach('commit-learned-from-refusal');
        break;
      case 'higherTerm':
        if (memory.role === 'leader') this.reach('leader-deposed-by-term');
        break;
      case 'proposalDropped':
        if (event.why === 'transferring') this.reach('proposal-while-transferring');
        break;
      default:
    }
  }

  #answered(memory: Memory, event: RaftEvent & { readonly type: 'voteAnswered' | 'voteIgnored' }) {
    const { granted, message, candidate, log } = event;
    if (granted && message === 'voteRequest' && !memory.isVoter) this.reach('learner-votes');
    if (!granted && message === 'preVoteRequest') this.reach('pre-vote-refused');
    const isShorter =
      candidate.term < log.term || (candidate.term === log.term && candidate.index < log.index);
    if (!granted && isShorter) this.reach('vote-for-shorter-log-refused');
  }
}

/** Events that are a situation by themselves. */
const simpleProbes: Partial<Record<RaftEvent['type'], RaftProbe>> = {
  commitHeldBack: 'old-term-commit-held-back',
  receiptOutdated: 'receipt-outdated',
  receiptIgnored: 'receipt-ignored',
  snapshotRestored: 'snapshot-restored',
  snapshotIgnored: 'snapshot-ignored',
  snapshotFastForward: 'snapshot-fast-forward',
  snapshotRecovered: 'snapshot-recovered-by-append',
  timeoutNowReceived: 'transfer-campaign',
  transferTimedOut: 'transfer-timed-out',
  transferReplaced: 'transfer-replaced',
  leavingJoint: 'joint-left',
  voteIgnored: 'vote-refused-by-lease',
  quorumInactive: 'leader-without-quorum',
  appendRejected: 'append-rejected',
  entryRepaired: 'entry-repaired',
  lostDiscarded: 'lost-entries-given-up',
  suffixMissing: 'suffix-missing',
  amnesiaEnded: 'amnesia-ended',
  diskStalled: 'disk-stalled',
  quiesced: 'quiesced',
  woke: 'woke',
};
