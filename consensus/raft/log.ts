/**
 * The replicated log in memory (Raft 5.3), from the last compaction on:
 *
 *     compacted   applied   handedOut    commit        persisted  inWrite       last
 *         |----------|----------|----------|---------------|---------|------------|
 *         (gone)      done by    given to    on a quorum     durable    given to     new
 *                     the app    the app                     here       the disk
 *
 * `commit` and `persisted` are independent of each other. A snapshot from the leader
 * (`pendingSnapshot`) replaces everything and goes to disk and application before any entry.
 */
import type { RestoredState } from './config.js';
import { RaftError, assert } from './error.js';
import { ENTRY_OVERHEAD_BYTES } from './limits.js';
import type { Entry, SnapshotMeta } from './types.js';

const NO_ENTRIES: readonly Entry[] = [];

/** What an entry counts for in every account of bytes. */
export function entryBytes(entry: Entry): number {
  return entry.data.length + ENTRY_OVERHEAD_BYTES;
}

/** See the head of this file. */
export class RaftLog {
  /** Last index that is no longer held, and its term. */
  private compactedIndex = 0;
  private compactedTerm = 0;
  private readonly held: Entry[] = [];
  commit = 0;
  applied = 0;
  /** Last committed index handed out for application. */
  handedOut = 0;
  /** Bytes handed out and not applied. */
  applyingBytes = 0;
  /** Whether nothing is handed out until more is applied. */
  applyingPaused = false;
  /** Last index that is durable on this node. */
  persisted = 0;
  /** Last index given to the disk; lowered when that part of the log is replaced meanwhile. */
  inWrite = 0;
  /** Newest snapshot that the driver can serve. */
  snapshot: SnapshotMeta | null = null;
  /** Snapshot of the leader that is not installed yet. */
  pendingSnapshot: SnapshotMeta | null = null;
  pendingSnapshotInWrite = false;
  /** Indexes of entries that the disk has lost, rising. They count as durable. */
  private readonly lost = new Set<number>();
  /** First of them, or Infinity. */
  firstLost = Infinity;
  /** Snapshots of leaders that have replaced this log. */
  restores = 0;

  constructor(restored: RestoredState) {
    const { snapshot, hardState, entries, applied } = restored;
    if (snapshot !== null) {
      if (snapshot.index < 1) throw inconsistent('a snapshot is at index 1 or later');
      this.compactedIndex = snapshot.index;
      this.compactedTerm = snapshot.term;
      this.snapshot = snapshot;
    }
    for (const entry of entries) {
      if (entry.index !== this.lastIndex + 1) throw inconsistent('the stored log has a gap');
      if (entry.term < this.lastTerm) throw inconsistent('terms fall in the stored log');
      this.held.push(entry);
      if (entry.type === 'lost') this.lost.add(entry.index);
    }
    this.findFirstLost();
    if (this.firstLost <= applied) throw inconsistent('an entry that was applied is lost');
    // What was applied was committed, even if the hard state that says so was not yet written.
    this.commit = Math.max(hardState.commit, this.compactedIndex, applied);
    if (this.commit > this.lastIndex) {
      throw inconsistent(`commit ${this.commit} lies behind the last entry ${this.lastIndex}`);
    }
    if (applied < this.compactedIndex) {
      throw inconsistent(`applied ${applied} lies before the snapshot ${this.compactedIndex}`);
    }
    this.applied = applied;
    this.handedOut = applied;
    this.persisted = this.lastIndex;
    this.inWrite = this.lastIndex;
  }

  get firstIndex(): number {
    return this.compactedIndex + 1;
  }

  get lastIndex(): number {
    return this.compactedIndex + this.held.length;
  }

  get lastTerm(): number {
    const { length } = this.held;
    return length === 0 ? this.compactedTerm : (this.held[length - 1] as Entry).term;
  }

  /** Term of the entry at `index`; undefined if it is compacted or not there yet. */
  termAt(index: number): number | undefined {
    const at = index - this.compactedIndex - 1;
    if (at === -1) return this.compactedTerm;
    return this.held[at]?.term;
  }

  /** Whether the log holds, or held as its last compacted one, the entry (index, term). */
  matches(index: number, term: number): boolean {
    return this.termAt(index) === term;
  }

  /** Raft 5.4.1: whether a log that ends with (index, term) is at least as complete as this one. */
  isUpToDate(index: number, term: number): boolean {
    return term > this.lastTerm || (term === this.lastTerm && index >= this.lastIndex);
  }

