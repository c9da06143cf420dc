import { assert, CheckerError } from './errors.js';
import { limits } from './limits.js';
import type { ModelOperation, SequentialModel } from './model.js';
import { Timeline } from './timeline.js';

/*
 * The search of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with Lowe's
 * memoisation ("Testing for Linearizability", 2017), for the operations of one key:
 *
 *                      +--- an order for one more operation ---+
 *                      v                                       |
 *   configuration = (operations ordered so far, state, unknown ones used)
 *                      |
 *                      +--- none left that was answered ---> linearizable
 *                      +--- nothing fits ---> step back, try the next operation
 *
 * Two things keep it small beyond memoisation:
 * 1. An answered operation that fits and changes no state (a read, a failed compare-and-set) is
 *    ordered at once, and nothing else is tried there: whatever order works from here also works
 *    with it moved to the front. (A write of the value already there is not such an operation: at
 *    its later place it may have undone another write.)
 * 2. An operation with unknown outcome is never required, only offered. Those of equal input are
 *    interchangeable, so the earliest called is taken, and a configuration is pruned when one with
 *    the same state and the same answered operations has used no more of each.
 */

/** One operation of a history, as the search needs it. */
export interface TimedOperation<Input, Output> extends ModelOperation<Input, Output> {
  readonly callMicroseconds: number;
}

/** How far the search came when nothing explains the history. Indexes count the operations given. */
export interface Blockage<State> {
  /** The answered operation whose return no order gets past, with the earliest such return. */
  readonly operation: number;
  /** States that some order reaches just before it. */
  readonly states: readonly State[];
  /** The last operations of one order that got this far. */
  readonly ordered: readonly number[];
}

/** What the search of one key found, and in how many steps (of the model or of comparison). */
export type SearchResult<State> =
  | { readonly verdict: 'linearizable'; readonly steps: number }
  | { readonly verdict: 'unknown'; readonly steps: number }
  | {
      readonly verdict: 'not-linearizable';
      readonly steps: number;
      readonly blockage: Blockage<State>;
    };

/** Operations of unknown outcome and equal input. */
interface UnknownClass<Input> {
  readonly input: Input;
  /** Their indexes, by time of call. */
  readonly operations: readonly number[];
  readonly callsMicroseconds: readonly number[];
}

/** Where a search goes on when there is nothing to try. */
const deadEnd = -1;

interface Frame<State> {
  /** An answered operation, or `answered + class` for one of unknown outcome. */
  readonly choice: number;
  readonly previousState: State;
  readonly previousHighest: number;
  /** For an operation of unknown outcome: the return that stood first, and whose turn it was. */
  readonly blocking: number;
  readonly turn: number;
  /** True when no alternative to this choice needs to be tried. */
  readonly forced: boolean;
}

/** Decides whether some order of the operations of one key explains every answer. */
export function searchOneKey<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  key: string,
  operations: readonly TimedOperation<Input, Output>[],
  stepsMax: number,
): SearchResult<State> {
  return new KeySearch(model, key, operations, stepsMax).run();
}

class KeySearch<State, Input, Output> {
  readonly #model: SequentialModel<State, Input, Output>;
  readonly #stepsMax: number;
  /** Answered operations by time of call; `#answeredIndex` leads back to the order given. */
  readonly #answered: TimedOperation<Input, Output>[];
  readonly #answeredIndex: number[];
  readonly #readOnly: boolean[];
  readonly #timeline: Timeline;
  readonly #classes: UnknownClass<Input>[];
  /** How many of each class the current order uses. */
  readonly #used: Uint16Array;
  readonly #frames: Frame<State>[] = [];
  readonly #stateIds = new Map<string | number, number>();
  readonly #seen = new Map<string, Uint16Array[]>();
  #remembered = 0;
  #state: State;
  #highest = -1;
  #steps = 0;
  #blockedRank = -1;
  #blockedOperation = -1;
  #blockedStates = new Map<string | number, State>();
  #blockedOrder: number[] = [];

