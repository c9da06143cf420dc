/**
 * A node that takes part in any number of groups over one endpoint: one timer, one connection to each
 * peer, and an envelope a round and peer for what all groups have to say.
 *
 *     timer ------ tick -----> RaftGroups --- readies ---> GroupDriver --- messages ---> Outbox
 *     envelopes -- receive -->  (pure)   <--- written, applied ----+                        |
 *     links ------ gone, back ->                              PeerLinks <--- envelopes -----+
 */
import { randomInt, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import {
  type Message,
  type NodeId,
  RaftNode,
  type RaftConfig,
  type RestoredState,
  checkRaftConfig,
  defaultRaftConfig,
  foundingState,
  joiningState,
} from '../../consensus/raft/index.js';
import {
  type GroupId,
  GROUPS_MAX,
  GroupsError,
  Outbox,
  RaftGroups,
  decodeEnvelope,
} from '../../consensus/raft-groups/index.js';
import { listenRpc } from '../../transport/rpc/index.js';
import { RpcError } from '../../transport/rpc/rpc.js';
import type { CallContext, PeerAddress, PeerEndpoint } from '../../transport/rpc/rpc.js';
import { messageOf } from '../errors.js';
import {
  type DirectoryLock,
  RaftLogStore,
  type RestoredLog,
  lockDirectory,
} from '../storage/index.js';
import { GroupError } from './error.js';
import { GroupDriver, type GroupPorts } from './group-driver.js';
import type { ReplicatedGroup } from './group.js';
import type { GroupOptions, HostOptions, HostStats } from './host-options.js';
import {
  COMPACTION_ENTRIES,
  CONNECTION_SETTINGS,
  DISK_STALL_TICKS,
  ELECTION_TICKS,
  HEARTBEAT_TICKS,
  PEERS_MAX,
  PROPOSAL_BYTES_WAITING_MAX,
  QUIESCE_TICKS,
  SNAPSHOT_CHUNK_TIMEOUT_MS,
  TICK_MS,
} from './limits.js';
import { PeerLinks } from './links.js';
import { SnapshotOutbox } from './snapshot-outbox.js';
import { SnapshotInbox } from './snapshots.js';

/** See the head of this file. */
export class RaftHost {
  readonly nodeId: NodeId;
  readonly #options: HostOptions;
  readonly #lock: DirectoryLock;
  readonly #groups: RaftGroups;
  readonly #outbox: Outbox;
  readonly #inbox = new SnapshotInbox();
  readonly #drivers = new Map<GroupId, GroupDriver<unknown>>();
  readonly #opening = new Set<GroupId>();
  /** Groups in which somebody waits. */
  readonly #watched = new Set<{ tick(nowMs: number): boolean }>();
  readonly #snapshots: SnapshotOutbox;
  readonly #incarnation = randomUUID().slice(0, 8);
  #endpoint!: PeerEndpoint;
  #links!: PeerLinks;
  #timer: NodeJS.Timeout | undefined;
  #isAwake = false;
  #bytesWaiting = 0;
  #closing: Promise<void> | undefined;
  #counts = { envelopesSent: 0, messagesSent: 0, envelopeBytesSent: 0, envelopesReceived: 0 };

  private constructor(options: HostOptions, lock: DirectoryLock) {
    this.nodeId = options.nodeId;
    this.#options = options;
    this.#lock = lock;
    this.#groups = new RaftGroups(options.nodeId);
    this.#outbox = new Outbox(options.nodeId);
    this.#snapshots = new SnapshotOutbox({
      capture: (group) => this.#drivers.get(group)?.capture(),
      call: (to, payload) => {
        return this.#links.call(to, 'groups.snapshot', payload, SNAPSHOT_CHUNK_TIMEOUT_MS);
      },
      report: (group, peer, ok) => {
        this.#groups.step(group, { type: 'snapshotReport', peer, ok });
        this.#wake();
      },
      log: (line) => options.log?.(line),
    });
  }

  /**
   * Opens a node without groups. Throws `GroupError` (`bad-option`), `StorageError` if the directory
   * cannot be used, and `RpcError` if the address cannot be listened on.
   */
  static async open(options: HostOptions): Promise<RaftHost> {
    const { nodeId, peers } = options;
    if (!Number.isSafeInteger(nodeId) || nodeId < 1) {
      throw new GroupError('bad-option', `nodeId is an integer from 1 to 2^53-1, not ${nodeId}`);
    }
    const host = new RaftHost(options, lockDirectory(options.directory));
    try {
      // What cannot be used is found here, not with the first group.
      checkRaftConfig(host.#config());
      await host.#listen();
      host.setPeers(peers ?? new Map());
    } catch (error) {
      await host.close();
      throw error;
    }
    host.#timer = setInterval(() => host.#tick(), options.tickMs ?? TICK_MS);
    return host;
  }

  async #listen(): Promise<void> {
    const { identity, listen, log } = this.#options;
    this.#endpoint = await listenRpc({
      identity,
      ...listen,
      settings: CONNECTION_SETTINGS,
      authorize: (peerId) => this.#links?.peerOf(peerId) !== undefined || 'no peer of this node',
      handlers: {
        'groups.envelope': (payload, context) => this.#receive(payload, context),
        'groups.greet': (payload, context) => {
          if (typeof payload === 'string') this.#links.greeted(this.#peer(context), payload);
        },
        'groups.snapshot': (payload, context) => this.#receiveChunk(payload, context),
      },
      onHandlerError: (method, peerId, error) => {
        log?.(`${method} of ${peerId} failed: ${messageOf(error)}`);
      },
    });
    this.#links = new PeerLinks(this.#endpoint, {
      gone: (peer) => {
        this.#groups.peerGone(peer);
        this.#wake();
      },
      back: (peer) => this.#groups.peerBack(peer),
    });
  }

  /** Where this node listens, as its peers have to know it. */
  get address(): PeerAddress {
    const { host, port, peerId } = this.#endpoint;
    return { host, port, peerId };
  }

  /** Makes the peers of this node those given; this node's own entry is passed over. */
  setPeers(peers: ReadonlyMap<NodeId, PeerAddress>): void {
    if (peers.size > PEERS_MAX) {
      throw new GroupError('bad-option', `a node has at most ${PEERS_MAX} peers`);
    }
    const others = [...peers].filter(([id]) => id !== this.nodeId);
    this.#links.update(new Map(others));
  }

  /** Whether a connection to the peer stands. */
  isPeerUp(peer: NodeId): boolean {
    return this.#links.isUp(peer);
  }

  stats(): HostStats {
    const { size: groups, awakeCount: groupsAwake } = this.#groups;
    return { groups, groupsAwake, ...this.#counts };
  }

  /**
   * Opens this node's member of a group: from its directory, as a founder, or as one that will be
   * added. Throws `GroupError` (`group-exists`, `bad-option`, `overloaded`, `closed`), `StorageError`,
   * and what the state machine throws.
   */
  async openGroup<Result>(options: GroupOptions<Result>): Promise<ReplicatedGroup<Result>> {
    const { id } = options;
    this.#checkGroup(options);
    this.#opening.add(id);
    let store: RaftLogStore | undefined;
    try {
      const opened = await RaftLogStore.open(this.directoryOf(id), {
        clusterId: `${this.#options.clusterId}/${id}`,
      });
      ({ store } = opened);
      for (const warning of opened.warnings) this.#options.log?.(`group ${id}: ${warning}`);
      const state = await this.#restore(options, opened);
      if (this.#closing !== undefined) throw new GroupError('closed', 'the node was closed');
      const node = new RaftNode(this.#config(), state);
      const snapshotIndex = state.snapshot?.index ?? 0;
      const { stateMachine: machine } = options;
      const parts = { store, machine, snapshotIndex, incarnation: this.#incarnation };
      const driver = new GroupDriver<Result>(id, node, parts, this.#ports());
      this.#drivers.set(id, driver as GroupDriver<unknown>);
      this.#groups.add(id, node);
      this.#wake();
      return driver;
    } catch (error) {
      this.#drivers.delete(id);
      await store?.close();
      throw error;
    } finally {
      this.#opening.delete(id);
    }
  }

  #checkGroup({ id, members }: GroupOptions<never> | GroupOptions<unknown>): void {
    if (this.#closing !== undefined) throw new GroupError('closed', 'the node was closed');
    if (!Number.isSafeInteger(id) || id < 1) {
      throw new GroupError('bad-option', `a group has an id from 1 to 2^53-1, not ${id}`);
    }
    if (this.#drivers.has(id) || this.#opening.has(id)) {
      throw new GroupError('group-exists', `group ${id} is open here`);
    }
    if (this.#drivers.size + this.#opening.size >= GROUPS_MAX) {
      throw new GroupError('overloaded', `a node takes part in at most ${GROUPS_MAX} groups`);
    }
    if (members !== undefined && !members.includes(this.nodeId)) {
      throw new GroupError('bad-option', `node ${this.nodeId} is not among the founders`);
    }
  }

  /** The member of a group here, if it is open. */
  group(id: GroupId): ReplicatedGroup<unknown> | undefined {
    return this.#drivers.get(id);
  }

  /** Where the log of a group is. */
  directoryOf(id: GroupId): string {
    return join(this.#options.directory, 'groups', String(id));
  }

  async #restore<Result>(
    { stateMachine, members }: GroupOptions<Result>,
    { store, restored }: { readonly store: RaftLogStore; readonly restored: RestoredLog },
  ): Promise<RestoredState> {
    const { snapshot, entries, hardState } = restored;
    if (snapshot !== null) {
      await stateMachine.restore(snapshot.data);
      return { hardState, snapshot: snapshot.meta, entries, applied: snapshot.meta.index };
    }
    if (members === undefined || hardState.term > 0) {
      return { ...joiningState(), hardState, entries };
    }
    const founding = foundingState(members);
    const { snapshot: meta } = founding;
    if (meta !== null) await store.saveSnapshot(meta, await stateMachine.snapshot());
    await store.append({ hardState: founding.hardState, entries: [] });
    return founding;
  }

  #config(): RaftConfig {
    const { nodeId: id, electionTicks, quiesceTicks, leaseMs } = this.#options;
    return defaultRaftConfig({
      id,
      electionTicks: electionTicks ?? ELECTION_TICKS,
      heartbeatTicks: HEARTBEAT_TICKS,
      quiesceTicks: quiesceTicks ?? QUIESCE_TICKS,
      leaseMs: leaseMs ?? 0,
      asyncStorageWrites: true,
      diskStallTicks: DISK_STALL_TICKS,
      random: () => randomInt(2 ** 32) / 2 ** 32,
    });
  }

  #ports(): GroupPorts {
    return {
      groups: this.#groups,
      compactionEntries: this.#options.compactionEntries ?? COMPACTION_ENTRIES,
      send: (group, messages) => this.#send(group, messages),
      wake: () => this.#wake(),
      watch: (driver) => this.#watched.add(driver),
      reserve: (bytes) => {
        if (this.#bytesWaiting + bytes > PROPOSAL_BYTES_WAITING_MAX) return false;
        this.#bytesWaiting += bytes;
        return true;
      },
      release: (bytes) => {
        this.#bytesWaiting -= bytes;
      },
      closed: (group) => this.#drivers.delete(group),
      failed: (group, error) => {
        this.#options.log?.(error.message);
        this.#options.onGroupFailed?.(group, error);
      },
    };
  }

  /** An invariant broke: what this node says from now on could do harm. */
  #fail(error: unknown): void {
    clearInterval(this.#timer);
    this.#links.close();
    for (const driver of this.#drivers.values()) driver.fail('the node stopped', error);
  }

  #tick(): void {
    try {
      this.#tickGroups();
    } catch (error) {
      this.#fail(error);
    }
  }

  #tickGroups(): void {
    const nowMs = performance.now();
    this.#groups.tick(nowMs);
    for (const driver of this.#watched) if (!driver.tick(nowMs)) this.#watched.delete(driver);
    if (this.#groups.hasReadies) this.#wake();
  }

  #wake(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    // Everything that arrives in this turn of the event loop goes into one round.
    setImmediate(() => {
      this.#isAwake = false;
      try {
        this.#round();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  #round(): void {
    while (this.#groups.hasReadies) {
      for (const { group, ready } of this.#groups.takeReadies())
        this.#drivers.get(group)?.take(ready);
    }
    for (const { to, bytes, messages, inOrder } of this.#outbox.take()) {
      if (this.#links.send(to, bytes, { inOrder })) {
        this.#counts.envelopesSent += 1;
        this.#counts.messagesSent += messages.length;
        this.#counts.envelopeBytesSent += bytes.length;
      } else if (this.#links.isUp(to)) {
        this.#reportLost(to, messages);
      }
    }
  }

  #reportLost(peer: NodeId, messages: readonly { readonly group: GroupId }[]): void {
    for (const group of new Set(messages.map((each) => each.group))) {
      this.#groups.step(group, { type: 'unreachable', peer });
    }
  }

  #send(group: GroupId, messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.type === 'snapshot') void this.#snapshots.send(group, message);
      else if (!this.#outbox.post(group, message)) this.#reportLost(message.to, [{ group }]);
    }
    this.#wake();
  }

  #peer(context: CallContext): NodeId {
    const peer = this.#links.peerOf(context.connection.peerId);
    if (peer === undefined) throw new RpcError('permission-denied', 'no peer of this node');
    return peer;
  }

  #receive(payload: unknown, context: CallContext): void {
    const from = this.#peer(context);
    if (!(payload instanceof Uint8Array)) throw new RpcError('malformed', 'no envelope');
    try {
      const envelope = decodeEnvelope(payload);
      if (envelope.from !== from) throw new RpcError('malformed', 'an envelope of another node');
      // A snapshot comes with its state, by calls of its own.
      const messages = envelope.messages.filter(({ message }) => message.type !== 'snapshot');
      this.#counts.envelopesReceived += 1;
      const unknown = this.#groups.receive({ ...envelope, messages }, performance.now());
      for (const group of unknown) this.#options.onUnknownGroup?.(group, from);
    } catch (error) {
      if (error instanceof GroupsError) throw new RpcError('malformed', error.message);
      if (!(error instanceof RpcError)) this.#fail(error);
      throw error;
    }
    this.#wake();
  }

  #receiveChunk(payload: unknown, context: CallContext): null {
    const whole = this.#inbox.take(this.#peer(context), payload, performance.now());
    if (whole === undefined) return null;
    const driver = this.#drivers.get(whole.group);
    if (driver === undefined) throw new RpcError('refused', `group ${whole.group} is not here`);
    driver.receiveSnapshot(whole.message, whole.data);
    return null;
  }

  /** Closes one group; what is on the disk stays. False if it is not open. */
  async closeGroup(id: GroupId): Promise<boolean> {
    const driver = this.#drivers.get(id);
    if (driver === undefined) return false;
    await driver.close();
    return true;
  }

  /** Closes all groups, then the endpoint, and lets the directory go. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#drivers.keys()].map((id) => this.closeGroup(id)));
    this.#links?.close();
    await this.#endpoint?.close(0);
    this.#lock.release();
  }
}
