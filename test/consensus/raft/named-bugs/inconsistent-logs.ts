import type { NodeId } from '../../../../consensus/raft/index.js';
import { Random } from '../random.js';
import type { Logs } from './script.js';

const TERMS = 30;
const ENTRIES_PER_TERM_MAX = 20;

/**
 * Logs as they are left behind by leaders that fail early: in each term a node appends to its log
 * and replaces those of a few others by it. So the logs match as Raft 5.3 says, and differ.
 */
export function inconsistentLogs(seed: number, voters: readonly NodeId[]): Logs {
  const random = new Random(seed);
  const logs = new Map<NodeId, number[]>(voters.map((id) => [id, []]));
  for (let term = 2; term <= TERMS; term += 1) {
    const leader = random.pick(voters);
    const count = 1 + random.below(ENTRIES_PER_TERM_MAX);
    const log = [...(logs.get(leader) ?? []), ...Array.from({ length: count }, () => term)];
    logs.set(leader, log);
    for (const id of voters) if (random.chance(0.1)) logs.set(id, [...log]);
  }
  return Object.fromEntries(voters.map((id) => [id, { terms: logs.get(id) ?? [], term: TERMS }]));
}
