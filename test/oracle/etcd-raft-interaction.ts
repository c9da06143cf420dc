/** Runs etcd's interaction scripts: several nodes driven by hand, everything printed. */
import {
  type ConfChange,
  type NodeId,
  type RaftRefusal,
  createMessage,
} from '../../consensus/raft/index.js';
import type { Case } from './datadriven.js';
import { parseChanges } from './etcd-raft-confchange.js';
import {
  FIRST_VERSION,
  ROLE_NAMES,
  printEntries,
  printMessage,
  printProgressMap,
} from './etcd-raft-describe.js';
import { ELECTION_TICKS, Host, type Mail, isLocal, mailName, printMail } from './etcd-raft-host.js';

const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE'];
const SILENT = LEVELS.indexOf('NONE');
const RESPONSES = new Set([
  'appendResponse',
  'heartbeatResponse',
  'voteResponse',
  'preVoteResponse',
]);

class ScriptError extends Error {}

/** The nodes, the messages between them and the output of one script. */
export class InteractionScript {
  private readonly hosts: Host[] = [];
  private mail: Mail[] = [];
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
        return this.each(this.ids(test), 'handling Ready', (host) => this.processReady(host));
      case 'process-append-thread':
        return this.each(this.ids(test), 'processing append thread', (host) =>
          this.processAppend(host),
        );
      case 'process-apply-thread':
        return this.each(this.ids(test), 'processing apply thread', (host) =>
          this.processApply(host),
        );
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
    for (let i = 0; i < count; i += 1) {
      const host = new Host(this.hosts.length + 1, test.arguments.slice(1), (level, text) => {
        if (LEVELS.indexOf(level) >= this.level) this.write(`${level} ${text}\n`);
      });
      this.hosts.push(host);
    }
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
    this.mail.push({ kind: 'message', to, message });
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

  private takeMail(to: NodeId, isWanted: (mail: Mail) => boolean): Mail[] {
    const taken = this.mail.filter((each) => each.to === to && isWanted(each));
    this.mail = this.mail.filter((each) => !taken.includes(each));
    return taken;
  }

  private dropTo(to: NodeId, type?: string): number {
    const isWanted = (mail: Mail) =>
      !isLocal(mail) && (type === undefined || mailName(mail) === type);
    const dropped = this.takeMail(to, isWanted);
    for (const mail of dropped) this.write(`dropped: ${printMail(mail)}\n`);
    return dropped.length;
  }

  private deliverTo(to: NodeId, type?: string): number {
    const delivered = this.takeMail(to, (mail) => type === undefined || mailName(mail) === type);
    for (const mail of delivered) {
      this.write(`${printMail(mail)}\n`);
      const host = this.host(to);
      const { confState } = host.node.status();
      const members = [confState.voters, confState.votersOutgoing, confState.learners].flat();
      const isStranger =
        mail.kind === 'message' &&
        RESPONSES.has(mail.message.type) &&
        !members.includes(mail.message.from);
      const error = isStranger ? 'raft: cannot step as peer not found' : host.receive(mail);
      if (error !== undefined) this.write(`${error}\n`);
    }
    return delivered.length;
  }

  /** Lets each of the nodes do one piece of its work, under a heading if there are several. */
  private each(ids: readonly NodeId[], doing: string, work: (host: Host) => void): void {
    for (const id of ids) {
      if (ids.length === 1) {
        work(this.host(id));
      } else {
        this.write(`> ${id} ${doing}\n`);
        this.indented(() => work(this.host(id)));
      }
    }
  }

  private processReady(host: Host): void {
    this.mail.push(...host.handleReady((text) => this.write(text)));
  }

  private processAppend(host: Host): void {
    const answers = host.processAppend((text) => this.write(text));
    if (answers === null) this.write('no append work to perform\n');
    else this.mail.push(...answers);
  }

  private processApply(host: Host): void {
    const answers = host.processApply((text) => this.write(text));
    if (answers === null) this.write('no apply work to perform\n');
    else this.mail.push(...answers);
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
        if (!this.mail.some((mail) => mail.to === id)) continue;
        this.write(`> ${id} receiving messages\n`);
        this.indented(() => this.deliverTo(id));
        done = false;
      }
      for (const host of hosts) {
        if (!host.hasAppendWork) continue;
        this.write(`> ${host.id} processing append thread\n`);
        while (host.hasAppendWork) this.indented(() => this.processAppend(host));
        done = false;
      }
      for (const host of hosts) {
        if (!host.hasApplyWork) continue;
        this.write(`> ${host.id} processing apply thread\n`);
        while (host.hasApplyWork) this.indented(() => this.processApply(host));
        done = false;
      }
    }
  }
}
