/** Runs etcd's interaction scripts: several nodes driven by hand, everything printed. */
import {
  type ConfChange,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  type NodeId,
  RaftNode,
  type RaftRefusal,
  type Ready,
  type SnapshotMeta,
  createMessage,
  decodeConfChange,
  defaultRaftConfig,
} from '../../consensus/raft/index.js';
import type { Argument, Case } from './datadriven.js';
import { parseChanges } from './etcd-raft-confchange.js';
import {
  FIRST_VERSION,
  MESSAGE_NAMES,
  ROLE_NAMES,
  printEntries,
  printEvent,
  printHardState,
  printMessage,
  printProgressMap,
  printSnapshot,
} from './etcd-raft-describe.js';

const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE'];
const SILENT = LEVELS.indexOf('NONE');
const ELECTION_TICKS = 3;
const RESPONSES = new Set([
  'appendResponse',
  'heartbeatResponse',
  'voteResponse',
  'preVoteResponse',
]);

interface Host {
  readonly id: NodeId;
  readonly node: RaftNode;
  hardState: HardState;
  firstIndex: number;
  log: Entry[];
  confState: ConfState;
}

class ScriptError extends Error {}

function flag(values: readonly string[]): boolean {
  return values[0] === 'true';
}

/** The nodes, the messages between them and the output of one script. */
export class InteractionScript {
  private readonly hosts: Host[] = [];
  private messages: Message[] = [];
  private out = '';
  private indent = '';
  private level = 0;

  /** The output of the next case. */
  run(test: Case): string {
    this.out = '';
    try {
      this.execute(test);
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      this.out += error.message;
    }
    if (this.out === '') return 'ok\n';
    return this.out.endsWith('\n') ? this.out : `${this.out}\n`;
  }

  private write(text: string): void {
    if (this.level === SILENT) return;
    for (const line of text.split('\n').slice(0, -1)) this.out += `${this.indent}${line}\n`;
  }

  private indented(body: () => void): void {
    const { indent } = this;
    this.indent = `${indent}  `;
    try {
      body();
    } finally {
      this.indent = indent;
    }
  }

  private ids(test: Case): NodeId[] {
    return test.arguments.filter((each) => each.values.length === 0).map(({ key }) => Number(key));
  }

  private host(id: NodeId | undefined): Host {
    const host = this.hosts[(id ?? 0) - 1];
    if (host === undefined) throw new ScriptError(`there is no node ${id}`);
    return host;
  }

  private first(test: Case): Host {
    return this.host(Number(test.arguments[0]?.key));
  }

  private execute(test: Case): void {
    const { command } = test;
    switch (command) {
      case 'add-nodes':
        return this.addNodes(test);
      case 'campaign':
        this.first(test).node.step({ type: 'campaign' });
        return;
      case 'compact':
        return this.compact(test);
      case 'deliver-msgs':
        return this.deliverMessages(test);
      case 'process-ready':
        return this.processReadies(this.ids(test));
      case 'log-level':
        return this.setLevel(test.arguments[0]?.key ?? '');
      case 'raft-log':
        return this.printLog(this.first(test));
      case 'raft-state':
        return this.printStates();
      case 'set-randomized-election-timeout':
        return this.first(test).node.setElectionTimeout(Number(this.value(test, 'timeout')));
      case 'stabilize':
        return this.stabilizeAt(test);
      case 'status':
        return this.write(printProgressMap(this.first(test).node.status().progress));
      case 'tick-election':
        return this.tick(this.first(test), ELECTION_TICKS);
      case 'tick-heartbeat':
        return this.tick(this.first(test), 1);
      case 'transfer-leadership': {
        const node = this.host(Number(this.value(test, 'from'))).node;
        node.step({ type: 'transferLeader', to: Number(this.value(test, 'to')) });
        return;
      }
      case 'forget-leader':
        this.first(test).node.step({ type: 'forgetLeader' });
        return;
      case 'propose':
        return this.propose(test);
      case 'propose-conf-change':
        return this.proposeChange(test);
      case 'report-unreachable':
        this.first(test).node.step({ type: 'unreachable', peer: this.ids(test)[1] as number });
        return;
      case 'send-snapshot':
        return this.sendSnapshot(test);
      default:
        throw new ScriptError(`unknown command ${command}`);
    }
  }

  private value(test: Case, key: string): string | undefined {
    return test.arguments.find((each) => each.key === key)?.values[0];
  }

  private setLevel(name: string): void {
    const level = LEVELS.indexOf(name.toUpperCase());
    if (level < 0) throw new ScriptError(`log levels must be either of ${LEVELS.join(' ')}`);
    this.level = level;
  }

  private tick(host: Host, count: number): void {
    for (let i = 0; i < count; i += 1) host.node.step({ type: 'tick' });
  }

  private addNodes(test: Case): void {
    const count = Number(test.arguments[0]?.key);
    for (let i = 0; i < count; i += 1) this.addNode(test.arguments.slice(1));
  }

