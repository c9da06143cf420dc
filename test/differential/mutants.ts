/**
 * Mistakes planted in a copy of our compiled core, each of which a differential run has to report.
 * A mistake is one replacement in one file; a place that is not there exactly once is an error, so
 * that a changed core cannot leave a mutant without effect.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Core } from './view.js';

/** See the head of this file. */
export interface Mutant {
  readonly name: string;
  /** Below consensus/raft, compiled. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** All mutants. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'an entry is committed one index early',
    file: 'replication.js',
    from: 'node.log.commitTo(index);',
    to: 'node.log.commitTo(Math.min(index + 1, node.log.lastIndex));',
  },
  {
    name: 'a vote looks at the index before the term',
    file: 'log.js',
    from: 'return term > this.lastTerm || (term === this.lastTerm && index >= this.lastIndex);',
    to: 'return index > this.lastIndex || (index === this.lastIndex && term >= this.lastTerm);',
  },
  {
    name: 'half of the members are a quorum',
    file: 'quorum.js',
    from: 'return Math.floor(memberCount / 2) + 1;',
    to: 'return Math.ceil(memberCount / 2);',
  },
  {
    name: 'one half of a joint configuration decides votes',
    file: 'quorum.js',
    from: "return first === 'won' && second === 'won' ? 'won' : 'pending';",
    to: "return first === 'won' ? 'won' : 'pending';",
  },
  {
    name: 'one half of a joint configuration decides commits',
    file: 'quorum.js',
    from: 'return Math.min(inIncoming, majorityCommitted(outgoing, acknowledged));',
    to: 'return inIncoming;',
  },
  {
    name: 'a refused append hints at the entry before',
    file: 'following.js',
    from: 'const hint = log.findConflictByTerm(Math.min(index, log.lastIndex), logTerm);',
    to: 'const hint = { index: Math.min(index - 1, log.lastIndex), term: 0 };',
  },
  {
    name: 'a leader does not look for the term of a hint',
    file: 'replication.js',
    from: 'logTerm > 0 ? node.log.findConflictByTerm(rejectHint, logTerm).index : rejectHint',
    to: 'rejectHint',
  },
  {
    name: 'a heartbeat tells the whole commit index',
    file: 'replication.js',
    from: 'Math.min(member.match, node.log.commit)',
    to: 'node.log.commit',
  },
  {
    name: 'entries of earlier terms are committed by counting (figure 8)',
    file: 'replication.js',
    from: 'if (node.log.termAt(index) !== node.term)',
    to: 'if (index > node.log.lastIndex)',
  },
  {
    name: 'a follower commits beyond what the request covers',
    file: 'following.js',
    from: 'log.commitTo(Math.min(request.commit, last));',
    to: 'log.commitTo(Math.min(request.commit, log.lastIndex));',
  },
  {
    name: 'a late append cuts off what a later one brought',
    file: 'log.js',
    from: 'if (!this.matches(entry.index, entry.term))',
    to: 'if (entry.index > this.commit)',
  },
  {
    name: 'a second vote is given in a term',
    file: 'elections.js',
    from: 'const free = node.vote === request.from ||',
    to: 'const free = node.leader === NO_NODE ||',
  },
  {
    name: 'a vote does not put off the own campaign',
    file: 'elections.js',
    from: 'node.electionElapsed = 0;',
    to: '',
  },
  {
    name: 'a lease does not hold off votes',
    file: 'machine.js',
    from: 'if (isLeased(node) && message.context !== TRANSFER_CONTEXT)',
    to: 'if (false)',
  },
  {
    name: 'a granted pre-vote carries the own term',
    file: 'elections.js',
    from: 'term: granted ? request.term : node.term,',
    to: 'term: node.term,',
  },
  {
    name: 'a leader never checks for its quorum',
    file: 'ticking.js',
    from: 'if (node.config.checkQuorum)',
    to: 'if (false)',
  },
  {
    name: 'a second membership change is taken before the first is applied',
    file: 'changing.js',
    from: 'if (pendingConfIndex > log.applied)',
    to: 'if (false)',
  },
  {
    name: 'a window is freed one message late',
    file: 'tracker/inflights.js',
    from: 'this.indexes[this.first] <= index',
    to: 'this.indexes[this.first] < index',
  },
  {
    name: 'probing after a snapshot starts before it',
    file: 'tracker/progress.js',
    from: 'this.next = Math.max(this.match + 1, behindSnapshot);',
    to: 'this.next = this.match + 1;',
  },
  {
    name: 'a snapshot is installed without its membership',
    file: 'following.js',
    from: 'switchGroup(node, restoreGroup(snapshot.confState, node.newMember()));',
    to: '',
  },
  {
    name: 'a restarted node has forgotten its vote',
    file: 'state.js',
    from: 'this.vote = restored.hardState.vote;',
    to: 'this.vote = NO_NODE;',
  },
  {
    name: 'a read is answered before a quorum has confirmed it',
    file: 'reading.js',
    from: 'voter === node.id || node.reads.hasAnswered(voter) ? true : undefined',
    to: 'true',
  },
  {
    name: 'a transfer is never given up',
    file: 'ticking.js',
    from: 'node.transferTarget = NO_NODE;',
    to: '',
  },
];

const COMPILED = fileURLToPath(new URL('../../consensus', import.meta.url));

/** Loads a copy of the core with the mistake in it; `remove` deletes the copy. */
export async function plant(mutant: Mutant): Promise<{ readonly core: Core; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'raft-mutant-'));
  cpSync(COMPILED, join(folder, 'consensus'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  const path = join(folder, 'consensus/raft', mutant.file);
  const parts = readFileSync(path, 'utf8').split(mutant.from);
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  if (parts.length !== 2) {
    remove();
    const times = `${parts.length - 1} times`;
    throw new Error(`mutant '${mutant.name}': ${mutant.file} holds its place ${times}, not once`);
  }
  writeFileSync(path, parts.join(mutant.to));
  const index = pathToFileURL(join(folder, 'consensus/raft/index.js'));
  return { core: (await import(index.href)) as Core, remove };
}
