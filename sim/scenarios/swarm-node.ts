/**
 * A node of a swarm in the simulated world: the same `Replica` and `Engines` that run in
 * production, with the world's disk, network and clock, and with model engines.
 */
import { defaultRaftConfig, foundingState } from '../../consensus/raft/index.js';
import type { Entry, HardState, Message, Ready, SnapshotMeta } from '../../consensus/raft/index.js';
import type { Command } from '../../nodes/control-plane/command.js';
import { newControlState } from '../../nodes/control-plane/state.js';
import type { ControlState } from '../../nodes/control-plane/state.js';
import { Engines } from '../../nodes/engines.js';
import { Replica } from '../../nodes/replica/replica.js';
import { makePlan } from '../../nodes/rollout/plan.js';
import { decodeCommand, encodeCommand } from '../../nodes/wire/command-codec.js';
import { decodeControlState, encodeControlState } from '../../nodes/wire/state-codec.js';
import type { Context, DiskView, NodeProgram, Process } from '../world/index.js';
import { ModelEngine, emptyContent, padded } from './model-engine.js';
import type { ModelDisk } from './model-engine.js';
import type { Observer } from './observer.js';
import { SimulatedRollout } from './simulated-rollout.js';
import { nodeIdOf, nodeName } from './swarm-messages.js';
import type { SwarmMessage } from './swarm-messages.js';

export interface SwarmOptions {
  readonly nodeIds: readonly number[];
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Entries between two compactions; small, so that runs meet snapshots. */
  readonly compactionEntries: number;
  readonly observer: Observer;
  /** One hour when left out. */
  readonly sessionTimeoutMs?: number;
  /** By how much the clock of a node is wrong now, in milliseconds. */
  readonly clockErrorMs?: (nodeId: number) => number;
}

const TICK_MICROSECONDS = 50_000;
const WRITE_SYNC = 1;
const READY_CONTEXT = 'ready';
const READY_RETRY_TICKS = 8;
const codec = { encode: encodeCommand, decode: decodeCommand };

interface StoredSnapshot {
  readonly meta: SnapshotMeta;
  readonly control: Uint8Array;
}

/** The program of every node; the name of the node tells its id. */
export function swarmNode(options: SwarmOptions): NodeProgram<SwarmMessage, unknown> {
  return { start: (disk, context) => new SwarmNodeProcess(options, disk, context) };
}

export class SwarmNodeProcess implements Process<SwarmMessage> {
  readonly nodeId: number;
  readonly replica: Replica;
  readonly engines = new Engines();
  readonly disk: ModelDisk;
  readonly #options: SwarmOptions;
  readonly #context: Context<SwarmMessage, unknown>;
  readonly #rollout: SimulatedRollout;
  /** Readies whose writes are on their way to the disk, oldest first. */
  readonly #writing: Ready[] = [];
  #incoming: Extract<SwarmMessage, { kind: 'snapshot' }> | undefined;
  #snapshotIndex: number;
  #nextRequest = 1;
  #ticks = 0;
  /** Set when the node has caught up with its group once since it started. */
  isReady = false;
  readonly #askers = new Map<number, { readonly name: string; readonly request: number }>();
  readonly #reads = new Map<string, { name: string; request: number; id: string }>();

  constructor(
    options: SwarmOptions,
    disk: DiskView<unknown>,
    context: Context<SwarmMessage, unknown>,
  ) {
    this.nodeId = nodeIdOf(context.name);
    this.#options = options;
    this.#context = context;
    this.disk = {
      get: (key) => disk.get(key),
      keys: (prefix) => disk.keys(prefix),
      write: (key, value) => context.write(key, value),
    };
    const founding = foundingState(options.nodeIds);
    const stored = disk.get('snapshot') as StoredSnapshot | undefined;
    const meta = stored?.meta ?? founding.snapshot!;
    const control =
      stored === undefined ? foundingControl(options) : decodeControlState(stored.control);
    this.#snapshotIndex = meta.index;
    const entries = disk
      .keys('log/')
      .map((key) => disk.get(key) as Entry)
      .filter(({ index }) => index > meta.index);
    const hardState = (disk.get('hard') as HardState | undefined) ?? founding.hardState;
    const { electionTicks, heartbeatTicks } = options;
    const config = defaultRaftConfig({
      id: this.nodeId,
      electionTicks,
      heartbeatTicks,
      asyncStorageWrites: true,
      diskStallTicks: electionTicks,
      random: () => context.random(),
    });
    const commit = Math.max(hardState.commit, meta.index);
    const restored = {
      hardState: { ...hardState, commit },
      snapshot: meta,
      entries,
      applied: meta.index,
    };
    const time = {
      nowMs: () => context.nowMicroseconds / 1_000 + (options.clockErrorMs?.(this.nodeId) ?? 0),
      timeOfDayMs: () =>
        context.nowMicroseconds / 1_000 + (options.clockErrorMs?.(this.nodeId) ?? 0),
      tickMs: TICK_MICROSECONDS / 1_000,
    };
    this.replica = new Replica(config, restored, control, codec, time);
    this.#openEngines(control, meta.index);
    this.#rollout = new SimulatedRollout(this, context, options.observer);
    context.setTimer(Math.floor(context.random() * TICK_MICROSECONDS), 'tick');
  }

