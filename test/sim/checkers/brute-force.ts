import type { Operation } from '../../../sim/checkers/linearizability.js';
import type { SequentialModel } from '../../../sim/checkers/model.js';

/**
 * Linearizability by its definition, for histories of a few operations on one key: tries every
 * order of the answered operations with every subset of those of unknown outcome.
 */
export function isLinearizableByTrial<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): boolean {
  const placed = new Set<number>();
  const place = (state: State): boolean => {
    const open = operations.filter((_, index) => !placed.has(index));
    if (open.every((operation) => operation.returnMicroseconds === null)) return true;
    return operations.some((operation, index) => {
      if (placed.has(index)) return false;
      const late = open.some(
        (other) => (other.returnMicroseconds ?? Infinity) < operation.callMicroseconds,
      );
      if (late) return false;
      const next =
        operation.returnMicroseconds === null
          ? model.apply(state, operation.input)
          : model.step(state, operation.input, operation.output as Output);
      if (next === undefined) return false;
      placed.add(index);
      const found = place(next);
      placed.delete(index);
      return found;
    });
  };
  return place(model.initial(''));
}