  /** Entries `from` to `through`, as many as fit into `maxBytes` but at least one. */
  slice(from: number, through: number, maxBytes: number): readonly Entry[] {
    assert(from > this.compactedIndex, `entry ${from} is wanted but compacted`);
    const start = from - this.compactedIndex - 1;
    const end = Math.min(through, this.lastIndex) - this.compactedIndex;
    if (start >= end) return NO_ENTRIES;
    if (this.firstLost < Infinity) return this.sliceBeforeLost(start, end, maxBytes);
    let stop = start + 1;
    let bytes = entryBytes(this.held[start] as Entry);
    while (stop < end) {
      bytes += entryBytes(this.held[stop] as Entry);
      if (bytes > maxBytes) break;
      stop += 1;
    }
    return this.held.slice(start, stop);
  }

  /**
   * Whether there may be a change of members behind what is applied, up to `through`: a lost entry may
   * be one as well. Not while a snapshot is pending.
   */
  mayHoldChange(through: number): boolean {
    const wanted = Math.min(through, this.lastIndex) - this.applied;
    const entries = this.slice(this.applied + 1, through, Infinity);
    return entries.length < wanted || entries.some((entry) => entry.type === 'confChange');
  }

  private sliceBeforeLost(start: number, end: number, maxBytes: number): readonly Entry[] {
    const entries: Entry[] = [];
    let bytes = 0;
    for (let at = start; at < end; at += 1) {
      const entry = this.held[at] as Entry;
      if (entry.type === 'lost') break;
      bytes += entryBytes(entry);
      if (bytes > maxBytes && entries.length > 0) break;
      entries.push(entry);
    }
    return entries;
  }

  /** How many entries the disk has lost. */
  get lostCount(): number {
    return this.lost.size;
  }

  /** Last of the lost entries that follow the first one without a gap. */
  get firstLostThrough(): number {
    let through = this.firstLost;
    while (this.lost.has(through + 1)) through += 1;
    return through;
  }

  /** Fills a lost place if this is the very entry. Returns whether it did. */
  repair(entry: Entry): boolean {
    if (!this.lost.has(entry.index) || !this.matches(entry.index, entry.term)) return false;
    this.held[entry.index - this.compactedIndex - 1] = entry;
    this.lost.delete(entry.index);
    this.findFirstLost();
    return true;
  }

  /** Cuts off an entry that is lost and cannot be committed, with everything behind it. */
  discardFrom(index: number): void {
    assert(index > this.commit, 'a committed entry is never given up');
    this.held.length = index - this.compactedIndex - 1;
    this.persisted = Math.min(this.persisted, this.lastIndex);
    this.inWrite = Math.min(this.inWrite, this.lastIndex);
    this.forgetLost((lost) => lost >= index);
  }

  private findFirstLost(): void {
    const [first = Infinity] = this.lost;
    this.firstLost = first;
  }

  private forgetLost(isGone: (index: number) => boolean): void {
    if (this.firstLost === Infinity) return;
    for (const index of this.lost) if (isGone(index)) this.lost.delete(index);
    this.findFirstLost();
  }

  /** Adds entries at the end. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      assert(entry.index === this.lastIndex + 1, 'entries are appended without a gap');
      assert(entry.term >= this.lastTerm, 'terms never fall along a log');
      this.held.push(entry);
    }
  }

  /**
   * First index at which `entries` says something else than this log, or something new; 0 if all
   * of them are here already. Only from there on may the log be replaced: a late append request
   * must not cut off what a later one brought (Raft 5.3).
   */
  findConflict(entries: readonly Entry[]): number {
    for (const entry of entries) {
      if (!this.matches(entry.index, entry.term)) return entry.index;
    }
    return 0;
  }

  /** Replaces the log from `entries[0].index` on. */
  replaceFrom(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const keep = first.index - 1;
    assert(keep >= this.commit, 'a committed entry is never replaced');
    if (keep < this.lastIndex) {
      this.held.length = keep - this.compactedIndex;
      this.persisted = Math.min(this.persisted, keep);
      this.inWrite = Math.min(this.inWrite, keep);
      this.forgetLost((index) => index > keep);
    }
    this.append(entries);
  }

  /**
   * A guess of where this log and another one agree, given that the other one has `term` at
   * `index`: the last entry at or before `index` whose term is not greater. The term is 0 where it
   * is not known. Skips whole terms at a time (end of Raft 5.3).
   */
  findConflictByTerm(index: number, term: number): { index: number; term: number } {
    for (let guess = index; guess > 0; guess -= 1) {
      const ours = this.termAt(guess);
      if (ours === undefined) return { index: guess, term: 0 };
      if (ours <= term) return { index: guess, term: ours };
    }
    return { index: 0, term: 0 };
  }

