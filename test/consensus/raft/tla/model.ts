/**
 * The model of etcd-io/raft (`tla/etcdraft.tla`) as far as `tla/Traceetcdraft.tla` steers it by a
 * trace: each event names an action, whose guard must hold and whose effect must be the state that
 * the trace shows. What TLC would explore is fixed here by the event, so one walk is enough.
 */
import {
  type ModelEntry,
  type ModelMessage,
  SUBTYPES,
  isLogged,
  message,
} from './model-message.js';
import { type TraceEvent, type TraceMessage, bootstrapLines } from './trace-event.js';

type Durable = Pick<Server, 'term' | 'vote' | 'commit' | 'voters' | 'learners'> & { log: number };

/** The variables of one server. */
export interface Server {
  term: number;
  role: TraceEvent['role'];
  vote: string;
  log: ModelEntry[];
  commit: number;
  voters: readonly string[];
  learners: readonly string[];
  responded: Set<string>;
  granted: Set<string>;
  match: Map<string, number>;
  pendingChange: number;
  /** Messages that are not sent before the next `Ready`. */
  pending: ModelMessage[];
  durable: Durable;
}

/** The trace has an event that the model cannot follow. */
export class TraceMismatch extends Error {
  override readonly name = 'TraceMismatch';
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each) => b.includes(each));
}

/** Whether `part` is a majority of `whole` and nothing but members of it. */
export function isQuorum(part: Iterable<string>, whole: readonly string[]): boolean {
  const members = [...part];
  return members.every((each) => whole.includes(each)) && members.length * 2 > whole.length;
}

function lastTerm({ log }: Server): number {
  return log.at(-1)?.term ?? 0;
}

/** A walk through a trace. Throws a `TraceMismatch` at the first event that does not fit. */
export class Model {
  readonly servers = new Map<string, Server>();
  private readonly messages: ModelMessage[] = [];
  private readonly bootstrap: Set<number>;
  private at = 0;

  constructor(private readonly trace: readonly TraceEvent[]) {
    this.bootstrap = bootstrapLines(trace);
    for (const event of trace) {
      this.add(event.nid);
      for (const { nid, action } of event.prop?.cc?.changes ?? []) {
        if (action !== 'RemoveServer') this.add(nid);
      }
    }
    for (const line of this.bootstrap) this.initialize(trace[line] as TraceEvent);
  }

  private add(id: string): void {
    if (this.servers.has(id)) return;
    this.servers.set(id, {
      term: 0,
      role: 'StateFollower',
      vote: '0',
      log: [],
      commit: 0,
      voters: [],
      learners: [],
      responded: new Set(),
      granted: new Set(),
      match: new Map(),
      pendingChange: 0,
      pending: [],
      durable: { term: 0, vote: '0', commit: 0, voters: [], learners: [], log: 0 },
    });
  }

  /** `TraceInit...`: the last line of those with which a server starts says what it starts from. */
  private initialize(event: TraceEvent): void {
    const server = this.server(event.nid);
    const voters = [...(event.prop?.cc?.newconf ?? event.conf[0])];
    server.term = event.state.term;
    server.vote = event.state.vote;
    server.role = event.role;
    server.commit = event.state.commit;
    server.voters = voters;
    const entry: ModelEntry = { term: 1, config: { voters, learners: [] } };
    server.log = Array.from({ length: event.log }, () => entry);
    this.persist(server);
  }

  private server(id: string): Server {
    const server = this.servers.get(id);
    if (server === undefined) throw new TraceMismatch(`server ${id} is in no event`);
    return server;
  }

  /** Whether all events are done; otherwise does the next one. */
  next(): boolean {
    const event = this.trace[this.at];
    if (event === undefined) return false;
    if (!this.bootstrap.has(this.at)) this.step(event, this.server(event.nid));
    this.at += 1;
    return true;
  }

  private require(condition: boolean, sentence: string): asserts condition {
    if (condition) return;
    const event = JSON.stringify(this.trace[this.at]);
    throw new TraceMismatch(`line ${this.at + 1}: ${sentence}: ${event}`);
  }

