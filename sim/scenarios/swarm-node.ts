/**
 * A node of a swarm in the simulated world: the same `Replica` and `Engines` that run in
 * production, with the world's disk, network and clock, and with model engines.
 */
import { defaultRaftConfig } from '../../consensus/raft/index.js';
import type { Entry, Message, Ready, SnapshotMeta } from '../../consensus/raft/index.js';
import type { Command } from '../../nodes/control-plane/command.js';
import type { ControlState } from '../../nodes/control-plane/state.js';
import { Engines } from '../../nodes/engines.js';
import { Replica } from '../../nodes/replica/replica.js';
import { makePlan } from '../../nodes/rollout/plan.js';
import type { PlanOptions } from '../../nodes/rollout/plan.js';
import { keepsV1 } from '../../nodes/kept-engines.js';
import { ELECTION_STEP_TICKS } from '../../nodes/limits.js';
import { decodeCommand, encodeCommand } from '../../nodes/wire/command-codec.js';
import { decodeControlState, encodeControlState } from '../../nodes/wire/state-codec.js';
import type { Context, DiskView, NodeProgram, Process } from '../world/index.js';
import { ModelEngine, emptyContent } from './model-engine.js';
import type { ModelDisk } from './model-engine.js';
import type { Observer } from './observer.js';
import { SimulatedRollout } from './simulated-rollout.js';
import { foundingControl, foundingLog } from './swarm-founding.js';
import type { FoundingOptions } from './swarm-founding.js';
import { SwarmLog, storedEntries, storedHardState } from './swarm-log.js';
import { nodeIdOf, nodeName } from './swarm-messages.js';
import type { SwarmMessage } from './swarm-messages.js';

export interface SwarmOptions extends FoundingOptions {
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Entries between two compactions; small, so that runs meet snapshots. */
  readonly compactionEntries: number;
  readonly observer: Observer;
  /** By how much the clock of a node is wrong now, in milliseconds. */
  readonly clockErrorMs?: (nodeId: number) => number;
  /** Releases are exchanged: what nodes run as at first, and who stops a process and starts the next. */
  readonly releases?: { readonly first: string; exchange(nodeId: number): void };
  /** What an operator's rollout is to be like; engines without a rollback window when left out. */
  readonly planOptions?: PlanOptions;
}