  /** Last entry that may be handed out: committed, and durable here unless `evenIfUnstable`. */
  applicableIndex(evenIfUnstable: boolean): number {
    const index = evenIfUnstable ? this.commit : Math.min(this.commit, this.persisted);
    return Math.min(index, this.firstLost - 1);
  }

  /** Whether there are entries to hand out. None while a snapshot waits: it goes first. */
  hasApplicable(evenIfUnstable: boolean): boolean {
    if (this.applyingPaused || this.pendingSnapshot !== null) return false;
    return this.handedOut < this.applicableIndex(evenIfUnstable);
  }

  /**
   * Hands out the next entries to apply, so many that at most `bytesMax` (but one entry in any
   * case) are on their way, and pauses once they are that many.
   */
  takeApplicable(evenIfUnstable: boolean, bytesMax: number): readonly Entry[] {
    if (!this.hasApplicable(evenIfUnstable)) return NO_ENTRIES;
    const through = this.applicableIndex(evenIfUnstable);
    const entries = this.slice(this.handedOut + 1, through, bytesMax - this.applyingBytes);
    this.handedOut += entries.length;
    for (const entry of entries) this.applyingBytes += entryBytes(entry);
    this.applyingPaused = this.applyingBytes >= bytesMax || this.handedOut < through;
    return entries;
  }

  /** Entries up to `index`, `bytes` of them since the last call, are applied. */
  appliedTo(index: number, bytes: number, bytesMax: number): void {
    this.applied = Math.max(this.applied, index);
    this.handedOut = Math.max(this.handedOut, index);
    this.applyingBytes = Math.max(0, this.applyingBytes - bytes);
    this.applyingPaused = this.applyingBytes >= bytesMax;
  }

  commitTo(index: number): void {
    if (index <= this.commit) return;
    assert(index <= this.lastIndex, `commit ${index} lies within the log, which ends earlier`);
    this.commit = index;
  }

  /** Replaces everything by a snapshot that the driver has still to install. */
  restore(snapshot: SnapshotMeta): void {
    assert(snapshot.index > this.commit, 'only a snapshot ahead of the commit is installed');
    this.held.length = 0;
    this.compactedIndex = snapshot.index;
    this.compactedTerm = snapshot.term;
    this.commit = snapshot.index;
    this.persisted = snapshot.index;
    this.inWrite = snapshot.index;
    this.forgetLost(() => true);
    this.awaitInstall(snapshot);
  }

  /**
   * Lets a snapshot stand for the beginning of this log, which has lost entries there. What follows
   * it stays: a member may count on it.
   */
  restoreBelow(snapshot: SnapshotMeta): void {
    assert(this.matches(snapshot.index, snapshot.term), 'the log goes on where the snapshot ends');
    this.held.splice(0, snapshot.index - this.compactedIndex);
    this.compactedIndex = snapshot.index;
    this.compactedTerm = snapshot.term;
    this.commit = Math.max(this.commit, snapshot.index);
    this.forgetLost((index) => index <= snapshot.index);
    this.awaitInstall(snapshot);
  }

  private awaitInstall(snapshot: SnapshotMeta): void {
    this.snapshot = snapshot;
    this.pendingSnapshot = snapshot;
    this.pendingSnapshotInWrite = false;
    this.restores += 1;
  }

  /** How many entries before and at `index` are held and fit into both bounds. */
  trailingEntries(index: number, entriesMax: number, bytesMax: number): number {
    let count = 0;
    let bytes = 0;
    while (count < entriesMax && index - count > this.compactedIndex) {
      bytes += entryBytes(this.held[index - count - this.compactedIndex - 1] as Entry);
      if (bytes > bytesMax) break;
      count += 1;
    }
    return count;
  }

  /** Drops entries up to `index`. */
  compact(index: number): void {
    if (index <= this.compactedIndex) return;
    assert(index <= this.applied, 'only applied entries are compacted');
    assert(index <= this.persisted, 'only durable entries are compacted');
    const snapshotIndex = this.snapshot?.index ?? 0;
    assert(index <= snapshotIndex, 'a snapshot covers what is compacted');
    this.compactedTerm = this.termAt(index) as number;
    this.held.splice(0, index - this.compactedIndex);
    this.compactedIndex = index;
  }
}

function inconsistent(message: string): RaftError {
  return new RaftError('inconsistent-state', `${message}; the stored state is damaged`);
}
