/**
 * Events of the trace specification of etcd-io/raft (`tla/Traceetcdraft.tla`, written by
 * `state_trace.go`): one JSON object a line, `{"tag":"trace","event":{...}}`.
 */

/** The seventeen events that the specification reads. */
export const EVENT_NAMES = [
  'InitState',
  'BecomeCandidate',
  'BecomeFollower',
  'BecomeLeader',
  'Commit',
  'Replicate',
  'ChangeConf',
  'ApplyConfChange',
  'Ready',
  'SendAppendEntriesRequest',
  'ReceiveAppendEntriesRequest',
  'SendAppendEntriesResponse',
  'ReceiveAppendEntriesResponse',
  'SendRequestVoteRequest',
  'ReceiveRequestVoteRequest',
  'SendRequestVoteResponse',
  'ReceiveRequestVoteResponse',
] as const;

/** The name of one kind of event. */
export type EventName = (typeof EVENT_NAMES)[number];

/** The messages that the model knows; pre-votes, transfers and reads are not among them. */
export type WireType =
  | 'MsgApp'
  | 'MsgAppResp'
  | 'MsgHeartbeat'
  | 'MsgHeartbeatResp'
  | 'MsgSnap'
  | 'MsgVote'
  | 'MsgVoteResp';

/** A message; of a snapshot, `entries` is the index that it covers. */
export interface TraceMessage {
  readonly type: WireType;
  readonly term: number;
  readonly from: string;
  readonly to: string;
  /** Number of entries. */
  readonly entries: number;
  readonly logTerm: number;
  readonly index: number;
  readonly commit: number;
  readonly vote: string;
  readonly reject: boolean;
  readonly rejectHint: number;
}

/** One change of the voters, as it is proposed. */
export interface TraceChange {
  readonly nid: string;
  readonly action: 'AddNewServer' | 'RemoveServer' | 'AddLearner';
}

/** A node's state at the event: after it for most, before it for `Receive...`. */
export interface TraceEvent {
  readonly name: EventName;
  readonly nid: string;
  readonly state: { readonly term: number; readonly vote: string; readonly commit: number };
  readonly role: 'StateFollower' | 'StateCandidate' | 'StateLeader';
  /** Last index of the log. */
  readonly log: number;
  /** Voters, and outgoing voters of a joint membership. */
  readonly conf: readonly [readonly string[], readonly string[]];
  readonly msg?: TraceMessage;
  readonly prop?: {
    readonly match?: number;
    readonly next?: number;
    readonly cc?: { readonly changes?: readonly TraceChange[]; readonly newconf?: string[] };
  };
}

/** A line of a trace. */
export function formatLine(event: TraceEvent): string {
  return JSON.stringify({ tag: 'trace', event });
}

/** The events of a trace; lines that are not tagged as such are passed over, as by etcd. */
export function parseTrace(text: string): TraceEvent[] {
  const events: TraceEvent[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const record = JSON.parse(line) as { tag?: string; event?: TraceEvent };
    if (record.tag === 'trace' && record.event !== undefined) events.push(record.event);
  }
  return events;
}

const BOOTSTRAP: ReadonlySet<EventName> = new Set([
  'InitState',
  'BecomeFollower',
  'ApplyConfChange',
]);

/**
 * Indexes of the events with which servers start (`BootstrapLogIndices`): the last one of each says
 * what it starts from, and none of them is an action.
 */
export function bootstrapLines(trace: readonly TraceEvent[]): Set<number> {
  const begun = new Set<string>();
  const lines = new Set<number>();
  for (const [line, { nid, name }] of trace.entries()) {
    if (!BOOTSTRAP.has(name)) begun.add(nid);
    else if (!begun.has(nid)) lines.add(line);
  }
  return lines;
}
