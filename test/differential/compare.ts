/** Compares what became of a node on both sides; differences are sentences. */
import type { Message } from '../../consensus/raft/index.js';
import type { TheirMessage, TheirView } from './driver.js';
import type { RuleName } from './rules.js';
import { type Core, type MessageView, type NodeView, viewMessage } from './view.js';

/** Counts how often a rule was needed. */
export type Use = (rule: RuleName) => void;

const SCALARS = [
  'refused',
  'term',
  'vote',
  'leader',
  'role',
  'commit',
  'applied',
  'first',
  'last',
  'snapshot',
  'transfer',
  'members',
] as const satisfies readonly (keyof NodeView)[];

const PROGRESS = [
  'match',
  'next',
  'state',
  'learner',
  'active',
  'paused',
  'pendingSnapshot',
  'inflight',
  'windowFull',
] as const satisfies readonly (keyof NodeView['progress'][number])[];

const MESSAGE = [
  'type',
  'from',
  'to',
  'term',
  'logTerm',
  'index',
  'commit',
  'reject',
  'context',
  'snapshot',
] as const satisfies readonly (keyof MessageView)[];

function differ(what: string, theirs: unknown, ours: unknown): string {
  return `${what}: Go ${JSON.stringify(theirs)}, ours ${JSON.stringify(ours)}`;
}

function compareLists(what: string, theirs: readonly string[], ours: readonly string[]): string[] {
  if (theirs.length === ours.length && theirs.every((each, i) => each === ours[i])) return [];
  const at = theirs.findIndex((each, i) => each !== ours[i]);
  const first = at < 0 ? theirs.length : at;
  return [differ(`${what}, item ${first} of ${theirs.length}`, theirs[first], ours[first])];
}

/** Differences of state: everything but messages and reads. */
export function compareState(theirs: TheirView, ours: NodeView, id: number): string[] {
  const found: string[] = [];
  for (const key of SCALARS) {
    if (theirs[key] !== ours[key]) found.push(differ(key, theirs[key], ours[key]));
  }
  if (theirs.progress.length !== ours.progress.length) {
    found.push(differ('members with progress', theirs.progress.length, ours.progress.length));
  }
  for (const [at, member] of theirs.progress.entries()) {
    const own = ours.progress[at];
    if (own?.node !== member.node) {
      found.push(differ(`progress ${at} is of node`, member.node, own?.node));
      continue;
    }
    for (const key of PROGRESS) {
      // Rule `ownActivity`.
      if (key === 'active' && member.node === id) continue;
      if (member[key] === own[key]) continue;
      found.push(differ(`progress of ${member.node}, ${key}`, member[key], own[key]));
    }
  }
  found.push(...compareLists('log', theirs.log, ours.log));
  found.push(...compareLists('applied entries', theirs.done, ours.done));
  return found;
}

/** Differences of the reads that were answered. `closed` are those that our node knows the end of. */
export function compareReads(
  theirs: readonly string[],
  ours: readonly string[],
  closed: ReadonlySet<string>,
  use: Use,
): string[] {
  const rest = [...ours];
  const found: string[] = [];
  for (const read of theirs) {
    const at = rest.indexOf(read);
    if (at >= 0) {
      rest.splice(at, 1);
    } else if (closed.has(read.slice(0, read.indexOf('=')))) {
      use('closedRead');
    } else {
      found.push(differ('an answered read', read, undefined));
    }
  }
  return [...found, ...rest.map((read) => differ('an answered read', undefined, read))];
}

/** Tells which of our read rounds stands for which context of Go. */
export class ReadPairs {
  private readonly contexts = new Map<string, string>();

  /** Whether `theirs` stands for round `ours` of the leader of `term`; notes a new pair. */
  agree(term: number, theirs: string, ours: string): boolean {
    if (theirs === '' || ours === '') return theirs === ours;
    const key = `${term}:${ours}`;
    const known = this.contexts.get(key);
    if (known !== undefined) return known === theirs;
    if ([...this.contexts.values()].includes(theirs)) return false;
    this.contexts.set(key, theirs);
    return true;
  }
}

const WAIT_FOR_DISK = new Set(['appendResponse', 'voteResponse', 'preVoteResponse']);

/** Go's messages in the order of ours: those that may leave at once, then those that wait. */
export function inOurOrder(messages: readonly TheirMessage[]): TheirMessage[] {
  return [
    ...messages.filter(({ type }) => !WAIT_FOR_DISK.has(type)),
    ...messages.filter(({ type }) => WAIT_FOR_DISK.has(type)),
  ];
}

/** Differences of one message. What rules check on their own is not looked at here. */
export function compareMessage(
  core: Core,
  theirs: TheirMessage,
  message: Message,
  pairs: ReadPairs,
): string[] {
  const ours: MessageView = meaningOf(viewMessage(core, message));
  const found: string[] = [];
  for (const key of MESSAGE) {
    if (key === 'context' && ours.type.startsWith('heartbeat')) {
      const agree = pairs.agree(ours.term, theirs.context, ours.context);
      if (!agree) found.push(differ('read round', theirs.context, ours.context));
    } else if (theirs[key] !== ours[key]) {
      found.push(differ(key, theirs[key], ours[key]));
    }
  }
  found.push(...compareLists('entries', theirs.entries, ours.entries));
  return found.map((each) => `${ours.type} from ${ours.from} to ${ours.to}, ${each}`);
}

function meaningOf(message: MessageView): MessageView {
  switch (message.type) {
    case 'voteRequest':
    case 'preVoteRequest':
      return message.context === '' ? message : { ...message, context: 'CampaignTransfer' };
    case 'voteResponse':
    case 'preVoteResponse':
      // Rule `refusedVoteCommit`.
      return message.reject ? { ...message, index: 0, logTerm: 0 } : message;
    case 'appendResponse':
      // Rule `conflictHint`.
      return message.reject ? { ...message, logTerm: 0 } : message;
    case 'transferLeader':
      // The target, which is the sender by rule `transferByOthers`.
      return message.index === message.from ? { ...message, index: 0 } : message;
    default:
      return message;
  }
}
