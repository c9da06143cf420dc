import { CheckerError } from './errors.js';
import { limits } from './limits.js';
import type { SequentialModel } from './model.js';
import { searchOneKey, type Blockage } from './search.js';

/** One call of a client, with the answer it got. */
export interface Operation<Input, Output> {
  readonly client: string | number;
  /** Operations on different keys are judged apart (locality: Herlihy and Wing 1990, theorem 1). */
  readonly key: string;
  readonly input: Input;
  /** The answer; ignored when `returnMicroseconds` is null. */
  readonly output: Output | null;
  readonly callMicroseconds: number;
  /**
   * Null when the outcome is unknown (a timeout, a lost connection): the operation may take effect
   * at any time after the call, or never. A call known to have had no effect is left out.
   */
  readonly returnMicroseconds: number | null;
}

/** 'unknown' means that the step limit was reached before an answer. */
export type LinearizabilityVerdict = 'linearizable' | 'not-linearizable' | 'unknown';

/** The verdict on a history. */
export interface LinearizabilityResult {
  readonly verdict: LinearizabilityVerdict;
  /** Steps of the search over all keys. */
  readonly steps: number;
  /** The first key that fails, or that could not be decided. */
  readonly key?: string;
  /** Text: the first answer that nothing explains, and what surrounds it. */
  readonly counterexample?: string;
}

/** Settings of a check. */
export interface LinearizabilityOptions {
  /** Steps of the search over all keys together, about a microsecond each; shared out so that no key starves the others. */
  readonly maxSteps?: number;
}

/**
 * Decides whether a history is linearizable: whether each operation can be given one moment
 * between its call and its return such that the answers are those of `model` run in that order.
 *
 * The time of both clocks is in microseconds of one clock, whole or not; only the order counts.
 */
export function checkLinearizability<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  options: LinearizabilityOptions = {},
): LinearizabilityResult {
  const keys = [...partition(operations)];
  // Small keys first: what they leave of the budget goes to the large ones.
  keys.sort((a, b) => a[1].length - b[1].length);
  const stepsMax = options.maxSteps ?? limits.stepsMaxDefault;
  let steps = 0;
  let undecided: string | undefined;
  for (const [position, [key, own]] of keys.entries()) {
    const share = Math.floor((stepsMax - steps) / (keys.length - position));
    const result = searchOneKey(model, key, own, Math.max(share, 0));
    steps += result.steps;
    if (result.verdict === 'unknown') undecided ??= key;
    if (result.verdict === 'not-linearizable') {
      const counterexample = explain(model, key, own, result.blockage);
      return { verdict: 'not-linearizable', steps, key, counterexample };
    }
  }
  if (undecided !== undefined) return { verdict: 'unknown', steps, key: undecided };
  return { verdict: 'linearizable', steps };
}

function partition<Input, Output>(
  operations: readonly Operation<Input, Output>[],
): Map<string, Operation<Input, Output>[]> {
  if (operations.length > limits.historyOperationsMax) {
    throw new CheckerError(
      'history-too-large',
      `the history has ${operations.length} operations; ` +
        `at most ${limits.historyOperationsMax} can be checked at once`,
    );
  }
  const keys = new Map<string, Operation<Input, Output>[]>();
  for (const [index, operation] of operations.entries()) {
    const { callMicroseconds: call, returnMicroseconds: end } = operation;
    if (!Number.isFinite(call) || (end !== null && !(Number.isFinite(end) && end >= call))) {
      throw new CheckerError(
        'invalid-operation',
        `operation ${index} of client ${operation.client} is called at ${call} and returns at ` +
          `${end}: times must be finite, and a return no earlier than its call`,
      );
    }
    const own = keys.get(operation.key);
    if (own === undefined) keys.set(operation.key, [operation]);
    else own.push(operation);
  }
  return keys;
}

function explain<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  key: string,
  operations: readonly Operation<Input, Output>[],
  blockage: Blockage<State>,
): string {
  const line = (index: number): string => describe(model, operations[index]!);
  const failing = operations[blockage.operation]!;
  const deadline = failing.returnMicroseconds!;
  const most = limits.counterexampleOperationsMax;
  const ordered = new Set(blockage.ordered);
  const overlapping = operations
    .map((operation, index) => ({ operation, index }))
    .filter(
      ({ operation, index }) =>
        index !== blockage.operation &&
        !ordered.has(index) &&
        operation.callMicroseconds <= deadline &&
        (operation.returnMicroseconds ?? Infinity) >= deadline,
    );
  const states = blockage.states.map((state) => String(model.stateKey(state)));
  const lines = [
    `key ${JSON.stringify(key)}: no order of the operations up to ${deadline} us explains`,
    `  ${describe(model, failing)}`,
    `states that are possible before it: ${states.map(shortened).join(' | ')}`,
  ];
  if (blockage.ordered.length > 0) {
    lines.push('the end of one order that gets this far:', ...blockage.ordered.map(indented(line)));
  }
  if (overlapping.length > 0) {
    lines.push('open at that time, and no help:');
    lines.push(...overlapping.slice(0, most).map(({ index }) => `  ${line(index)}`));
    if (overlapping.length > most) lines.push(`  and ${overlapping.length - most} more`);
  }
  return lines.join('\n');
}

function indented(line: (index: number) => string): (index: number) => string {
  return (index) => `  ${line(index)}`;
}

function shortened(text: string): string {
  const most = limits.printedValueCharactersMax;
  return text.length <= most ? text : `...${text.slice(-most)}`;
}

function describe<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operation: Operation<Input, Output>,
): string {
  const known = operation.returnMicroseconds !== null;
  const answer = known
    ? model.describeOutput(operation.input, operation.output as Output)
    : 'unknown';
  const end = known ? `${operation.returnMicroseconds} us` : 'never';
  return (
    `client ${operation.client}: ${model.describeInput(operation.input)} = ${answer}, ` +
    `called ${operation.callMicroseconds} us, returned ${end}`
  );
}
