/** Messages of the model, and which of them an event of a trace means. */
import type { EventName, TraceMessage } from './trace-event.js';

/** An entry of the model; the values that clients ask for are all alike there. */
export interface ModelEntry {
  readonly term: number;
  /** The membership it sets up, or null. */
  readonly config: {
    readonly voters: readonly string[];
    readonly learners: readonly string[];
  } | null;
}

/** A message of the model. */
export interface ModelMessage {
  readonly kind: 'voteRequest' | 'voteResponse' | 'appendRequest' | 'appendResponse';
  readonly subtype: 'app' | 'heartbeat' | 'snapshot' | null;
  readonly term: number;
  readonly from: string;
  readonly to: string;
  /** Last entry of a candidate; entry before `entries`. */
  readonly index: number;
  readonly logTerm: number;
  readonly entries: readonly ModelEntry[];
  readonly commit: number;
  /** Vote granted, or append accepted. */
  readonly ok: boolean;
  readonly match: number;
}

/** What the model calls a message beside its kind: `RaftMsgSubtype`. */
export const SUBTYPES = {
  MsgApp: 'app',
  MsgAppResp: 'app',
  MsgHeartbeat: 'heartbeat',
  MsgHeartbeatResp: 'heartbeat',
  MsgSnap: 'snapshot',
  MsgVote: null,
  MsgVoteResp: null,
} as const;

/** A message with the fields that it needs. */
export function message(
  fields: Pick<ModelMessage, 'kind' | 'term' | 'from' | 'to'> & Partial<ModelMessage>,
): ModelMessage {
  const rest = { subtype: null, index: 0, logTerm: 0, entries: [], commit: 0, ok: false, match: 0 };
  return { ...rest, ...fields };
}

/** Whether `each` of the model is what the event says: `LoglineIs...(m)`. */
export function isLogged(each: ModelMessage, msg: TraceMessage, name: EventName): boolean {
  const { kind, subtype, term, from, to } = each;
  const isAppend = name.includes('AppendEntries');
  const expected = `${isAppend ? 'append' : 'vote'}${name.endsWith('Request') ? 'Request' : 'Response'}`;
  if (kind !== expected || subtype !== SUBTYPES[msg.type]) return false;
  if (term !== msg.term || from !== msg.from || to !== msg.to) return false;
  switch (kind) {
    case 'voteRequest':
      return each.index === msg.index && each.logTerm === msg.logTerm;
    case 'voteResponse':
      return each.ok === !msg.reject;
    case 'appendRequest': {
      const isPlace = each.index === msg.index && each.logTerm === msg.logTerm;
      if (subtype !== 'heartbeat' && !isPlace) return false;
      if (subtype !== 'snapshot' && each.commit !== msg.commit) return false;
      return each.entries.length === msg.entries;
    }
    case 'appendResponse':
      if (each.ok !== !msg.reject) return false;
      return msg.reject || subtype === 'heartbeat' || each.match === msg.index;
  }
}
