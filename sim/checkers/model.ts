/**
 * The sequential specification of an object, as in Herlihy and Wing, "Linearizability" (1990),
 * section 2: what each operation may return in each state, when operations do not overlap.
 *
 * States, inputs and outputs are plain immutable data; a state is never `undefined`.
 */
export interface SequentialModel<State, Input, Output> {
  readonly name: string;

  /** The state of an object that nobody has touched. */
  initial(key: string): State;

  /**
   * The state after `input` answered `output` in `state`, or `undefined` when that answer is
   * impossible there.
   */
  step(state: State, input: Input, output: Output): State | undefined;

  /** The state after `input` took effect in `state` and nobody saw the answer. */
  apply(state: State, input: Input): State;

  /** Whether an operation with this answer leaves every state as it is. */
  onlyReads(input: Input, output: Output): boolean;

  /** Equal for two states exactly when no later operation can tell them apart. */
  stateKey(state: State): string | number;

  /** One line for a reader, for example `write 4`. */
  describeInput(input: Input): string;

  /** One line for a reader, for example `nil`. */
  describeOutput(input: Input, output: Output): string;

  /**
   * Whether an operation whose outcome nobody knows can help to explain the operations that were
   * answered. Answering `true` is always correct; `false` lets the search leave it out.
   */
  canMatter(input: Input, others: readonly ModelOperation<Input, Output>[]): boolean;
}

/** What a model sees of an operation. */
export interface ModelOperation<Input, Output> {
  readonly input: Input;
  /** Ignored when `returnMicroseconds` is null. */
  readonly output: Output | null;
  /** Null when the caller never learned the outcome. */
  readonly returnMicroseconds: number | null;
}