const TICK_MICROSECONDS = 50_000;
const WRITE_SYNC = 1;
const EXCHANGE_SYNC = 2;
const CUT_SYNC = 3;
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
  readonly #log: SwarmLog;
  /** Snapshots on their way to the disk, oldest first: what they cover of the log goes after them. */
  readonly #cuts: number[] = [];
  /** Readies whose writes are on their way to the disk, oldest first. */
  readonly #writing: Ready[] = [];
  #incoming: Extract<SwarmMessage, { kind: 'snapshot' }> | undefined;
  #snapshotIndex: number;
  #nextRequest = 1;
  #ticks = 0;
  /** Set when the node has caught up with its group once since it started. */
  isReady = false;
  /** The release that this process runs as; empty where releases are not exchanged. */
  readonly release: string;
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
    this.release = (disk.get('release') as string | undefined) ?? options.releases?.first ?? '';
    this.#log = new SwarmLog(this.disk);
    const founding = foundingLog(options);
    const stored = disk.get('snapshot') as StoredSnapshot | undefined;
    const meta = stored?.meta ?? founding.snapshot;
    const control =
      stored === undefined ? foundingControl(options) : decodeControlState(stored.control);
    this.#snapshotIndex = meta.index;
    const entries = storedEntries(disk, meta);
    const { electionTicks, heartbeatTicks } = options;
    const config = defaultRaftConfig({
      id: this.nodeId,
      electionTicks,
      electionStepTicks: ELECTION_STEP_TICKS,
      heartbeatTicks,
      asyncStorageWrites: true,
      diskStallTicks: electionTicks,
      random: () => context.random(),
    });
    const restored = {
      hardState: storedHardState(disk, founding.hardState, meta, entries),
      snapshot: meta,
      entries,
      applied: meta.index,
    };
    const wallMs = (): number =>
      context.wallMicroseconds / 1_000 + (options.clockErrorMs?.(this.nodeId) ?? 0);
    const time = { nowMs: wallMs, timeOfDayMs: wallMs, tickMs: TICK_MICROSECONDS / 1_000 };
    this.replica = new Replica(config, restored, control, codec, time);
    this.#openEngines(meta.index);
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
        this.#startRollout(from, message);
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

  /** The supervisor writes down which release is to run, then stops this process and starts the next. */
  exchangeFor(release: string): void {
    this.disk.write('release', release);
    this.#context.sync(EXCHANGE_SYNC);
  }

  /** Syncs end in the order in which they began. */
  onDiskSynced(token: number): void {
    if (token === EXCHANGE_SYNC) this.#options.releases?.exchange(this.nodeId);
    if (token === CUT_SYNC) this.#log.forgetThrough(this.#cuts.shift() ?? 0);
    if (token !== WRITE_SYNC) return;
    const ready = this.#writing.shift();
    if (ready === undefined) return;
    for (const message of this.replica.written(ready)) this.#send(message);
    this.#pump();
  }

  /** Proposes, or passes the command on to the leader, who answers the asker. */
  #propose(asker: string, request: number, command: Command): void {
    const { leader } = this.replica;
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

  #startRollout(
    from: string,
    { request, after: last }: Extract<SwarmMessage, { kind: 'start-rollout' }>,
  ): void {
    const { leader, confState } = this.replica.status();
    const members = [...this.replica.control.members.values()].map((member) => ({
      ...member,
      voter: confState.voters.includes(member.nodeId),
    }));
    const { planOptions = { rollbackWindowMs: 0 } } = this.#options;
    const votersWanted = this.replica.control.placement.wanted;
    const plan = makePlan(members, leader, { ...planOptions, votersWanted });
    const after = last ?? this.replica.control.rollout?.id ?? 0;
    const command = { type: 'startRollout', plan, digest: 'd', startedAtMs: 1, after } as const;
    this.#propose(from, request, command);
  }

  /** Hands out everything there is to do; as in production, nothing waits for the disk here. */
  #pump(): void {
    while (this.replica.hasReady()) {
      const ready = this.replica.ready();
      if (ready.softState?.role === 'leader') {
        this.#options.observer.leads(this.nodeId, this.replica.status().term);
      }
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
    if (snapshot !== undefined) this.#install(snapshot);
    this.#log.write(ready);
    this.#writing.push(ready);
    context.sync(WRITE_SYNC);
  }

  /** A full disk still removes: what a snapshot covers may go only when the snapshot is there. */
  #cutAfterSync(through: number): void {
    this.#cuts.push(through);
    this.#context.sync(CUT_SYNC);
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
    for (const open of this.engines.versions()) this.engines.remove(open);
    const versions = versionsIn(control);
    for (const version of versions) {
      this.engines.add(new ModelEngine(version, incoming.content, this.disk));
    }
    if (!versions.includes('v2')) ModelEngine.remove('v2', this.disk);
    this.disk.write('snapshot', { meta, control: incoming.control });
    // What follows is of a term that the snapshot has overtaken.
    this.#log.cutFrom(meta.index + 1);
    this.#cutAfterSync(meta.index);
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
    this.#cutAfterSync(keepFrom);
    this.replica.compact(keepFrom, meta);
    this.engines.forgetOutcomes(keepFrom);
  }

  #openEngines(index: number): void {
    if (this.disk.get('snapshot') === undefined && this.disk.get('v1/base') === undefined) {
      this.engines.add(new ModelEngine('v1', emptyContent(index), this.disk));
      return;
    }
    // Entries after the snapshot may say otherwise, so everything that may be wanted is opened.
    for (const version of ['v1', 'v2'] as const) {
      const engine = ModelEngine.open(version, this.disk);
      if (engine !== undefined && engine.appliedIndex >= index) this.engines.add(engine);
      else if (engine !== undefined) ModelEngine.remove(version, this.disk);
    }
  }
}

/** The engines that a snapshot at this state fills. */
function versionsIn(control: ControlState): ('v1' | 'v2')[] {
  if (control.swarmVersion === 1) return ['v1'];
  return keepsV1(control) ? ['v2', 'v1'] : ['v2'];
}
