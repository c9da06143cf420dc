/**
 * One node: a process with a data directory, an endpoint, a replica and engines. This file puts the
 * parts together and brings them up and down; what they do stands in their own files.
 */
import { setTimeout as pause } from 'node:timers/promises';

import { type Message, decodeMessage } from '../consensus/raft/index.js';
import { createMiniLmEmbedder } from '../src/memory/index.js';
import type { Embedder } from '../src/memory/engine.js';
import type { PeerAddress, PeerEndpoint } from '../transport/rpc/rpc.js';
import { RpcError } from '../transport/rpc/rpc.js';
import type { Command, CommandResult } from './control-plane/command.js';
import { memberByPeerId, tokenHashes } from './control-plane/state.js';
import type { ControlState, MemberStatus } from './control-plane/state.js';
import { readIdentity } from './data-directory.js';
import type { NodeFile } from './data-directory.js';
import { Driver } from './driver.js';
import { departure } from './errors.js';
import {
  DRAIN_TIMEOUT_MS,
  FORWARD_TIMEOUT_MS,
  HAND_OVER_GRACE_MS,
  LEARN_INTERVAL_MS,
  PORT_WAIT_MS,
} from './limits.js';
import { BringUp } from './migration/bring-up.js';
import { RolloutExecutor } from './migration/executor.js';
import type { Releases } from './migration/release-steps.js';
import { fetchVectors } from './migration/peer-vectors.js';
import type { NodeEngines } from './node-engines.js';
import { closeParts, openParts } from './node-parts.js';
import type { Parts, PartsOptions } from './node-parts.js';
import { NodeGossip } from './gossip/node-gossip.js';
import { NodeHealth } from './health/node-health.js';
import { listen, listenOptions } from './listening.js';
import { Peers } from './peers.js';
import { ProposalError } from './proposal-error.js';
import { membersOfOthers, rememberMembers } from './remembered-members.js';
import type { Replica } from './replica/replica.js';
import { Access } from './service/access.js';
import { Served } from './service/served.js';
import { Snapshots } from './snapshots.js';
import type { DirectoryLock, PowerCutMark, RaftLogStore } from './storage/index.js';
import { ExpirySweep, sweepPorts } from './expiry-sweep.js';
import { sayGoodbye } from './goodbye.js';
import { ReleaseWatch } from './release/watch.js';
import { VersionNotice, isKnown, tellSwarm, toldOf } from './version-notice.js';
import { warm } from './warm.js';
import { encodeCommand } from './wire/command-codec.js';
import { parseCommandResult } from './wire/result-codec.js';

export interface NodeOptions extends PartsOptions {
  /** The node has stopped by itself: a write failed, or an invariant broke. */
  readonly failed: (error: unknown) => void;
  readonly embedder?: Embedder;
  /** Builds of the program between which a rollout can move this node. */
  readonly releases?: Releases;
  /** The node takes the place of another process, which keeps the port until this is called. */
  readonly directoryOpened?: () => void;
  /** Of one snapshot that others read from this node, or it from others; without: no limit. */
  readonly snapshotBytesPerSecondMax?: number;
}

/** The process that takes the place of a node. */
export interface Successor {
  /** The directory is free; resolves when the successor has opened it and wants the port. */
  opensDirectory(): Promise<void>;
}

/** How often a node looks whether the others know its version. */
const NOTICE_INTERVAL_MS = 500;

export class SwarmNode {
  readonly file: NodeFile;
  readonly replica: Replica;
  readonly engines: NodeEngines;
  readonly driver: Driver;
  readonly embedder: Embedder;
  readonly executor: RolloutExecutor;
  readonly bringUp: BringUp;
  readonly snapshots: Snapshots;
  readonly health: NodeHealth;
  readonly documents: Parts['documents'];
  readonly available: Parts['available'];
  readonly topics: Parts['topics'];
  readonly approvals: Parts['approvals'];
  readonly startedAtMs = Date.now();
  readonly #options: NodeOptions;
  readonly #lock: DirectoryLock;
  readonly #store: RaftLogStore;
  readonly #powerCut: PowerCutMark;
  #endpoint!: PeerEndpoint;
  #gossip!: NodeGossip;
  #served: Served | undefined;
  #peers!: Peers;
  #noticing: NodeJS.Timeout | undefined;
  #sweep: ExpirySweep | undefined;
  readonly #watch: ReleaseWatch;
  #ready = false;
  #stopping = false;
  #failed = false;
  /** It was asked to leave the swarm. */
  #isLeaving = false;
  #running = 0;
  #settling: Promise<void> = Promise.resolve();
  #remembering: Promise<void> = Promise.resolve();

