import type { Entry, NodeId, RaftNode } from '../../../consensus/raft/index.js';

/** A violated property, with the numbers that show it. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

function fail(message: string): never {
  throw new InvariantViolation(message);
}

interface Known {
  readonly content: string;
  readonly previousTerm: number | undefined;
}

/** What must hold in every group at every moment (Raft figure 3), over everything seen so far. */
export class Invariants {
  private readonly leaders = new Map<number, NodeId>();
  private readonly entries = new Map<string, Known>();
  private readonly committed: { term: number; content: string }[] = [];
  private readonly firstIndex: number;

  /** `firstIndex` is the index of the first entry that will ever be committed. */
  constructor(firstIndex: number) {
    this.firstIndex = firstIndex;
  }

  /** Last index that any node has applied. */
  get lastCommitted(): number {
    return this.firstIndex + this.committed.length - 1;
  }

  /**
   * Election safety, and leader completeness at the moment of election. It says nothing about a
   * leader whose votes arrive after one of a later term has led.
   */
  checkLeader(node: RaftNode): void {
    if (!node.isLeader) return;
    const { id, term } = node.status();
    const known = this.leaders.get(term);
    if (known === id) return;
    if (known !== undefined) fail(`${known} and ${id} both lead term ${term}`);
    const isLate = [...this.leaders.keys()].some((other) => other > term);
    this.leaders.set(term, id);
    if (isLate) return;
    for (const [at, { term: committedTerm }] of this.committed.entries()) {
      const index = this.firstIndex + at;
      if (index < node.status().firstIndex) continue;
      if (node.termAt(index) !== committedTerm) {
        fail(`leader ${id} of term ${term} lacks the committed entry ${committedTerm}/${index}`);
      }
    }
  }

  /** Log matching: (index, term) determines the content and, by induction, all before it. */
  checkEntries(node: RaftNode, entries: readonly Entry[]): void {
    let previousTerm = entries[0] === undefined ? undefined : node.termAt(entries[0].index - 1);
    for (const entry of entries) {
      const key = `${entry.index}/${entry.term}`;
      const content = Buffer.from(entry.data).toString('latin1');
      const known = this.entries.get(key);
      if (known === undefined) {
        this.entries.set(key, { content, previousTerm });
      } else {
        if (known.content !== content) fail(`entry ${key} has two contents`);
        const bothKnown = known.previousTerm !== undefined && previousTerm !== undefined;
        if (bothKnown && known.previousTerm !== previousTerm) {
          fail(`entry ${key} follows entries of terms ${known.previousTerm} and ${previousTerm}`);
        }
      }
      previousTerm = entry.term;
    }
  }

  /** State machine safety: all nodes apply the same entries. */
  checkApplied(node: NodeId, entry: Entry): void {
    const content = Buffer.from(entry.data).toString('latin1');
    const at = entry.index - this.firstIndex;
    const known = this.committed[at];
    if (known === undefined) {
      if (at !== this.committed.length) fail(`${node} applies ${entry.index} ahead of all others`);
      this.committed.push({ term: entry.term, content });
    } else if (known.term !== entry.term || known.content !== content) {
      fail(
        `${node} applies ${entry.term}/${entry.index} where another applied ${known.term}/${entry.index}`,
      );
    }
  }

  /** A snapshot stands for entries that were applied somewhere. */
  checkSnapshot(node: NodeId, index: number, term: number): void {
    const known = this.committed[index - this.firstIndex];
    if (index < this.firstIndex) return;
    if (known === undefined) fail(`${node} installs a snapshot at ${index}, never committed`);
    if (known.term !== term) fail(`${node} installs a snapshot at ${index} of the wrong term`);
  }
}