  onTick(tag: string): void {
    if (tag === 'tick') {
      this.replica.tick();
      this.#context.setTimer(TICK_MICROSECONDS, 'tick');
      this.#ticks += 1;
      if (!this.isReady && this.#ticks % READY_RETRY_TICKS === 0) {
        this.replica.readIndex(`${READY_CONTEXT}/${this.#ticks}`);
      }
      this.#rollout.poke();
    } else {
      this.#rollout.onTimer(tag);
    }
    this.#pump();
  }

  onMessage(from: string, message: SwarmMessage): void {
    switch (message.kind) {
      case 'raft':
        this.replica.receive(message.message);
        break;
      case 'snapshot':
        this.#incoming = message;
        this.replica.receive(message.message);
        break;
      case 'propose':
        this.#propose(message.asker, message.request, message.command);
        break;
      case 'get':
        this.#get(from, message.request, message.id);
        break;
      case 'start-rollout':
        this.#startRollout(from, message.request);
        break;
      case 'abort-rollout': {
        const rolloutId = this.replica.control.rollout?.id ?? 0;
        const command = { type: 'abortRollout', rolloutId, reason: 'operator' } as const;
        this.#propose(from, message.request, command);
        break;
      }
      default:
        break;
    }
    this.#pump();
  }

  /** Syncs end in the order in which they began. */
  onDiskSynced(token: number): void {
    if (token !== WRITE_SYNC) return;
    const ready = this.#writing.shift();
    if (ready === undefined) return;
    for (const message of this.replica.written(ready)) this.#send(message);
    this.#pump();
  }