  private addNode(options: readonly Argument[]): void {
    const of = (key: string) => options.find((each) => each.key === key)?.values;
    const voters = (of('voters') ?? []).map(Number);
    const learners = (of('learners') ?? []).map(Number);
    const index = Number(of('index')?.[0] ?? 0);
    if (flag(of('async-storage-writes') ?? [])) {
      throw new ScriptError('the core has no asynchronous storage writes');
    }
    if (of('read-only')?.[0] === 'lease-based') {
      throw new ScriptError('the core has no lease-based reads');
    }
    const confState = { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false };
    const snapshot = index === 0 ? null : { index, term: 1, confState };
    const id = this.hosts.length + 1;
    const all = [...voters].sort((a, b) => a - b);
    const config = defaultRaftConfig({
      id,
      random: () => 0,
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: 1,
      preVote: flag(of('prevote') ?? []),
      checkQuorum: flag(of('checkquorum') ?? []),
      maxMessageBytes: 16 << 20,
      maxInflightMessages: Number(of('inflight')?.[0] ?? 1 << 30),
      maxInflightBytes: Number.MAX_SAFE_INTEGER,
      maxUncommittedBytes: Number.MAX_SAFE_INTEGER,
      maxApplyBytes: Number(of('max-committed-size-per-ready')?.[0] ?? Number.MAX_SAFE_INTEGER),
      stepDownOnRemoval: flag(of('step-down-on-removal') ?? []),
      forwardProposals: true,
      changeChecks: flag(of('disable-conf-change-validation') ?? []) ? 'none' : 'etcd',
      trace: (event) => {
        for (const [level, text] of printEvent(id, event, all)) {
          if (LEVELS.indexOf(level) >= this.level) this.write(`${level} ${text}\n`);
        }
      },
    });
    const hardState = { term: 0, vote: 0, commit: 0 };
    const node = new RaftNode(config, { hardState, snapshot, entries: [], applied: index });
    const firstIndex = index + 1;
    this.hosts.push({
      id,
      node,
      hardState: { term: 0, vote: 0, commit: index },
      firstIndex,
      log: [],
      confState,
    });
  }

  private compact(test: Case): void {
    const host = this.first(test);
    const index = Number(test.arguments[1]?.key);
    host.node.compact(index);
    host.log = host.log.filter((entry) => entry.index > index);
    host.firstIndex = index + 1;
    this.printLog(host);
  }

  private printLog(host: Host): void {
    const last = host.log.at(-1);
    if (last === undefined) {
      const range = `first index=${host.firstIndex}, last index=${host.firstIndex - 1}`;
      this.write(`log is empty: ${range}\n`);
      return;
    }
    this.write(printEntries(host.log));
  }

  private printStates(): void {
    for (const { node } of this.hosts) {
      const { id, role, term, leader, confState } = node.status();
      const isVoter = [...confState.voters, ...confState.votersOutgoing].includes(id);
      const voter = isVoter ? '(Voter)' : '(Non-Voter)';
      this.write(`${id}: ${ROLE_NAMES[role]} ${voter} Term:${term} Lead:${leader}\n`);
    }
  }

  private propose(test: Case): void {
    const data = [Buffer.from(test.arguments[1]?.key ?? '')];
    this.check(this.first(test).node.step({ type: 'propose', data }));
  }

  private check(refusal: RaftRefusal | undefined): void {
    if (refusal !== undefined) throw new ScriptError('raft proposal dropped');
  }

  private proposeChange(test: Case): void {
    const changes = parseChanges(test.input);
    if (typeof changes === 'string') throw new ScriptError(changes);
    const isFirst = this.value(test, 'v1') === 'true';
    const name = this.value(test, 'transition') ?? 'auto';
    const transition = (
      { auto: 'auto', implicit: 'jointImplicit', explicit: 'jointExplicit' } as const
    )[name];
    if (transition === undefined) throw new ScriptError(`unknown transition ${name}`);
    const change: ConfChange = {
      transition,
      changes,
      ...(isFirst && { context: FIRST_VERSION }),
    };
    const { node } = this.first(test);
    const refusal = node.step({ type: 'proposeConfChange', change });
    if (refusal === 'change-pending' || refusal === 'invalid-change') {
      // etcd appends an empty entry in place of a change that it ignores; we refuse it.
      this.check(node.step({ type: 'propose', data: [new Uint8Array(0)] }));
    } else {
      this.check(refusal);
    }
  }

  private sendSnapshot(test: Case): void {
    const [from, to] = this.ids(test) as [NodeId, NodeId];
    const { node } = this.host(from);
    const { term, applied } = node.status();
    const snapshot = node.snapshotMeta(applied);
    const message = createMessage({ type: 'snapshot', from, to, term, snapshot });
    this.messages.push(message);
    this.write(`${printMessage(message)}\n`);
  }

  private deliverMessages(test: Case): void {
    const type = this.value(test, 'type');
    let count = 0;
    for (const id of this.ids(test)) count += this.deliverTo(id, type);
    for (const { key, values } of test.arguments) {
      if (key === 'drop') for (const id of values) count += this.dropTo(Number(id), type);
    }
    if (count === 0) this.write('no messages\n');
  }

