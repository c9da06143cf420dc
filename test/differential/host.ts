/** One of our nodes with its disk, driven as `driver/group.go` drives Go's. */
import type {
  ConfChange,
  ConfState,
  Entry,
  HardState,
  Message,
  RaftInput,
  RaftNode,
  RaftRefusal,
  RaftStatus,
  ReadState,
  Ready,
  RestoredState,
  SnapshotMeta,
} from '../../consensus/raft/index.js';
import type { GroupConfig } from './driver.js';
import { type Core, type NodeView, entryName, entryNames, membersName } from './view.js';

const NOTHING: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** The policy of the application; `vetoed` in `driver/group.go` is the same. */
function isVetoed(members: ConfState, { changes }: ConfChange): boolean {
  const voters = new Set(members.voters);
  const others = new Set([...members.learners, ...members.learnersNext]);
  for (const { type, node } of changes) {
    if (type === 'update') continue;
    voters.delete(node);
    others.delete(node);
    if (type === 'addVoter') voters.add(node);
    if (type === 'addLearner') others.add(node);
  }
  return changes.length > 0 && voters.size === 1 && others.size > 0;
}

/** See the head of this file. */
export class Host {
  private node: RaftNode;
  private hardState: HardState = { term: 0, vote: 0, commit: 0 };
  private snapshot: SnapshotMeta | null = null;
  private stored: Entry[] = [];
  private applied = 0;
  private confState = NOTHING;
  private ready: Ready | undefined;
  private refused = false;
  private readonly done: string[] = [];
  private readonly reads: ReadState[] = [];
  private readonly sent: Message[] = [];
  private readonly sentAfterPersist: Message[] = [];
  /** Contexts of reads that got their answer, or that the node has said to drop. */
  readonly closedReads = new Set<string>();
  private readonly openReads = new Set<string>();
  /** What every draw of an election timeout gives, in ticks. */
  timeout: number;

  constructor(
    private readonly core: Core,
    readonly id: number,
    private readonly config: GroupConfig,
    timeout: number,
  ) {
    this.timeout = timeout;
    const { voters, learners } = config;
    if (voters.includes(id) || learners.includes(id)) {
      this.confState = { ...NOTHING, voters, learners };
      this.snapshot = { index: 1, term: 1, confState: this.confState };
      this.hardState = { term: 1, vote: 0, commit: 1 };
      this.applied = 1;
    }
    this.node = this.start();
  }

  private start(): RaftNode {
    const { config, core, id } = this;
    const { electionTicks } = config;
    const { hardState, snapshot, applied, confState } = this;
    const restored: RestoredState = {
      hardState,
      snapshot,
      entries: [...this.stored],
      applied,
      ...(snapshot !== null && { confState }),
    };
    return new core.RaftNode(
      core.defaultRaftConfig({
        id,
        electionTicks,
        heartbeatTicks: config.heartbeatTicks,
        preVote: config.preVote,
        checkQuorum: config.checkQuorum,
        maxMessageBytes: config.messageBytes,
        maxInflightMessages: config.inflight,
        maxInflightBytes: Number.MAX_SAFE_INTEGER,
        maxUncommittedBytes: config.uncommitted,
        maxApplyBytes: config.applyBytes,
        stepDownOnRemoval: false,
        forwardProposals: config.forward,
        changeChecks: 'etcd',
        // Half a step more, so that rounding does not make it a tick less.
        random: () => (this.timeout - electionTicks + 0.5) / electionTicks,
      }),
      restored,
    );
  }

  get status(): RaftStatus {
    return this.node.status();
  }

  /** Whether a ready is outstanding. */
  get isHeld(): boolean {
    return this.ready !== undefined;
  }

  /** Whether the log holds a membership change that is not applied. */
  hasUnappliedChange(): boolean {
    const { applied, firstIndex, lastIndex } = this.status;
    // What is applied lies before the log while a snapshot waits to be installed.
    const from = Math.max(applied + 1, firstIndex);
    const entries = from <= lastIndex ? this.node.entries(from, lastIndex, Infinity) : [];
    return entries.some(({ type }) => type === 'confChange');
  }

  /** Steps an input. A refused membership change becomes an empty entry, as in etcd. */
  step(input: RaftInput): void {
    if (input.type === 'readIndex') this.openReads.add(input.context);
    const refusal = this.stepOnce(input);
    if (input.type === 'propose' || input.type === 'proposeConfChange') {
      this.refused = refusal !== undefined;
    }
  }

  private stepOnce(input: RaftInput): RaftRefusal | undefined {
    const refusal = this.node.step(input);
    if (refusal !== 'change-pending' && refusal !== 'invalid-change') return refusal;
    const data = new Uint8Array(0);
    if (input.type === 'proposeConfChange')
      return this.node.step({ type: 'propose', data: [data] });
    if (input.type !== 'message') return refusal;
    const entries = input.message.entries.map(
      (entry) => ({ ...entry, type: 'normal', data }) as const,
    );
    return this.node.step({ type: 'message', message: { ...input.message, entries } });
  }

