/** What a run has been through, from what Go shows: a run without elections compares nothing. */
import type { TheirView } from './driver.js';

/** Something that happened to a node. */
export type EventName =
  | 'elections won'
  | 'leaders deposed'
  | 'entries applied'
  | 'membership changes applied'
  | 'membership changes vetoed'
  | 'joint configurations entered'
  | 'logs cut back'
  | 'snapshots installed'
  | 'reads answered'
  | 'readies held'
  | 'messages sent';

/** Whether entries that the node had are gone or others stand in their place. */
function isCutBack(before: TheirView, after: TheirView): boolean {
  if (after.snapshot > before.last) return false;
  const at = before.last - after.first;
  return at >= 0 && after.log[at] !== before.log.at(-1);
}

/** What happened between two views of a node, each with how often. */
export function eventsOf(
  before: TheirView,
  after: TheirView,
  compacted: boolean,
): (readonly [EventName, number])[] {
  const changes = after.done.filter((note) => note.includes(':change '));
  const vetoed = changes.filter((note) => note.endsWith(' vetoed')).length;
  const once = (happened: boolean): number => (happened ? 1 : 0);
  const isJoint = ({ members }: TheirView): boolean => !members.includes('outgoing  |');
  return [
    ['elections won', once(before.role !== 'leader' && after.role === 'leader')],
    ['leaders deposed', once(before.role === 'leader' && after.role !== 'leader')],
    ['entries applied', after.done.length],
    ['membership changes applied', changes.length - vetoed],
    ['membership changes vetoed', vetoed],
    ['joint configurations entered', once(!isJoint(before) && isJoint(after))],
    ['logs cut back', once(isCutBack(before, after))],
    ['snapshots installed', once(!compacted && after.snapshot > before.snapshot)],
    ['reads answered', after.reads.length],
    ['readies held', once(!before.held && after.held)],
    ['messages sent', after.messages.length],
  ];
}
