import { describe, expect, it } from 'vitest';
import { Model, TraceMismatch } from './model.js';
import { checkModel } from './model-invariants.js';
import { EVENT_NAMES, type TraceEvent, formatLine, parseTrace } from './trace-event.js';
import { runTraced } from './traced-network.js';

const STEPS = 1500;
/** SEED=n runs that seed alone. One more than the fixed ones is drawn anew each time. */
const ONLY_SEED = process.env['SEED'];
const DRAWN = Math.floor(Math.random() * 1_000_000);
const SEEDS =
  ONLY_SEED === undefined
    ? [...Array.from({ length: 8 }, (_, at) => at + 1), DRAWN]
    : [Number(ONLY_SEED)];

const traces = new Map(SEEDS.map((seed) => [seed, runTraced(seed, STEPS).events]));

function replay(trace: readonly TraceEvent[]): void {
  const model = new Model(trace);
  while (model.next()) checkModel(model);
}

const isId = (each: unknown) => typeof each === 'string' && /^\d+$/.test(each);
const isCount = (each: unknown) => Number.isSafeInteger(each) && (each as number) >= 0;

/** Whether an event has what the specification reads of it, in the types that it reads. */
function isComplete({ name, nid, state, role, log, conf, msg, prop }: TraceEvent): boolean {
  const isState = isId(nid) && isCount(state.term) && isId(state.vote) && isCount(state.commit);
  const isRole = /^State(Follower|Candidate|Leader)$/.test(role);
  const isConf = conf.length === 2 && conf.flat().every(isId);
  const isMessageEvent = /^(Send|Receive)/.test(name);
  if (!isState || !isRole || !isConf || !isCount(log)) return false;
  if (isMessageEvent !== (msg !== undefined)) return false;
  if (name === 'ChangeConf' && prop?.cc?.changes?.length !== 1) return false;
  if (msg === undefined) return true;
  const counts = [msg.term, msg.entries, msg.logTerm, msg.index, msg.commit, msg.rejectHint];
  const self = name.startsWith('Send') ? msg.from : msg.to;
  const isAddressed = isId(msg.from) && isId(msg.to) && self === nid && isId(msg.vote);
  return isAddressed && counts.every(isCount) && typeof msg.reject === 'boolean';
}

/** Calls `check` with each trace; what it throws names the seed. */
function forEachTrace(check: (trace: readonly TraceEvent[]) => void): void {
  for (const [seed, trace] of traces) {
    try {
      check(trace);
    } catch (error) {
      throw new Error(`seed ${seed}: run again with SEED=${seed}`, { cause: error });
    }
  }
}

describe('a trace for the TLA+ model of etcd-io/raft', () => {
  it('has all seventeen events, and every message and change that the model knows', () => {
    const all = [...traces.values()].flat();
    const names = new Set(all.map(({ name }) => name));
    const messages = new Set(all.flatMap(({ msg }) => (msg === undefined ? [] : [msg.type])));
    const actions = new Set(
      all.flatMap(({ prop }) => (prop?.cc?.changes ?? []).map(({ action }) => action)),
    );
    if (ONLY_SEED !== undefined) return;
    expect([...names].sort()).toEqual([...EVENT_NAMES].sort());
    expect([...messages].sort()).toEqual(
      ['App', 'AppResp', 'Heartbeat', 'HeartbeatResp', 'Snap', 'Vote', 'VoteResp'].map(
        (each) => `Msg${each}`,
      ),
    );
    expect([...actions].sort()).toEqual(['AddLearner', 'AddNewServer', 'RemoveServer']);
  });

  it('has every field that the specification reads, as JSON of the types it reads', () => {
    forEachTrace((trace) => {
      const read = parseTrace(trace.map(formatLine).join('\n'));
      expect(read).toEqual(trace);
      expect(read.filter((event) => !isComplete(event))).toEqual([]);
    });
  });

  it('goes back in term, commit or vote of a term only where a node starts again', () => {
    forEachTrace((trace) => {
      const last = new Map<string, TraceEvent>();
      const fallen = trace.filter((event) => {
        const before = last.get(event.nid);
        last.set(event.nid, event);
        if (before === undefined || event.name === 'InitState') return false;
        const { term, commit, vote } = event.state;
        const isSameTerm = term === before.state.term;
        const isRevoked = isSameTerm && before.state.vote !== '0' && vote !== before.state.vote;
        const isBack = term < before.state.term || commit < before.state.commit;
        return isBack || isRevoked || commit > event.log;
      });
      expect(fallen).toEqual([]);
    });
  });

  it('is a behaviour of the model that keeps its invariants', () => {
    forEachTrace(replay);
  });
});