  private step(event: TraceEvent, server: Server): void {
    switch (event.name) {
      case 'InitState':
        this.restart(server);
        break;
      case 'Ready':
        this.persist(server);
        this.messages.push(...server.pending.splice(0));
        return;
      case 'BecomeCandidate':
        this.timeout(event, server);
        return;
      case 'BecomeFollower':
        if (this.isFollowUp(event)) return;
        this.require(server.role !== 'StateFollower', 'a follower steps down');
        server.role = 'StateFollower';
        break;
      case 'BecomeLeader':
        this.becomeLeader(event, server);
        break;
      case 'Commit':
        this.advanceCommit(server);
        this.require(event.role === 'StateLeader', 'only leaders commit');
        break;
      case 'Replicate':
        this.replicate(server, null);
        return;
      case 'ChangeConf':
        this.proposeChange(event, server);
        return;
      case 'ApplyConfChange':
        this.applyChange(server);
        return;
      default:
        this.stepMessage(event, server);
        return;
    }
    this.requireState(event, server);
  }

  private stepMessage(event: TraceEvent, server: Server): void {
    const { msg } = event;
    this.require(msg !== undefined, 'an event of a message has none');
    if (event.name.startsWith('Receive')) {
      this.receive(event, server, msg);
      return;
    }
    const isOwn = msg.from === msg.to;
    // Answers are made by the action that handles the request; the lines that say so are skipped.
    if (event.name.endsWith('Response') && !isOwn) return;
    if (event.name === 'SendAppendEntriesRequest') server.pending.push(this.append(server, msg));
    else if (event.name === 'SendAppendEntriesResponse') this.appendToSelf(server, msg);
    else this.requestVote(server, msg);
    this.requireState(event, server);
  }

  private requireState(event: TraceEvent, server: Server): void {
    const { term, vote, commit } = event.state;
    const state = `${server.term} ${server.vote} ${server.commit} ${server.role} ${server.log.length}`;
    this.require(
      state === `${term} ${vote} ${commit} ${event.role} ${event.log}`,
      `the model has (term, vote, commit, role, log) = (${state})`,
    );
    const isSame = sameSet(server.voters, event.conf[0]) && event.conf[1].length === 0;
    this.require(isSame, `the model has the voters ${server.voters.join(' ')}`);
  }

  private persist(server: Server): void {
    const { term, vote, commit, voters, learners, log } = server;
    server.durable = { term, vote, commit, voters, learners, log: log.length };
  }

  private restart(server: Server): void {
    const { log, ...durable } = server.durable;
    Object.assign(server, durable, { role: 'StateFollower', pendingChange: 0, pending: [] });
    server.log.length = Math.min(server.log.length, log);
    server.match.clear();
    server.granted.clear();
    server.responded.clear();
  }

  private timeout(event: TraceEvent, server: Server): void {
    this.require(server.role !== 'StateLeader', 'a leader campaigns');
    this.require(server.voters.includes(event.nid), 'a candidate is a voter');
    server.role = 'StateCandidate';
    server.term += 1;
    server.vote = event.nid;
    server.responded.clear();
    server.granted.clear();
    this.require(server.term === event.state.term, `the model is in term ${server.term}`);
  }

  /** Whether the line before has done this already: `LoglineIsBecomeFollowerInUpdateTerm...`. */
  private isFollowUp(event: TraceEvent): boolean {
    const { term } = event.state;
    for (let line = this.at - 1; line >= 0; line -= 1) {
      const before = this.trace[line] as TraceEvent;
      if (before.nid !== event.nid) continue;
      const { msg, state, role, name } = before;
      if (!name.startsWith('Receive') || msg === undefined || msg.term !== term) return false;
      const isAppend = name === 'ReceiveAppendEntriesRequest';
      if (state.term === term) return isAppend && role === 'StateCandidate';
      return state.term < term;
    }
    return false;
  }