  /** Opens the directory and serves; resolves when the node has caught up with its swarm. */
  static async start(options: NodeOptions): Promise<SwarmNode> {
    const parts = await openParts(options);
    let node: SwarmNode | undefined;
    try {
      node = new SwarmNode(options, parts);
      options.directoryOpened?.();
      await node.#listen();
      await node.#join();
      return node;
    } catch (error) {
      if (node === undefined) await closeParts(parts);
      else await node.#close();
      throw error;
    }
  }

  private constructor(options: NodeOptions, parts: Parts) {
    const { file, engines, replica, store } = parts;
    this.#options = options;
    this.file = file;
    this.#lock = parts.lock;
    this.#store = store;
    this.#powerCut = parts.powerCut;
    this.engines = engines;
    ({ documents: this.documents, available: this.available } = parts);
    ({ topics: this.topics, approvals: this.approvals } = parts);
    this.replica = replica;
    this.embedder = options.embedder ?? createMiniLmEmbedder();
    this.snapshots = new Snapshots(this, options);
    this.health = new NodeHealth(this, options);
    this.driver = new Driver(replica, store, engines, parts.snapshotIndex, {
      send: (message) => this.#send(message),
      install: (meta) => this.bringUp.hold(() => this.snapshots.install(meta)),
      controlChanged: () => this.#controlChanged(),
      log: options.log,
      failed: (error) => this.#fail(error),
    });
    const shared = {
      replica,
      engines,
      driver: this.driver,
      embedder: this.embedder,
      v1Store: options.paths.v1Store,
      fetchVectors: (hashes: string[]) => fetchVectors(this, hashes),
      log: options.log,
    };
    this.bringUp = new BringUp({ ...shared, added: () => this.#settle() });
    this.executor = new RolloutExecutor({
      ...shared,
      approvals: this.approvals,
      nodeId: file.nodeId,
      release: options.releases?.running.name ?? '',
      ...(options.releases?.steps === undefined ? {} : { releaseSteps: options.releases.steps }),
      v2Files: engines.v2Files,
      submit: (command) => this.submit(command, FORWARD_TIMEOUT_MS),
    });
    this.#watch = new ReleaseWatch({
      nodeId: file.nodeId,
      releases: options.releases,
      control: () => this.control,
      submit: (command) => this.submit(command, FORWARD_TIMEOUT_MS),
      log: options.log,
    });
  }

  get peers(): Peers {
    return this.#peers;
  }

  get gossip(): NodeGossip {
    return this.#gossip;
  }

  get releases(): Releases | undefined {
    return this.#options.releases;
  }

  get control(): ControlState {
    return this.replica.control;
  }

  get serving(): boolean {
    const version = this.engines.activeVersion(this.control);
    return this.#ready && !this.#stopping && this.engines.engine(version) !== undefined;
  }

  /** Fails with a reason that makes a client try another node. */
  requireServing(): void {
    if (this.#stopping)
      throw new RpcError('refused', 'the node is stopping', { reason: 'stopping' });
    if (this.serving) return;
    throw new RpcError('unavailable', 'the node has not caught up with its swarm yet');
  }

  async track<T>(work: () => Promise<T>): Promise<T> {
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
    }
  }

  /** Proposes through whichever node leads; resolves when the command is applied there. */
  async submit(command: Command, timeoutMs: number): Promise<CommandResult> {
    const { leader } = this.replica;
    if (leader === 0) throw new ProposalError('no-leader');
    if (leader === this.file.nodeId) return this.driver.propose(command);
    const bytes = encodeCommand(command);
    const answer = await this.#peers.call(leader, 'node.propose', bytes, timeoutMs);
    return parseCommandResult(answer);
  }

