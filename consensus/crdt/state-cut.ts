/**
 * The bytes of a state of one moment, made piece by piece while the state goes on changing:
 *
 *     names of all fields --> in order --> each field with its value --> pieces
 *
 * Before a field changes that is not written yet, its bytes are made and kept. The pieces together are
 * what `encodeState` would have made at that moment.
 */
import { ByteWriter } from '../varint.js';
import { beginState, writeEntry } from './codec.js';
import type { EncodedState } from './codec.js';
import { assert } from './error.js';
import { STATE_BYTES_MAX } from './limits.js';
import type { Entry } from './value.js';
import { compareTexts } from './version.js';

/** Names that are sorted at once; beyond, sorted runs are merged name by name. */
const RUN_NAMES = 64;

export class StateCut {
  readonly #state: EncodedState;
  readonly #pieceBytes: number;
  /** Of fields that have changed since: their bytes of before; undefined: they were not there. */
  readonly #kept = new Map<string, Uint8Array | undefined>();
  /** The last name whose field is written: those up to it may change. */
  #writtenTo: string | undefined;
  readonly #pieces: Uint8Array[] = [];
  #piece = new ByteWriter();
  #bytes = 0;
  readonly #work: Generator<void, void, void>;
  #isDone = false;
  #isDetached = false;

  /** `head` stands before the state in the first piece; every piece but the last has `pieceBytes`. */
  constructor(state: EncodedState, head: Uint8Array, pieceBytes: number) {
    this.#state = { ...state, version: new Map(state.version) };
    this.#pieceBytes = pieceBytes;
    this.#work = this.#all(head);
  }

  /** Whether all pieces are there, or nobody wants them. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Bytes of all pieces so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** All of them, when it is done; none when it was abandoned, or has more than `STATE_BYTES_MAX`. */
  get pieces(): readonly Uint8Array[] {
    return this.#pieces;
  }

  /**
   * Does up to so many items of work: a name that is looked at, sorted or merged, or a field that is
   * written. Returns how many it did.
   */
  advance(itemsMax: number): number {
    for (let done = 0; done < itemsMax; done += 1) {
      if (this.#isDone) return done;
      if (this.#work.next().done !== true) continue;
      this.#isDone = true;
      return done;
    }
    return itemsMax;
  }

  /** Nobody wants it any more: it has no pieces. */
  abandon(): void {
    this.#isDone = true;
    this.#kept.clear();
    this.#pieces.length = 0;
  }

  /** A field changes now; `entry` is what is under it before. */
  keep(name: string, entry: Entry | undefined): void {
    if (this.#isDone || this.#isDetached || this.#kept.has(name)) return;
    if (this.#writtenTo !== undefined && compareTexts(name, this.#writtenTo) <= 0) return;
    this.#kept.set(name, entry === undefined ? undefined : bytesOf(entry));
  }

  /** The replica goes on with another root: the one of this cut does not change any more. */
  detach(): void {
    this.#isDetached = true;
  }

  *#all(head: Uint8Array): Generator<void, void, void> {
    const { entries } = this.#state.root;
    const names = yield* sorted(yield* this.#names());
    const begin = new ByteWriter();
    begin.raw(head);
    beginState(begin, this.#state);
    begin.varint(names.length);
    this.#take(begin.done());
    for (const name of names) {
      const entry = entries.get(name);
      const bytes = this.#kept.get(name) ?? (entry === undefined ? undefined : bytesOf(entry));
      assert(bytes !== undefined, 'a field that is gone was kept');
      this.#take(bytes);
      if (this.#isDone) return;
      this.#writtenTo = name;
      this.#kept.delete(name);
      yield;
    }
    if (this.#piece.length > 0) this.#pieces.push(this.#piece.done());
  }

  /** Those that were there at the moment of the cut. Fields come and go while they are gathered. */
  *#names(): Generator<void, string[], void> {
    const found: string[] = [];
    for (const name of this.#state.root.entries.keys()) {
      if (!this.#kept.has(name)) found.push(name);
      yield;
    }
    const seen = new Set<string>();
    for (const name of found) {
      seen.add(name);
      yield;
    }
    for (const [name, bytes] of this.#kept) {
      if (bytes !== undefined && !seen.has(name)) found.push(name);
      yield;
    }
    return found;
  }

  #take(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#bytes > STATE_BYTES_MAX) {
      this.abandon();
      return;
    }
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + this.#pieceBytes - this.#piece.length);
      this.#piece.raw(bytes.subarray(at, end));
      at = end;
      if (this.#piece.length < this.#pieceBytes) continue;
      this.#pieces.push(this.#piece.done());
      this.#piece = new ByteWriter();
    }
  }
}

function bytesOf(entry: Entry): Uint8Array {
  const writer = new ByteWriter();
  writeEntry(writer, entry);
  return writer.done();
}

/** In the order of `compareTexts`, a name of a run at a time. */
function* sorted(names: readonly string[]): Generator<void, string[], void> {
  let runs: string[][] = [];
  for (let at = 0; at < names.length; at += RUN_NAMES) {
    runs.push(names.slice(at, at + RUN_NAMES).sort(compareTexts));
    yield;
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(yield* mergedRuns(runs[at] ?? [], runs[at + 1] ?? []));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* mergedRuns(a: readonly string[], b: readonly string[]): Generator<void, string[], void> {
  const merged: string[] = [];
  for (let [atA, atB] = [0, 0]; atA < a.length || atB < b.length;) {
    const [nextA, nextB] = [a[atA], b[atB]];
    if (nextB === undefined || (nextA !== undefined && compareTexts(nextA, nextB) <= 0)) {
      merged.push(nextA ?? '');
      atA += 1;
    } else {
      merged.push(nextB);
      atB += 1;
    }
    yield;
  }
  return merged;
}