  constructor(
    model: SequentialModel<State, Input, Output>,
    key: string,
    operations: readonly TimedOperation<Input, Output>[],
    stepsMax: number,
  ) {
    this.#model = model;
    this.#stepsMax = stepsMax;
    this.#state = model.initial(key);
    const indexes = operations.map((_, index) => index);
    const call = (index: number): number => operations[index]!.callMicroseconds;
    indexes.sort((a, b) => call(a) - call(b) || a - b);
    this.#answeredIndex = indexes.filter((index) => operations[index]!.returnMicroseconds !== null);
    this.#answered = this.#answeredIndex.map((index) => operations[index]!);
    this.#readOnly = this.#answered.map((operation) =>
      model.onlyReads(operation.input, operation.output as Output),
    );
    const unknown = indexes.filter((index) => operations[index]!.returnMicroseconds === null);
    this.#classes = classify(model, operations, unknown);
    this.#used = new Uint16Array(this.#classes.length);
    this.#timeline = new Timeline(
      this.#answered.map((operation) => ({
        callMicroseconds: operation.callMicroseconds,
        returnMicroseconds: operation.returnMicroseconds!,
      })),
    );
  }

  run(): SearchResult<State> {
    const timeline = this.#timeline;
    // Where to go on in the current configuration: an entry of the timeline, and once that is a
    // return, the turn of a class of unknown operations.
    let cursor = this.#enter();
    let turn = 0;
    while (timeline.first !== -1) {
      if (this.#steps > this.#stepsMax || this.#remembered > limits.rememberedConfigurationsMax) {
        return { verdict: 'unknown', steps: this.#steps };
      }
      if (cursor !== deadEnd && timeline.isCall(cursor)) {
        const next = this.#stateAfter(cursor);
        const chosen = next !== undefined && this.#order(cursor, next, false);
        cursor = chosen ? this.#enter() : timeline.next(cursor);
        turn = 0;
        continue;
      }
      if (cursor !== deadEnd) {
        if (turn === 0) this.#noteBlocked(cursor);
        if (this.#orderUnknown(cursor, turn)) {
          cursor = this.#enter();
          turn = 0;
          continue;
        }
      }
      const frame = this.#stepBack();
      if (frame === undefined) return this.#refuted();
      const isUnknown = frame.choice >= this.#answered.length;
      cursor = isUnknown ? frame.blocking : timeline.next(frame.choice);
      turn = isUnknown ? frame.turn + 1 : 0;
    }
    return { verdict: 'linearizable', steps: this.#steps };
  }

  /**
   * Orders every answered operation that fits and only reads. Returns where to go on, or
   * `deadEnd` when that leads to a configuration seen before: then so was all that follows.
   */
  #enter(): number {
    const timeline = this.#timeline;
    let cursor = timeline.first;
    while (cursor !== -1 && timeline.isCall(cursor)) {
      const next = this.#readOnly[cursor] ? this.#stateAfter(cursor) : undefined;
      if (next === undefined) cursor = timeline.next(cursor);
      else if (this.#order(cursor, next, true)) cursor = timeline.first;
      else return deadEnd;
    }
    return timeline.first;
  }

  #stateAfter(choice: number): State | undefined {
    const operation = this.#answered[choice]!;
    this.#steps += 1;
    return this.#model.step(this.#state, operation.input, operation.output as Output);
  }

  /** Orders an answered operation, unless the configuration after it was seen before. */
  #order(choice: number, next: State, forced: boolean): boolean {
    const previousState = this.#state;
    const previousHighest = this.#highest;
    this.#timeline.remove(choice);
    this.#state = next;
    this.#highest = Math.max(previousHighest, choice);
    if (this.#remember()) {
      this.#frames.push({ choice, previousState, previousHighest, blocking: -1, turn: -1, forced });
      return true;
    }
    this.#timeline.restore(choice);
    this.#state = previousState;
    this.#highest = previousHighest;
    return false;
  }

  /**
   * Orders one operation of unknown outcome, if any helps, from the given turn on. There are two
   * rounds of turns: first the classes that make the blocking operation fit at once, which is
   * nearly always why such an operation is needed, then the others.
   */
  #orderUnknown(blocking: number, from: number): boolean {
    const deadline = this.#timeline.timeMicroseconds(blocking);
    const blocked = this.#timeline.operationOf(blocking);
    const count = this.#classes.length;
    for (let turn = from; turn < 2 * count; turn++) {
      const index = turn % count;
      const unknown = this.#classes[index]!;
      const used = this.#used[index]!;
      const call = unknown.callsMicroseconds[used];
      this.#steps += 1;
      if (call === undefined || call > deadline) continue;
      const previousState = this.#state;
      const previousHighest = this.#highest;
      const next = this.#model.apply(previousState, unknown.input);
      if (this.#model.stateKey(next) === this.#model.stateKey(previousState)) continue;
      this.#state = next;
      const fits = this.#stateAfter(blocked) !== undefined;
      if (fits === turn < count) {
        this.#used[index] = used + 1;
        if (this.#remember()) {
          const choice = this.#answered.length + index;
          const forced = false;
          this.#frames.push({ choice, previousState, previousHighest, blocking, turn, forced });
          return true;
        }
        this.#used[index] = used;
      }
      this.#state = previousState;
    }
    return false;
  }

  /** Undoes choices up to and with the last one that has alternatives, and returns that one. */
  #stepBack(): Frame<State> | undefined {
    for (;;) {
      const frame = this.#frames.pop();
      if (frame === undefined) return undefined;
      this.#state = frame.previousState;
      this.#highest = frame.previousHighest;
      if (frame.choice < this.#answered.length) this.#timeline.restore(frame.choice);
      else this.#used[frame.choice - this.#answered.length]! -= 1;
      if (!frame.forced) return frame;
    }
  }

  /** Records the current configuration; false when it, or a better one, was seen before. */
  #remember(): boolean {
    const stateKey = this.#model.stateKey(this.#state);
    let stateId = this.#stateIds.get(stateKey);
    if (stateId === undefined) {
      stateId = this.#stateIds.size;
      this.#stateIds.set(stateKey, stateId);
    }
    const key = `${stateId}${this.#timeline.orderedKey(this.#highest)}`;
    const used = this.#classes.length === 0 ? this.#used : this.#used.slice();
    const seen = this.#seen.get(key);
    if (seen === undefined) {
      this.#seen.set(key, [used]);
      this.#remembered += 1;
      return true;
    }
    for (const earlier of seen) {
      this.#steps += 1;
      if (earlier.every((count, index) => count <= used[index]!)) return false;
    }
    seen.push(used);
    this.#remembered += 1;
    return true;
  }

  /** Keeps the furthest return that stopped an order: every order stops there or before. */
  #noteBlocked(entry: number): void {
    const rank = this.#timeline.rank(entry);
    if (rank < this.#blockedRank) return;
    if (rank > this.#blockedRank) {
      this.#blockedRank = rank;
      this.#blockedOperation = this.#timeline.operationOf(entry);
      this.#blockedStates = new Map();
      const last = this.#frames.slice(-limits.counterexampleOperationsMax);
      this.#blockedOrder = last.map((frame, index) =>
        this.#originalIndex(frame.choice, last.slice(index + 1)),
      );
    }
    if (this.#blockedStates.size < limits.counterexampleStatesMax) {
      this.#blockedStates.set(this.#model.stateKey(this.#state), this.#state);
    }
  }

  #originalIndex(choice: number, later: readonly Frame<State>[]): number {
    if (choice < this.#answered.length) return this.#answeredIndex[choice]!;
    const index = choice - this.#answered.length;
    const after = later.filter((frame) => frame.choice === choice).length;
    return this.#classes[index]!.operations[this.#used[index]! - 1 - after]!;
  }

  #refuted(): SearchResult<State> {
    assert(this.#blockedOperation !== -1, 'a refuted search has met a return it could not pass');
    return {
      verdict: 'not-linearizable',
      steps: this.#steps,
      blockage: {
        operation: this.#answeredIndex[this.#blockedOperation]!,
        states: [...this.#blockedStates.values()],
        ordered: this.#blockedOrder,
      },
    };
  }
}

function classify<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly TimedOperation<Input, Output>[],
  unknown: readonly number[],
): UnknownClass<Input>[] {
  const byInput = new Map<string, number[]>();
  for (const index of unknown) {
    const identity = JSON.stringify(operations[index]!.input);
    const members = byInput.get(identity);
    if (members === undefined) byInput.set(identity, [index]);
    else members.push(index);
  }
  const classes: UnknownClass<Input>[] = [];
  for (const members of byInput.values()) {
    const input = operations[members[0]!]!.input;
    if (members.length > limits.equalUnknownOperationsMax) {
      throw new CheckerError(
        'history-too-large',
        `${members.length} operations of unknown outcome are ${model.describeInput(input)}; ` +
          `at most ${limits.equalUnknownOperationsMax} on one key can be checked`,
      );
    }
    if (!model.canMatter(input, operations)) continue;
    classes.push({
      input,
      operations: members,
      callsMicroseconds: members.map((index) => operations[index]!.callMicroseconds),
    });
  }
  return classes;
}
