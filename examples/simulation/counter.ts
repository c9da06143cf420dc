/** What clients ask of a counter, and what they may be told: the specification of both examples. */
import type { SequentialModel } from '../../sim/index.js';

/** `add` answers the sum after it; `read` answers the sum. */
export type CounterOperation = { readonly add: number } | { readonly read: true };

/** A counter that begins at 0, on one computer that never fails. */
export const counter: SequentialModel<number, CounterOperation, number> = {
  name: 'counter',
  initial: () => 0,
  step(state, operation, answer) {
    const after = counter.apply(state, operation);
    return answer === after ? after : undefined;
  },
  apply: (state, operation) => ('add' in operation ? state + operation.add : state),
  onlyReads: (operation) => 'read' in operation,
  stateKey: (state) => state,
  describeInput: (operation) => ('add' in operation ? `add ${operation.add}` : 'read'),
  describeOutput: (_operation, answer) => String(answer),
  // An add of unknown outcome may explain any sum.
  canMatter: (operation) => 'add' in operation,
};
