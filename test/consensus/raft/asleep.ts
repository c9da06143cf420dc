/** Leaders and members of a group that is idle, or sleeps; their peers are played by the test. */
import { expect } from 'vitest';
import type { Message, MessageFields, RaftInput } from '../../../consensus/raft/index.js';
import { Single, stored } from './single.js';

export const THREE = [1, 2, 3];
export const CONFIG = { preVote: true, checkQuorum: true, quiesceTicks: 3 };
export type Fields = Omit<MessageFields, 'to' | 'from'>;

/** Node 1, leading term 2 with nothing to do: entry 2 is committed and everywhere. */
export function idleLeader(fields = {}): Single {
  const node = new Single(stored(THREE, []), { ...CONFIG, ...fields });
  // As long as a promise of before holds, a node does not campaign.
  node.tick(10);
  node.receive(2, { type: 'preVoteResponse', term: 2 });
  node.receive(2, { type: 'voteResponse', term: 2 });
  for (const from of [2, 3]) node.receive(from, { type: 'appendResponse', index: 2 });
  node.take();
  return node;
}

export function answer(node: Single, context: string, from = [2, 3]): Single {
  for (const each of from) node.receive(each, { type: 'heartbeatResponse', context });
  return node;
}

/** Ticks, with answers to plain heartbeats, until the leader asks. */
export function untilAsked(node: Single): Message[] {
  for (let i = 0; i < 2; i += 1) answer(node.tick(), '');
  node.take();
  return node.tick().take('heartbeat');
}

export function sleepingLeader(fields = {}): Single {
  const node = idleLeader(fields);
  untilAsked(node);
  answer(node, 'quiesce-yes 1');
  expect(node.node.isQuiescent).toBe(true);
  node.take();
  return node;
}

export const ASK = { type: 'heartbeat', index: 2, logTerm: 2, commit: 2, context: 'quiesce-ask 1' };
export const GO = { ...ASK, context: 'quiesce-go 1' };

/** Node 1, following node 2 in term 2 with the entry 2 committed. */
export function member(fields = {}): Single {
  const restored = stored(THREE, [2], { commit: 2 });
  const node = new Single(restored, { ...CONFIG, ...fields });
  node.receive(2, { type: 'heartbeat', commit: 2 });
  node.take();
  return node;
}

export function sleepingMember(fields = {}): Single {
  const node = member(fields);
  node.receive(2, ASK as Fields).receive(2, GO as Fields);
  expect(node.node.isQuiescent).toBe(true);
  node.take();
  return node;
}

function message(from: number, fields: Fields): Message {
  return {
    to: 1,
    from,
    term: 2,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    snapshot: null,
    reject: false,
    rejectHint: 0,
    context: '',
    ...fields,
  };
}

export function input(from: number, fields: Fields): RaftInput {
  return { type: 'message', message: message(from, fields) };
}

export function answerOf(context: string): RaftInput {
  return input(3, { type: 'heartbeatResponse', context });
}
