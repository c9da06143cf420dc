/** The invariants that `tla/Traceetcdraft.cfg` names, over the servers of the model. */
import { type Model, type Server, TraceMismatch, isQuorum } from './model.js';
import type { ModelEntry } from './model-message.js';

function isSame(a: ModelEntry | undefined, b: ModelEntry | undefined): boolean {
  // Entries travel by reference.
  if (a === b) return a !== undefined;
  if (a === undefined || b === undefined || a.term !== b.term) return false;
  return JSON.stringify(a.config) === JSON.stringify(b.config);
}

/** Whether the first `count` entries of `part` are those of `whole`. */
function isPrefix(part: Server, whole: Server, count: number): boolean {
  for (let at = 0; at < count; at += 1) if (!isSame(part.log[at], whole.log[at])) return false;
  return true;
}

function lastOfTerm({ log }: Server, term: number): number {
  return log.findLastIndex((entry) => entry.term === term) + 1;
}

/** What holds of one server and another, with the name that the model gives it. */
const PAIRS: Record<string, (a: Server, b: Server) => boolean> = {
  LogInv: (a, b) => isPrefix(a, b, Math.min(a.commit, b.commit)),
  MoreThanOneLeaderInv: (a, b) =>
    a === b || a.term !== b.term || a.role !== 'StateLeader' || b.role !== 'StateLeader',
  ElectionSafetyInv: (a, b) =>
    a.role !== 'StateLeader' || lastOfTerm(a, a.term) >= lastOfTerm(b, a.term),
  LogMatchingInv: (a, b) => {
    let at = Math.min(a.log.length, b.log.length);
    while (at > 0 && a.log[at - 1]?.term !== b.log[at - 1]?.term) at -= 1;
    return isPrefix(a, b, at);
  },
  MoreUpToDateCorrectInv: (a, b) => {
    const [ours, theirs] = [a.log.at(-1)?.term ?? 0, b.log.at(-1)?.term ?? 0];
    const isAhead = ours > theirs || (ours === theirs && a.log.length >= b.log.length);
    return !isAhead || isPrefix(b, a, b.commit);
  },
  LeaderCompletenessInv: (a, b) =>
    b.role !== 'StateLeader' ||
    a.log.slice(0, a.commit).every((entry, at) => b.term <= entry.term || isSame(entry, b.log[at])),
};

/** Throws a `TraceMismatch` that names the invariant that does not hold. */
export function checkModel(model: Model): void {
  const servers = [...model.servers];
  for (const [id, server] of servers) {
    for (const [other, each] of servers) {
      for (const [name, holds] of Object.entries(PAIRS)) {
        if (!holds(server, each)) throw new TraceMismatch(`${name} of ${id} and ${other}`);
      }
    }
    const lacking = server.voters.filter((voter) => {
      const each = model.servers.get(voter);
      return each === undefined || !isPrefix(server, each, server.commit);
    });
    if (server.voters.length > 0 && isQuorum(lacking, server.voters)) {
      throw new TraceMismatch(`QuorumLogInv of ${id}: ${lacking.join(' ')} lack what is committed`);
    }
    if (server.role === 'StateLeader' && server.commit > server.durable.log) {
      throw new TraceMismatch(`CommittedIsDurableInv of ${id}`);
    }
  }
}
