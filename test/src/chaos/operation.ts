import type { ClientOperation } from '../../../src/chaos/operations.js';

/** An operation that was answered; times in microseconds. */
export function operation(
  fields: Pick<ClientOperation, 'kind' | 'id' | 'content'> & Partial<ClientOperation>,
): ClientOperation {
  return {
    client: 0,
    outcome: 'ok',
    callMicroseconds: 0,
    returnMicroseconds: 1,
    index: 1,
    servedBy: 'n1',
    error: '',
    ...fields,
  };
}

/** One operation after another, each from 10 * n to 10 * n + 5. */
export function inTurn(operations: readonly ClientOperation[]): ClientOperation[] {
  return operations.map((each, at) => {
    return { ...each, callMicroseconds: at * 10, returnMicroseconds: at * 10 + 5 };
  });
}
