/** The terms of a log without its entries, in runs of equal terms. */
import type { LogPosition } from './frame-format.js';

/** See the head of this file. The position before the log has the term 0 if it is not known. */
export class TermRuns {
  /** Each run goes from `first` to the next one; the last one ends with `lastIndex`. */
  private readonly runs: { readonly first: number; readonly term: number }[] = [];
  private lastIndex: number;

  constructor(private base: LogPosition) {
    this.lastIndex = base.index;
  }

  /** Index and term of the last entry. */
  get end(): LogPosition {
    return { index: this.lastIndex, term: this.termAt(this.lastIndex) };
  }

  /** Puts `count` entries of `term` from `first` on in place of everything from there on. */
  append(first: number, count: number, term: number): void {
    if (first <= this.base.index || first > this.lastIndex + 1) {
      this.restart({ index: first - 1, term: 0 });
    }
    while ((this.runs.at(-1)?.first ?? 0) >= first) this.runs.pop();
    if (this.runs.at(-1)?.term !== term) this.runs.push({ first, term });
    this.lastIndex = first + count - 1;
  }

  /** Raft section 7: a log that holds the snapshot's last entry goes on, any other is replaced. */
  mark(snapshot: LogPosition): void {
    const { index, term } = snapshot;
    if (index <= this.base.index) return;
    if (index > this.lastIndex || this.termAt(index) !== term) return this.restart(snapshot);
    this.base = snapshot;
    while (this.runs[1] !== undefined && this.runs[1].first <= index + 1) this.runs.shift();
    if (this.lastIndex === index) this.runs.length = 0;
  }

  private restart(base: LogPosition): void {
    this.base = base;
    this.runs.length = 0;
    this.lastIndex = base.index;
  }

  private termAt(index: number): number {
    if (index <= this.base.index) return this.base.term;
    return this.runs.findLast(({ first }) => first <= index)?.term ?? 0;
  }
}