  /** Proposes, or passes the command on to the leader, who answers the asker. */
  #propose(asker: string, request: number, command: Command): void {
    const { leader } = this.replica.status();
    if (leader !== 0 && leader !== this.nodeId) {
      this.#context.send(nodeName(leader), { kind: 'propose', asker, request, command });
      return;
    }
    const own = this.#nextRequest;
    this.#nextRequest += 1;
    if (leader === 0 || this.replica.propose(own, command) !== undefined) {
      this.#context.send(asker, { kind: 'try-again', request });
      return;
    }
    this.#askers.set(own, { name: asker, request });
  }

  /** Sends a command of this node itself; nobody waits for the answer. */
  submit(command: Command): void {
    this.#propose(this.#context.name, 0, command);
  }

  #get(from: string, request: number, id: string): void {
    const context = `${from}/${request}/${this.#nextRequest}`;
    this.#nextRequest += 1;
    if (this.replica.readIndex(context) !== undefined) {
      this.#context.send(from, { kind: 'try-again', request });
      return;
    }
    this.#reads.set(context, { name: from, request, id });
  }

  #startRollout(from: string, request: number): void {
    const members = [...this.replica.control.members.values()];
    const plan = makePlan(members, this.replica.status().leader, { rollbackWindowMs: 0 });
    const after = this.replica.control.rollout?.id ?? 0;
    const command = { type: 'startRollout', plan, digest: 'd', startedAtMs: 1, after } as const;
    this.#propose(from, request, command);
  }

  /** Hands out everything there is to do; as in production, nothing waits for the disk here. */
  #pump(): void {
    while (this.replica.hasReady()) {
      const ready = this.replica.ready();
      const { role, term } = this.replica.status();
      if (role === 'leader') this.#options.observer.leads(this.nodeId, term);
      for (const message of ready.messages) this.#send(message);
      this.#write(ready);
      for (const context of ready.droppedReads) this.#reads.delete(context);
      this.#apply(ready.committedEntries);
    }
  }

  #write(ready: Ready): void {
    const context = this.#context;
    const { hardState, entries, snapshot, messagesAfterPersist, receipt } = ready;
    const writes = hardState !== undefined || snapshot !== undefined || entries.length > 0;
    if (!writes && messagesAfterPersist.length === 0 && receipt === null) return;
    if (ready.snapshot !== undefined) this.#install(ready.snapshot);
    if (ready.hardState !== undefined) context.write('hard', ready.hardState);
    const first = ready.entries[0];
    if (first !== undefined) {
      for (const key of this.disk.keys('log/')) {
        if (key >= `log/${padded(first.index)}`) context.write(key, undefined);
      }
    }
    for (const entry of ready.entries) context.write(`log/${padded(entry.index)}`, entry);
    this.#writing.push(ready);
    context.sync(WRITE_SYNC);
  }

  #apply(entries: readonly Entry[]): void {
    const batch = this.replica.beginApply(entries);
    for (const write of batch.commands) this.#options.observer.wrote(write);
    const applied = this.replica.finishApply(this.engines.apply(batch));
    for (const reply of applied.replies) {
      const asker = this.#askers.get(reply.request);
      this.#askers.delete(reply.request);
      if (asker === undefined || asker.name === this.#context.name) continue;
      const { name, request } = asker;
      if ('lost' in reply) this.#context.send(name, { kind: 'try-again', request });
      else this.#context.send(name, { kind: 'result', request, result: reply.result });
    }
    for (const context of applied.reads) this.#answerRead(context);
    if (batch.firstIndex > 0) this.#observe();
    if (applied.controlChanged) this.#rollout.poke();
    this.#compact();
  }

  #answerRead(context: string): void {
    if (context.startsWith(READY_CONTEXT)) this.isReady = true;
    const read = this.#reads.get(context);
    this.#reads.delete(context);
    const engine = this.engines.engine(this.activeVersion());
    // While a node has to build its store again it serves nobody.
    if (read === undefined || engine === undefined) return;
    const content = engine.get(read.id)?.content ?? null;
    this.#context.send(read.name, { kind: 'value', request: read.request, content });
  }

  activeVersion(): 'v1' | 'v2' {
    return this.replica.control.members.get(this.nodeId)?.engine ?? 'v1';
  }

  #observe(): void {
    const engines = this.engines.versions().map((version) => this.engines.engine(version));
    this.#options.observer.applied(
      this.nodeId,
      this.replica.appliedIndex,
      this.replica.control,
      engines as ModelEngine[],
    );
  }

  #send(message: Message): void {
    const to = nodeName(message.to);
    if (message.type !== 'snapshot') {
      this.#context.send(to, { kind: 'raft', message });
      return;
    }
    const source = this.engines.engine('v1') ?? this.engines.engine('v2');
    const meta = this.replica.snapshotMeta();
    if (source?.appliedIndex !== meta.index) {
      this.replica.reportSnapshot(message.to, false);
      return;
    }
    this.#context.send(to, {
      kind: 'snapshot',
      message: { ...message, snapshot: meta },
      control: encodeControlState(this.replica.control),
      content: (source as ModelEngine).content(),
    });
    this.replica.reportSnapshot(message.to, true);
  }

  #install(meta: SnapshotMeta): void {
    const incoming = this.#incoming;
    if (incoming?.message.snapshot?.index !== meta.index) {
      throw new Error('the core installs the snapshot that came in');
    }
    const control = decodeControlState(incoming.control);
    const version = control.swarmVersion === 1 ? 'v1' : 'v2';
    for (const open of this.engines.versions()) this.engines.remove(open);
    ModelEngine.remove(version === 'v1' ? 'v2' : 'v1', this.disk);
    ModelEngine.remove(version, this.disk);
    this.engines.add(new ModelEngine(version, incoming.content, this.disk));
    for (const key of this.disk.keys('log/')) this.disk.write(key, undefined);
    this.disk.write('snapshot', { meta, control: incoming.control });
    this.#snapshotIndex = meta.index;
    this.replica.installSnapshot(meta, control);
    this.#rollout.reset();
  }

  #compact(): void {
    const { appliedIndex } = this.replica;
    if (this.#rollout.pinsLog || this.replica.isRestoring) return;
    if (appliedIndex - this.#snapshotIndex < this.#options.compactionEntries) return;
    this.engines.sync();
    const meta = this.replica.snapshotMeta();
    this.disk.write('snapshot', { meta, control: encodeControlState(this.replica.control) });
    this.#snapshotIndex = meta.index;
    const keepFrom = Math.max(1, meta.index - Math.floor(this.#options.compactionEntries / 4));
    for (const key of this.disk.keys('log/')) {
      if (key <= `log/${padded(keepFrom)}`) this.disk.write(key, undefined);
    }
    this.replica.compact(keepFrom, meta);
    this.engines.forgetOutcomes(keepFrom);
    this.#context.sync(0);
  }

  #openEngines(control: ControlState, index: number): void {
    if (this.disk.get('snapshot') === undefined && this.disk.get('v1/base') === undefined) {
      this.engines.add(new ModelEngine('v1', emptyContent(index), this.disk));
      return;
    }
    const versions = control.swarmVersion === 1 ? (['v1', 'v2'] as const) : (['v2'] as const);
    for (const version of versions) {
      const engine = ModelEngine.open(version, this.disk);
      if (engine !== undefined && engine.appliedIndex >= index) this.engines.add(engine);
      else if (engine !== undefined) ModelEngine.remove(version, this.disk);
    }
  }
}

function foundingControl(options: SwarmOptions): ControlState {
  const control = newControlState({
    swarmId: 'simulated',
    joinTokenHash: '',
    clientTokenHash: '',
    swarmVersion: 1,
    peerId: nodeName(1),
    host: 'host',
    port: 1,
    ...(options.sessionTimeoutMs === undefined
      ? {}
      : { sessionTimeoutMs: options.sessionTimeoutMs }),
  });
  const founder = control.members.get(1);
  if (founder === undefined) throw new Error('a new swarm has its founder');
  for (const nodeId of options.nodeIds) {
    control.members.set(nodeId, { ...founder, nodeId, peerId: nodeName(nodeId), status: 'up' });
  }
  control.nextNodeId = options.nodeIds.length + 1;
  return control;
}