  private becomeLeader(event: TraceEvent, server: Server): void {
    this.require(server.role === 'StateCandidate', 'only a candidate becomes leader');
    this.require(isQuorum(server.granted, server.voters), 'a leader has the votes of a quorum');
    server.role = 'StateLeader';
    server.match = new Map([[event.nid, server.log.length]]);
  }

  private replicate(server: Server, config: ModelEntry['config']): void {
    this.require(server.role === 'StateLeader', 'only a leader appends');
    server.log.push({ term: server.term, config });
  }

  private advanceCommit(server: Server): void {
    this.require(server.role === 'StateLeader', 'only a leader commits');
    for (let index = server.log.length; index > server.commit; index -= 1) {
      const agree = server.voters.filter((voter) => (server.match.get(voter) ?? 0) >= index);
      if (!isQuorum(agree, server.voters)) continue;
      if (server.log[index - 1]?.term === server.term) server.commit = index;
      return;
    }
  }

  private proposeChange(event: TraceEvent, server: Server): void {
    const changes = event.prop?.cc?.changes ?? [];
    const [change] = changes;
    this.require(change !== undefined && changes.length === 1, 'one server changes at a time');
    const { voters, learners } = server;
    const { nid, action } = change;
    const isKnown = voters.includes(nid) || learners.includes(nid);
    const without = (ids: readonly string[]) => ids.filter((id) => id !== nid);
    let config: ModelEntry['config'];
    if (action === 'AddNewServer') {
      this.require(!voters.includes(nid), 'who is added is no voter');
      config = { voters: [...voters, nid], learners };
    } else if (action === 'AddLearner') {
      this.require(!isKnown, 'who is added is no member');
      config = { voters, learners: [...learners, nid] };
    } else {
      this.require(isKnown, 'who is removed is a member');
      config = { voters: without(voters), learners: without(learners) };
    }
    const isFirst = server.pendingChange === 0;
    this.replicate(server, isFirst ? config : null);
    if (isFirst) server.pendingChange = server.log.length;
  }

  private applyChange(server: Server): void {
    let index = server.commit;
    while (index > 0 && server.log[index - 1]?.config === null) index -= 1;
    const config = server.log[index - 1]?.config;
    this.require(index > 0 && config !== null && config !== undefined, 'no change is committed');
    server.voters = config.voters;
    server.learners = config.learners;
    if (server.role === 'StateLeader' && server.pendingChange >= index) server.pendingChange = 0;
  }

  private requestVote(server: Server, msg: TraceMessage): void {
    const { from, to, term } = msg;
    this.require(server.role === 'StateCandidate', 'only a candidate asks for votes');
    const isMember = server.voters.includes(to) || server.learners.includes(to);
    this.require(isMember && !server.responded.has(to), `${to} is not to be asked`);
    this.require(term === server.term, 'a request is of the term of its sender');
    if (from === to) {
      this.require(!msg.reject, 'a candidate votes for itself');
      server.pending.push(message({ kind: 'voteResponse', term, from, to, ok: true }));
      return;
    }
    const [index, logTerm] = [server.log.length, lastTerm(server)];
    const isLogEnd = msg.index === index && msg.logTerm === logTerm;
    this.require(isLogEnd, `the log of the candidate ends with ${logTerm}/${index}`);
    server.pending.push(message({ kind: 'voteRequest', term, from, to, index, logTerm }));
  }

  private appendToSelf(server: Server, msg: TraceMessage): void {
    this.require(server.role === 'StateLeader', 'only a leader acknowledges to itself');
    const { term, from, to } = msg;
    const match = server.log.length;
    const isSame = !msg.reject && msg.index === match && term === server.term;
    this.require(isSame, `the log of the leader ends with ${match}`);
    const kind = 'appendResponse';
    server.pending.push(message({ kind, subtype: 'app', term, from, to, ok: true, match }));
  }

