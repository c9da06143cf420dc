/** Tells the checkers what the nodes of a group do, and counts it. */
import type {
  ConfState,
  Entry,
  Message,
  RaftEvent,
  RaftNode,
  RestoredState,
} from '../../consensus/raft/index.js';
import { Durability } from '../checkers/durability.js';
import { ElectionSafety } from '../checkers/election-safety.js';
import { ExactlyOnce } from '../checkers/exactly-once.js';
import { LeaderAppendOnly } from '../checkers/leader-append-only.js';
import { LeaderCompleteness } from '../checkers/leader-completeness.js';
import { LogMatching } from '../checkers/log-matching.js';
import { MembershipSafety } from '../checkers/membership.js';
import { MonotoneReads } from '../checkers/monotone-reads.js';
import { NoDoubleVote } from '../checkers/no-double-vote.js';
import { StateMachineSafety } from '../checkers/state-machine-safety.js';
import type { ClientReply } from './messages.js';
import { RaftProbes } from './probes.js';
import type { RaftProcess } from './raft-process.js';
import type { Applied } from './replica.js';

/** What happened how often in a run. */
export interface RaftCounts {
  elections: number;
  acknowledged: number;
  reads: number;
  restarts: number;
  refused: number;
  installs: number;
  changes: number;
  copies: number;
}

/** See the head of this file. */
export class RaftObserver {
  readonly electionSafety = new ElectionSafety();
  readonly leaderAppendOnly = new LeaderAppendOnly();
  readonly logMatching = new LogMatching();
  readonly leaderCompleteness = new LeaderCompleteness();
  readonly stateMachineSafety = new StateMachineSafety();
  readonly noDoubleVote = new NoDoubleVote();
  readonly membershipSafety = new MembershipSafety();
  readonly durability = new Durability();
  readonly exactlyOnce = new ExactlyOnce();
  readonly monotoneReads = new MonotoneReads();
  readonly probes = new RaftProbes();
  readonly counts: RaftCounts = {
    elections: 0,
    acknowledged: 0,
    reads: 0,
    restarts: 0,
    refused: 0,
    installs: 0,
    changes: 0,
    copies: 0,
  };
  /** The last process of each node; it may have crashed since. */
  readonly processes = new Map<number, RaftProcess>();
  /** Nodes whose disk was refused at their last start, with the reason. */
  readonly refusals = new Map<number, string>();

  started(node: number, restored: RestoredState): void {
    if (this.processes.has(node)) this.counts.restarts += 1;
    this.refusals.delete(node);
    this.leaderAppendOnly.stopped(node);
    this.stateMachineSafety.restored(node, restored.applied);
    this.probes.started(node, restored);
  }

  running(process: RaftProcess): void {
    this.processes.set(process.id, process);
  }

  refused(node: number, reason: string): void {
    this.counts.refused += 1;
    this.processes.delete(node);
    this.refusals.set(node, reason);
    this.probes.reach('disk-refused');
  }

  /** What the core of a node tells its decisions to. */
  traceOf(node: number): (event: RaftEvent) => void {
    return this.probes.traceOf(node);
  }

  leads(id: number, node: RaftNode): void {
    const { term } = node;
    if (!this.electionSafety.leads(id, term)) return;
    this.counts.elections += 1;
    const { firstIndex, lastIndex } = node.status();
    const log = { firstIndex, lastIndex, termAt: (index: number) => node.termAt(index) };
    this.leaderCompleteness.elected(id, term, log);
    this.durability.elected(id, term, log);
  }

  wrote(id: number, node: RaftNode, entries: readonly Entry[]): void {
    const first = entries[0] as Entry;
    this.logMatching.wrote(id, entries, node.termAt(first.index - 1));
    if (!node.isLeader) return;
    this.leaderAppendOnly.wrote(id, node.term, first.index, first.index + entries.length - 1);
  }

  sends(node: number, message: Message): void {
    const { type, term, to, reject } = message;
    if (type === 'voteRequest') this.noDoubleVote.voted(node, term, node);
    else if (type === 'voteResponse' && !reject) this.noDoubleVote.voted(node, term, to);
  }

  applied(node: number, entry: Entry): void {
    this.stateMachineSafety.applied(node, entry);
    this.leaderCompleteness.committed(entry.index, entry.term);
  }

  effect(node: number, { command, index, isCopy }: Applied): void {
    if (isCopy) {
      this.counts.copies += 1;
      this.probes.reach('copy-of-write');
    } else if (command.sequence > 0) {
      this.exactlyOnce.effect(node, command.client, command.sequence, index);
    }
  }

  membership(node: number, index: number, confState: ConfState): void {
    const { voters, votersOutgoing } = confState;
    for (const refused of this.refusals.keys()) {
      const members = [...voters, ...votersOutgoing, ...confState.learners];
      if (!members.includes(refused)) this.probes.reach('refused-member-replaced');
    }
    this.membershipSafety.applied(node, index, { voters, votersOutgoing });
    this.counts.changes = this.membershipSafety.changes;
  }

  installed(node: number, index: number, state: string): void {
    this.counts.installs += 1;
    this.probes.installed(node);
    this.stateMachineSafety.restored(node, index);
    this.holds(node, index, state);
  }

  holds(node: number, index: number, state: string): void {
    this.stateMachineSafety.holds(node, index, state);
  }

  /** A client asks this node to read. */
  asked(node: RaftNode): void {
    if (node.isLeader && this.electionSafety.latestTerm > node.term) {
      this.probes.reach('read-at-deposed-leader');
    }
  }

  /** A client has got the answer to a write (`what` in words) or a read from `node`. */
  answered(client: string, node: number, reply: ClientReply, write: string | null): void {
    if (write === null) {
      this.counts.reads += 1;
      this.monotoneReads.read(client, node, reply.index);
      return;
    }
    this.counts.acknowledged += 1;
    // The answer to a copy names where the first one had its effect; its term is that of the copy.
    const term = this.stateMachineSafety.termAt(reply.index) ?? reply.term;
    this.durability.acknowledged(reply.index, term, write);
    this.monotoneReads.wrote(client, node, reply.index);
  }

  /** The group has come to rest: what each member holds is compared. */
  ended(members: readonly RaftProcess[]): void {
    for (const { id, appliedIndex, replica } of members) {
      this.durability.ended(id, appliedIndex, (index) => this.stateMachineSafety.termAt(index));
      this.holds(id, appliedIndex, replica.snapshot());
    }
  }
}