  /** A message of the consensus, from the peer whose identity the transport has proven. */
  receiveRaft(peerId: string, bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    this.requireSender(peerId, message);
    this.driver.receive(message);
  }

  /** Throws `permission-denied` unless the peer is the member that a message to this node is from. */
  requireSender(peerId: string, { from, to }: Pick<Message, 'from' | 'to'>): void {
    const known = this.control.members.get(from);
    const sender = known ?? this.file.members.find((one) => one.nodeId === from);
    if (sender?.peerId === peerId && to === this.file.nodeId) return;
    throw new RpcError('permission-denied', `peer ${peerId} does not speak for node ${from}`);
  }

  isMember(peerId: string): boolean {
    return this.memberIdOf(peerId) !== undefined;
  }

  memberIdOf(peerId: string): number | undefined {
    const member = memberByPeerId(this.control, peerId);
    if (member !== undefined) return member.nodeId;
    // Until this node has caught up, those that it knew vouch for those who joined meanwhile.
    if (this.#ready) return undefined;
    return this.file.members.find((one) => one.peerId === peerId)?.nodeId;
  }

  /**
   * Hands leadership over, ends running requests, and stops; says that it left, unless a successor
   * takes its place.
   */
  async stop(successor?: Successor): Promise<void> {
    if (this.#stopping) return;
    this.#options.log('draining: leadership moves away, running requests end');
    const deadlineMs = performance.now() + DRAIN_TIMEOUT_MS;
    // It answers while somebody else is on the way to lead.
    if (successor !== undefined) {
      await this.executor.stop();
      await this.#handOverBefore(deadlineMs);
    }
    this.#stopping = true;
    await this.executor.stop();
    await this.#handOverBefore(deadlineMs);
    while (this.#running > 0 && performance.now() < deadlineMs) await pause(2);
    if (this.control.members.size > 1 && successor === undefined) {
      await sayGoodbye(() => this.#setStatus('left'), this.#options.log);
      await this.#gossip.leave();
    }
    await this.#close(successor);
  }

  async #listen(): Promise<void> {
    const access = new Access(
      (peerId) => this.isMember(peerId),
      () => tokenHashes(this.control),
    );
    const { paths, log } = this.#options;
    const identity = await readIdentity(paths);
    const release = this.releases?.running.name ?? '';
    this.#gossip = new NodeGossip(this, { identity, release, log });
    this.replica.livenessOf = (nodeId) => this.#gossip.livenessOf(nodeId);
    const onDatagram = ({ peerId }: { readonly peerId: string }, bytes: Uint8Array): void =>
      this.#gossip.receive(peerId, 'datagram', bytes);
    const options = { ...listenOptions(paths, identity, log), onDatagram };
    this.#served = new Served(this, access, options.onHandlerError, this.#options);
    const { host, port } = this.file.listen;
    const portWaitMs = this.#options.directoryOpened === undefined ? 0 : PORT_WAIT_MS;
    this.#endpoint = await listen({ ...options, host, port, ...this.#served.calls }, portWaitMs);
    const unreachable = (nodeId: number): void => this.driver.reportUnreachable(nodeId);
    this.#peers = new Peers(this.file.nodeId, this.#endpoint, unreachable);
    this.#updatePeers();
    this.documents.begin(this, log);
    this.available.begin(this);
    this.topics.begin(this, identity);
    this.approvals.begin(this, identity);
  }

  async #join(): Promise<void> {
    this.driver.start();
    this.#sweep = new ExpirySweep(sweepPorts(this, this.#options.log));
    this.health.watch();
    const { nodeId, zone } = this.file;
    const notice = new VersionNotice(nodeId, this.replica, this.releases, zone, () =>
      this.#setStatus('up'),
    );
    this.#noticing = setInterval(() => {
      if (this.#ready && !this.#stopping) notice.poke();
    }, NOTICE_INTERVAL_MS);
    const waiting = setInterval(() => {
      this.#options.log('waiting for a leader and for the log to catch up');
    }, 5_000);
    const learning = setInterval(() => void this.#learnMembers(), LEARN_INTERVAL_MS);
    try {
      await Promise.all([this.driver.readBarrier(), warm(this.embedder, this.#options.log)]);
      // A leader has answered and the log is here, unless it still gives no vote.
      if (this.#powerCut.suspect && !this.replica.status().isAmnesiac) await this.#powerCut.trust();
      this.#ready = true;
      this.#controlChanged();
      while (!this.#stopping) {
        try {
          await this.#setStatus('up');
          break;
        } catch {
          await pause(100);
        }
      }
    } finally {
      clearInterval(waiting);
      clearInterval(learning);
    }
  }

  /** The one who leads now may have joined while this node was down. */
  async #learnMembers(): Promise<void> {
    const told = await membersOfOthers(this.file, this.#peers, this.#options.log);
    const known = new Set(this.file.members.map((one) => one.nodeId));
    const added = told.filter((one) => !known.has(one.nodeId));
    if (this.#ready || added.length === 0) return;
    this.file.members.push(...added);
    this.#updatePeers();
  }

  async #setStatus(status: MemberStatus): Promise<void> {
    const { nodeId, advertise } = this.file;
    const member = this.control.members.get(nodeId);
    if (member === undefined) return;
    const { host, port } = advertise;
    const zone = this.file.zone ?? member.zone;
    const told = { status, host, port, ...toldOf(this.control, this.releases, zone) };
    if (isKnown(member, told)) return;
    const submit = (command: Command): Promise<CommandResult> => this.submit(command, 2_000);
    await tellSwarm({ type: 'setMember', nodeId, ...told }, submit, this.#options.log);
  }

  #send(message: Message): void {
    if (message.type === 'snapshot') this.snapshots.begin(message);
    else this.#peers.send(message);
  }

  #controlChanged(): void {
    this.#updatePeers();
    if (!this.#ready) return;
    const { nodeId, swarmId } = this.file;
    this.#isLeaving ||= this.control.placement.leaving.has(nodeId);
    if (!this.control.members.has(nodeId)) {
      this.#fail(departure(nodeId, swarmId, this.#isLeaving));
      return;
    }
    this.approvals.poke();
    this.executor.poke();
    this.#watch.poke();
    this.bringUp.poke();
    this.#settle();
    const remember = (): Promise<void> =>
      rememberMembers(this.#options.paths, this.file, this.control, this.#options.log);
    this.#remembering = this.#remembering.then(remember);
  }

  #settle(): void {
    this.#settling = this.#settling
      .then(async () => {
        if (this.#stopping) return;
        await this.engines.settle(this.control, () => this.#stopping);
      })
      .catch((error: unknown) => this.#fail(error));
  }

  #updatePeers(): void {
    const known = [...this.control.members.values()];
    const addresses = new Map<number, PeerAddress>();
    for (const { nodeId, peerId, host, port } of this.#ready
      ? known
      : [...this.file.members, ...known]) {
      if (nodeId !== this.file.nodeId) addresses.set(nodeId, { peerId, host, port });
    }
    this.#peers.update(addresses);
    if (this.#ready) this.#gossip.updateMembers();
  }

  async #handOverBefore(deadlineMs: number): Promise<void> {
    while (this.replica.status().role === 'leader' && performance.now() < deadlineMs) {
      if (!this.driver.handOver()) return;
      await pause(20);
    }
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#stopping = true;
    this.#options.failed(error);
  }

  async #close(successor?: Successor): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#noticing);
    const watched = this.health.stop();
    const swept = this.#sweep?.stop();
    await this.executor.stop();
    await this.bringUp.stop();
    await this.snapshots.close();
    await this.driver.stop();
    await swept;
    await watched;
    await this.#settling;
    await this.#remembering;
    await this.topics.close();
    await this.approvals.close();
    if (successor === undefined) await this.#leave(500);
    this.engines.close();
    await this.documents.close();
    await this.available.close();
    await this.#store.close();
    if (!this.#failed) await this.#powerCut.remove().catch(() => undefined);
    this.#lock.release();
    if (successor === undefined) return;
    // Packets to a port that nobody has are lost, and whoever sent them waits a second to try again.
    await successor.opensDirectory();
    await this.#leave(HAND_OVER_GRACE_MS);
  }

  async #leave(graceMs: number): Promise<void> {
    this.#gossip?.stop();
    this.#peers?.close();
    this.#served?.close();
    await this.#endpoint?.close(graceMs);
    await this.embedder.close();
  }
}