  private takeMessages(to: NodeId, type: string | undefined): Message[] {
    const isWanted = (message: Message) =>
      message.to === to && (type === undefined || MESSAGE_NAMES[message.type] === type);
    const taken = this.messages.filter(isWanted);
    this.messages = this.messages.filter((message) => !isWanted(message));
    return taken;
  }

  private dropTo(to: NodeId, type?: string): number {
    const dropped = this.takeMessages(to, type);
    for (const message of dropped) this.write(`dropped: ${printMessage(message)}\n`);
    return dropped.length;
  }

  private deliverTo(to: NodeId, type?: string): number {
    const delivered = this.takeMessages(to, type);
    for (const message of delivered) {
      this.write(`${printMessage(message)}\n`);
      const { node } = this.host(to);
      const { confState } = node.status();
      const members = [confState.voters, confState.votersOutgoing, confState.learners].flat();
      if (RESPONSES.has(message.type) && !members.includes(message.from)) {
        this.write('raft: cannot step as peer not found\n');
        continue;
      }
      const refusal = node.step({ type: 'message', message });
      if (refusal !== undefined && message.type === 'proposeRequest') {
        this.write('raft proposal dropped\n');
      }
    }
    return delivered.length;
  }

  private processReadies(ids: readonly NodeId[]): void {
    for (const id of ids) {
      if (ids.length === 1) {
        this.processReady(this.host(id));
      } else {
        this.write(`> ${id} handling Ready\n`);
        this.indented(() => this.processReady(this.host(id)));
      }
    }
  }

  private processReady(host: Host): void {
    const ready = host.node.ready();
    this.write(this.printReady(host, ready));
    this.persist(host, ready);
    for (const entry of ready.committedEntries) this.apply(host, entry);
    this.messages.push(...ready.messages, ...ready.messagesAfterPersist);
    host.node.advance();
  }

  private persist(host: Host, ready: Ready): void {
    host.hardState = ready.hardState ?? host.hardState;
    if (ready.snapshot !== undefined) {
      host.log = [];
      host.firstIndex = ready.snapshot.index + 1;
      host.confState = ready.snapshot.confState;
    }
    const first = ready.entries[0];
    if (first === undefined) return;
    host.log = [...host.log.filter((entry) => entry.index < first.index), ...ready.entries];
  }

  private apply(host: Host, entry: Entry): void {
    if (entry.type === 'confChange') {
      host.confState = host.node.applyConfChange(decodeConfChange(entry.data));
    }
    // etcd's scripts serve a snapshot of whatever was applied last.
    const { index, term } = entry;
    const meta: SnapshotMeta = { index, term, confState: host.confState };
    host.node.compact(0, meta);
  }

  private printReady(host: Host, ready: Ready): string {
    const { softState, hardState, entries, snapshot, committedEntries } = ready;
    const messages = [...ready.messages, ...ready.messagesAfterPersist];
    let out = '';
    if (softState) out += `Lead:${softState.leader} State:${ROLE_NAMES[softState.role]}\n`;
    if (hardState) out += `HardState ${printHardState(hardState)}\n`;
    if (ready.readStates.length > 0) out += `ReadStates ${JSON.stringify(ready.readStates)}\n`;
    if (entries.length > 0) out += `Entries:\n${printEntries(entries)}`;
    if (snapshot) out += `Snapshot ${printSnapshot(snapshot)}\n`;
    if (committedEntries.length > 0) {
      out += `CommittedEntries:\n${printEntries(committedEntries)}`;
    }
    if (messages.length > 0) {
      out += `Messages:\n${messages.map((each) => `${printMessage(each)}\n`).join('')}`;
    }
    if (out === '') return '<empty Ready>\n';
    // etcd does not count a snapshot as something to sync; we do.
    const { term, vote } = host.hardState;
    const isVote = hardState !== undefined && (hardState.term !== term || hardState.vote !== vote);
    return `Ready MustSync=${isVote || entries.length > 0}:\n${out}`;
  }

  private stabilizeAt(test: Case): void {
    const { level } = this;
    const wanted = this.value(test, 'log-level');
    if (wanted !== undefined) this.setLevel(wanted);
    const ids = this.ids(test);
    const hosts = ids.length === 0 ? this.hosts : ids.map((id) => this.host(id));
    this.stabilize(hosts);
    this.level = level;
  }

  private stabilize(hosts: readonly Host[]): void {
    for (let done = false; !done;) {
      done = true;
      for (const host of hosts) {
        if (!host.node.hasReady()) continue;
        this.write(`> ${host.id} handling Ready\n`);
        this.indented(() => this.processReady(host));
        done = false;
      }
      for (const { id } of hosts) {
        if (!this.messages.some((message) => message.to === id)) continue;
        this.write(`> ${id} receiving messages\n`);
        this.indented(() => this.deliverTo(id));
        done = false;
      }
    }
  }
}