/** What is done to a trace, and what the model says to it. */
const ALTERATIONS: Record<string, (trace: TraceEvent[]) => void> = {
  'a commit index one too high': (trace) => {
    const at = trace.findIndex(({ name }) => name === 'Commit');
    const { state, ...rest } = trace[at]!;
    trace[at] = { ...rest, state: { ...state, commit: state.commit + 1 } };
  },
  'a leader without votes': (trace) => {
    const isVote = ({ name, msg }: TraceEvent) =>
      name === 'ReceiveRequestVoteResponse' && msg?.from !== msg?.to;
    const before = trace.findIndex(({ name }) => name === 'BecomeLeader');
    for (let at = before; at >= 0; at -= 1) if (isVote(trace[at]!)) trace.splice(at, 1);
  },
  'a message that leaves before it is written': (trace) => {
    const at = trace.findIndex(({ name }) => name === 'ReceiveRequestVoteRequest');
    const { msg } = trace[at]!;
    const isReady = ({ name, nid }: TraceEvent) => name === 'Ready' && nid === msg?.from;
    for (let line = at; line >= 0; line -= 1) if (isReady(trace[line]!)) trace.splice(line, 1);
  },
  'a vote for a second candidate of a term': (trace) => {
    const at = trace.findIndex(
      ({ name, msg }) => name === 'ReceiveRequestVoteResponse' && msg?.reject,
    );
    const { msg, ...rest } = trace[at]!;
    trace[at] = { ...rest, msg: { ...msg!, reject: false } };
  },
  'an append that arrives twice': (trace) => {
    const at = trace.findIndex(
      ({ name, msg }) => name === 'ReceiveAppendEntriesRequest' && msg?.type === 'MsgApp',
    );
    trace.splice(at, 0, trace[at]!);
  },
  'an acknowledgement of more than was sent': (trace) => {
    const at = trace.findIndex(
      ({ name, msg }) =>
        name === 'ReceiveAppendEntriesResponse' && msg?.type === 'MsgAppResp' && !msg.reject,
    );
    const { msg, ...rest } = trace[at]!;
    trace[at] = { ...rest, msg: { ...msg!, index: msg!.index + 1 } };
  },
  'an entry that is nowhere proposed': (trace) => {
    trace.splice(
      trace.findIndex(({ name }) => name === 'Replicate'),
      1,
    );
  },
  'a membership that was not proposed': (trace) => {
    const at = trace.findIndex(({ name }) => name === 'ChangeConf');
    const { prop, ...rest } = trace[at]!;
    const [change] = prop?.cc?.changes ?? [];
    trace[at] = { ...rest, prop: { cc: { changes: [{ ...change!, nid: '9' }] } } };
  },
  'a node that starts again with another term': (trace) => {
    const at = trace.findLastIndex(({ name }) => name === 'InitState');
    const { state, ...rest } = trace[at]!;
    trace[at] = { ...rest, state: { ...state, term: state.term + 1 } };
  },
  'a term that nothing raised': (trace) => {
    const at = trace.findIndex(({ name }) => name === 'BecomeCandidate');
    const { state, ...rest } = trace[at]!;
    trace[at] = { ...rest, state: { ...state, term: state.term + 1 } };
  },
};

describe('the replay of a trace', () => {
  for (const [what, alter] of Object.entries(ALTERATIONS)) {
    it(`finds ${what}`, () => {
      const trace = [...(traces.get(1) ?? runTraced(1, STEPS).events)];
      alter(trace);
      expect(() => replay(trace)).toThrow(TraceMismatch);
    });
  }
});
