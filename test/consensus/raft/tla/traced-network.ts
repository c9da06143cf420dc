import {
  type Message,
  type NodeId,
  RaftNode,
  type RestoredState,
  decodeConfChange,
  defaultRaftConfig,
  foundingState,
  joiningState,
} from '../../../../consensus/raft/index.js';
import { Random } from '../random.js';
import { type StoredState, store } from '../stored-state.js';
import type { TraceEvent } from './trace-event.js';
import { TraceWriter } from './trace-writer.js';

const FOUNDERS: readonly NodeId[] = [1, 2, 3];
const JOINERS: readonly NodeId[] = [4, 5];
const ALL_IDS = [...FOUNDERS, ...JOINERS];

/** What a ready has made durable. The application is as far as it was when it was taken. */
interface Host {
  readonly id: NodeId;
  readonly disk: StoredState;
  node: RaftNode | null;
  /** Entries were replaced since the last ready: the model cannot take that back in a crash. */
  hasReplaced: boolean;
}

/**
 * Five nodes on a network that loses and reorders, as the model of etcd-io/raft knows it: a ready
 * is stored, sent and applied as one step, no message comes twice, one server at a time is added
 * or removed, and never again, logs are not compacted, and there is no pre-vote.
 */
export class TracedNetwork {
  readonly events: TraceEvent[] = [];
  private readonly random: Random;
  private readonly hosts = new Map<NodeId, Host>();
  private readonly writer = new TraceWriter((event) => this.events.push(event));
  private inFlight: Message[] = [];
  private cut = new Set<NodeId>();
  private readonly unchanged = new Set<NodeId>(ALL_IDS);
  /** Leaders whose change was not applied while they led: the model takes none of them any more. */
  private readonly proposers = new Set<NodeId>();

  constructor(seed: number) {
    this.random = new Random(seed);
    for (const id of ALL_IDS) {
      const state = FOUNDERS.includes(id) ? foundingState(FOUNDERS) : joiningState();
      const { hardState, snapshot, applied } = state;
      const confState = snapshot?.confState;
      const disk = { hardState, snapshot, entries: [], applied, confState };
      this.hosts.set(id, { id, disk, node: null, hasReplaced: false });
      this.start(id);
    }
  }

  /** Why the run stops early, if something happened that the model does not have. */
  get beyondModel(): string | null {
    return this.writer.beyondModel;
  }

  private host(id: NodeId): Host {
    return this.hosts.get(id) as Host;
  }

  private start(id: NodeId): void {
    const host = this.host(id);
    const hear = this.writer.listener(id);
    const config = defaultRaftConfig({
      id,
      random: () => this.random.next(),
      electionTicks: 5,
      preVote: false,
      maxMessageBytes: 100,
      maxInflightMessages: 3,
      maxInflightBytes: 200,
      trace: (event) => {
        if (event.type === 'suffixReplaced') host.hasReplaced = true;
        if (event.type === 'membership' && host.node?.isLeader) this.proposers.delete(id);
        hear(event);
      },
    });
    const { confState, ...disk } = host.disk;
    const restored: RestoredState = { ...disk, entries: [...disk.entries] };
    const node = new RaftNode(
      config,
      confState === undefined ? restored : { ...restored, confState },
    );
    host.node = node;
    host.hasReplaced = false;
    this.writer.started(id, () => node.status());
  }

  private crash(host: Host): void {
    if (host.node === null || host.hasReplaced) return;
    host.node = null;
    this.proposers.delete(host.id);
    this.writer.stopped(host.id);
  }

  private work(host: Host): void {
    const { node, disk } = host;
    if (node === null || !node.hasReady()) return;
    const { applied, confState } = node.status();
    const ready = node.ready();
    disk.applied = applied;
    disk.confState = confState;
    store(host.disk, ready);
    host.hasReplaced = false;
    this.writer.readyTaken(host.id);
    // The model answers a snapshot with a message that its own trace specification cannot read.
    const isSnapshotAnswer = ({ type, index }: Message) =>
      type === 'appendResponse' && index === ready.snapshot?.index;
    this.inFlight.push(...ready.messages);
    this.inFlight.push(...ready.messagesAfterPersist.filter((each) => !isSnapshotAnswer(each)));
    for (const entry of ready.committedEntries) {
      if (entry.type === 'confChange') node.applyConfChange(decodeConfChange(entry.data));
    }
    node.advance();
    this.writer.stepEnded(host.id);
  }

  private deliver(message: Message): void {
    const { random } = this;
    const { from, to, type } = message;
    const { node } = this.host(to);
    const sender = this.host(from).node;
    const isLost = node === null || this.cut.has(from) !== this.cut.has(to) || random.chance(0.03);
    if (!isLost) node.step({ type: 'message', message });
    if (type === 'snapshot') sender?.step({ type: 'snapshotReport', peer: to, ok: !isLost });
    else if (isLost) sender?.step({ type: 'unreachable', peer: to });
    this.writer.stepEnded(to);
    this.writer.stepEnded(from);
  }

  private change(): void {
    const { random } = this;
    const leader = [...this.hosts.values()].find(({ node }) => node?.isLeader);
    const node = random.pick([...this.unchanged]);
    if (leader?.node == null || node === undefined || this.proposers.has(leader.id)) return;
    const isMember = FOUNDERS.includes(node);
    const type = isMember ? 'remove' : random.pick(['addVoter', 'addLearner'] as const);
    // Some members stay, or nothing happens any more.
    if (isMember && (node !== 1 || this.unchanged.has(4))) return;
    const change = { transition: 'auto', changes: [{ type, node }] } as const;
    if (leader.node.step({ type: 'proposeConfChange', change }) !== undefined) return;
    this.unchanged.delete(node);
    this.proposers.add(leader.id);
  }

  private disturb(host: Host): void {
    const { random } = this;
    if (random.chance(0.004)) this.crash(host);
    else if (host.node === null && random.chance(0.1)) this.start(host.id);
    if (random.chance(0.006)) {
      const isHealed = random.chance(0.6);
      this.cut = new Set(isHealed ? [] : ALL_IDS.filter(() => random.chance(0.4)));
    }
    if (random.chance(0.003)) host.node?.step({ type: 'transferLeader', to: random.pick(ALL_IDS) });
    if (random.chance(0.02)) this.change();
  }

  /** One random step. */
  step(): void {
    const { random } = this;
    const host = this.host(random.pick(ALL_IDS));
    this.disturb(host);
    if (random.chance(0.08)) {
      const data = Array.from({ length: 1 + random.below(3) }, () => Buffer.from('value'));
      host.node?.step({ type: 'propose', data });
    }
    if (random.chance(0.3)) host.node?.step({ type: 'tick' });
    this.writer.stepEnded(host.id);
    for (let i = 0; i < 3 && this.inFlight.length > 0; i += 1) {
      const at = random.chance(0.7) ? 0 : random.below(this.inFlight.length);
      this.deliver(this.inFlight.splice(at, 1)[0] as Message);
    }
    for (const each of this.hosts.values()) if (random.chance(0.7)) this.work(each);
  }
}

/** Runs `steps` random steps, fewer if the model cannot follow any further. */
export function runTraced(seed: number, steps: number): TracedNetwork {
  const network = new TracedNetwork(seed);
  for (let step = 0; step < steps && network.beyondModel === null; step += 1) network.step();
  return network;
}