  /** Takes a snapshot of what is applied and drops entries up to `index`. */
  compact(index: number): void {
    this.snapshot = this.node.snapshotMeta(this.applied);
    this.node.compact(index, this.snapshot);
    const { snapshot } = this;
    this.stored = this.stored.filter((entry) => entry.index > snapshot.index);
  }

  /** Loses everything but the disk and, with `fromSnapshot`, what was applied since the snapshot. */
  restart(fromSnapshot: boolean): void {
    if (fromSnapshot) {
      this.applied = this.snapshot?.index ?? 0;
      this.confState = this.snapshot?.confState ?? NOTHING;
    }
    this.ready = undefined;
    for (const context of this.openReads) this.close(context);
    this.node = this.start();
  }

  private close(context: string): void {
    this.openReads.delete(context);
    this.closedReads.add(context);
  }

  /** Takes the next ready and leaves it outstanding; returns false if there is none. */
  hold(): boolean {
    if (this.ready === undefined && this.node.hasReady()) this.ready = this.node.ready();
    return this.isHeld;
  }

  /** Does everything there is to do, a ready that is held first. */
  settle(): void {
    if (this.ready !== undefined) this.finish(this.ready);
    this.ready = undefined;
    while (this.node.hasReady()) this.finish(this.node.ready());
  }

  private finish(ready: Ready): void {
    const { snapshot, entries, hardState } = ready;
    if (snapshot !== undefined) {
      this.snapshot = snapshot;
      this.stored = [];
      this.applied = snapshot.index;
      this.confState = snapshot.confState;
    }
    const first = entries[0];
    if (first !== undefined) {
      this.stored = this.stored.filter((entry) => entry.index < first.index);
      this.stored.push(...entries);
    }
    if (hardState !== undefined) this.hardState = hardState;
    this.sent.push(...ready.messages);
    this.sentAfterPersist.push(...ready.messagesAfterPersist);
    this.reads.push(...ready.readStates);
    for (const context of ready.droppedReads) this.close(context);
    for (const entry of ready.committedEntries) this.apply(entry);
    this.node.advance();
  }

  private apply(entry: Entry): void {
    this.applied = entry.index;
    let note = `${entry.index}=${entry.term}:${entryName(this.core, entry)}`;
    if (entry.type === 'confChange' && !this.applyChange(entry)) note += ' vetoed';
    this.done.push(note);
  }

  /** Returns false if the application or the core itself cannot make the change. */
  private applyChange(entry: Entry): boolean {
    const change = this.core.decodeConfChange(entry.data);
    if (isVetoed(this.confState, change)) {
      this.node.applyConfChange(null);
      return false;
    }
    try {
      this.confState = this.node.applyConfChange(change);
      return true;
    } catch (error) {
      // The core counts the change as passed over and leaves its membership as it was.
      if (error instanceof this.core.RaftError && error.code === 'invalid-change') return false;
      throw error;
    }
  }

  /** The messages since the last call: those that may leave at once, then those that wait. */
  takeMessages(): readonly Message[] {
    return [...this.sent.splice(0), ...this.sentAfterPersist.splice(0)];
  }

  /** The node as it stands; forgets what it did up to now, but for messages. */
  show(): NodeView {
    const { core, node } = this;
    const status = node.status();
    const { firstIndex, lastIndex } = status;
    const entries = lastIndex < firstIndex ? [] : node.entries(firstIndex, lastIndex, Infinity);
    const reads = this.reads.splice(0);
    for (const { context } of reads) this.close(context);
    const { refused } = this;
    this.refused = false;
    return {
      refused,
      term: status.term,
      vote: status.vote,
      leader: status.leader,
      role: status.role,
      commit: status.commit,
      applied: status.applied,
      first: firstIndex,
      last: lastIndex,
      snapshot: status.snapshotIndex,
      transfer: status.transferTarget,
      members: membersName(status.confState),
      progress: progressOf(status),
      log: entryNames(core, entries),
      done: this.done.splice(0),
      reads: reads.map(({ context, index }) => `${context}=${index}`),
    };
  }
}

function progressOf({ progress }: RaftStatus): NodeView['progress'] {
  return [...progress].map(([node, member]) => ({
    node,
    match: member.match,
    next: member.next,
    state: member.state,
    learner: member.isLearner,
    active: member.recentActive,
    paused: member.paused,
    pendingSnapshot: member.pendingSnapshot,
    inflight: member.inflightMessages,
    windowFull: member.windowFull,
  }));
}