  /** An append, a heartbeat or a snapshot: `AppendEntriesInRangeToPeer`. */
  private append(server: Server, msg: TraceMessage): ModelMessage {
    const subtype = SUBTYPES[msg.type];
    const { from, to, term, index } = msg;
    this.require(server.role === 'StateLeader' && from !== to, 'only a leader sends entries');
    const isMember = server.voters.includes(to) || server.learners.includes(to);
    this.require(isMember && term === server.term, `${to} is not to be sent to`);
    const match = server.match.get(to) ?? 0;
    const last = index + msg.entries;
    const isInLog = last <= server.log.length;
    this.require(isInLog, `the log of the leader ends with ${server.log.length}`);
    if (subtype === 'app') this.require(index >= match, `${to} has entries up to ${match}`);
    if (subtype === 'snapshot') this.require(last <= server.commit, 'a snapshot is committed');
    const logTerm = server.log[index - 1]?.term ?? 0;
    const commit = Math.min(server.commit, subtype === 'heartbeat' ? match : last);
    const isSame = msg.logTerm === logTerm && (subtype === 'snapshot' || msg.commit === commit);
    this.require(isSame, `the model has (logTerm, commit) = (${logTerm}, ${commit})`);
    const entries = server.log.slice(index, last);
    const kind = 'appendRequest';
    return message({ kind, subtype, term, from, to, index, logTerm, entries, commit });
  }

  private receive(event: TraceEvent, server: Server, msg: TraceMessage): void {
    this.requireState(event, server);
    const at = this.messages.findIndex((each) => isLogged(each, msg, event.name));
    this.require(at >= 0, 'no such message was sent');
    const [received] = this.messages.splice(at, 1) as [ModelMessage];
    if (received.term > server.term) {
      // UpdateTerm.
      Object.assign(server, { term: received.term, role: 'StateFollower', vote: '0' });
    }
    if (received.kind === 'voteRequest') this.handleVoteRequest(server, received);
    else if (received.kind === 'appendRequest') this.handleAppendRequest(server, received);
    else if (received.term === server.term) handleResponse(server, received);
  }

  private handleVoteRequest(server: Server, request: ModelMessage): void {
    const { from, to } = request;
    const own = lastTerm(server);
    const isUpToDate =
      request.logTerm > own || (request.logTerm === own && request.index >= server.log.length);
    const ok = request.term === server.term && isUpToDate && ['0', from].includes(server.vote);
    if (ok) server.vote = from;
    const { term } = server;
    server.pending.push(message({ kind: 'voteResponse', term, from: to, to: from, ok }));
  }

  private handleAppendRequest(server: Server, request: ModelMessage): void {
    const { subtype, index, logTerm, entries } = request;
    const isCurrent = request.term === server.term;
    if (isCurrent && server.role === 'StateCandidate') server.role = 'StateFollower';
    this.require(!isCurrent || server.role === 'StateFollower', 'a term has one leader');
    const { from: to, to: from } = request;
    const { term } = server;
    const answer = (fields: Partial<ModelMessage>) => {
      const kind = 'appendResponse';
      server.pending.push(message({ kind, subtype: 'app', term, from, to, ...fields }));
    };
    const isLogOk = index === 0 || server.log[index - 1]?.term === logTerm;
    if (!isCurrent || !isLogOk) {
      answer({ ok: false });
      return;
    }
    if (index + 1 <= server.commit) {
      if (subtype === 'heartbeat') server.commit = Math.max(server.commit, request.commit);
      const match = subtype === 'heartbeat' ? index + entries.length : server.commit;
      answer({ ok: true, subtype, match });
      return;
    }
    for (const [offset, entry] of entries.entries()) {
      const existing = server.log[index + offset];
      if (existing?.term === entry.term) continue;
      this.require(index + offset >= server.commit, 'a committed entry is replaced');
      server.log.length = index + offset;
      server.log.push(entry);
    }
    const last = index + entries.length;
    server.commit = Math.max(server.commit, Math.min(request.commit, last));
    answer({ ok: true, subtype, match: last });
  }
}

function handleResponse(server: Server, { kind, from, ok, match }: ModelMessage): void {
  if (kind === 'voteResponse') {
    server.responded.add(from);
    if (ok) server.granted.add(from);
  } else if (ok) {
    server.match.set(from, Math.max(server.match.get(from) ?? 0, match));
  }
}
