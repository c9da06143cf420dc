import type { Methods } from '../../../transport/rpc/rpc.js';
import { rejection } from './pair.js';

export async function all(messages: AsyncIterable<unknown>): Promise<unknown[]> {
  const list: unknown[] = [];
  for await (const message of messages) list.push(message);
  return list;
}

/** What iterating ends with. */
export const failure = (messages: AsyncIterable<unknown>): Promise<unknown> =>
  rejection(all(messages));

export async function* count(to: number): AsyncGenerator<number> {
  for (let number = 0; number < to; number += 1) yield await Promise.resolve(number);
}

/** 0 + 1 + ... below `to`. */
export const sumTo = (to: number): number => (to === 0 ? 0 : (to * (to - 1)) / 2);

export const methods: Methods = {
  count: {
    kind: 'server-stream',
    handler: (payload) => count(Number(payload)),
  },
  list: { kind: 'server-stream', handler: (payload) => payload as unknown[] },
  sum: {
    kind: 'client-stream',
    handler: async (messages) => {
      let sum = 0;
      for await (const message of messages) sum += Number(message);
      return sum;
    },
  },
  echo: {
    kind: 'duplex',
    handler: async function* (messages) {
      for await (const message of messages) yield { got: message };
    },
  },
};
