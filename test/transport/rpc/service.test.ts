import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  ConnectionPool,
  clientStreaming,
  defineService,
  duplexStreaming,
  serverStreaming,
  serviceClient,
  serviceHandlers,
  unary,
  type Implementation,
} from '../../../transport/rpc/index.js';
import { addressOf, listen, pairWith, rejection } from './pair.js';
import { WITHIN, until } from '../../waiting.js';

const number = (value: unknown): number => {
  if (typeof value !== 'number') throw new Error('a number is wanted');
  return value;
};
const person = z.object({ name: z.string(), age: z.number() });

const greeter = defineService('greeter', {
  greet: unary(person, z.string(), { idempotent: true }),
  countdown: serverStreaming(number, number),
  add: clientStreaming(number, number),
  double: duplexStreaming(number, number),
});

const implementation: Implementation<typeof greeter.methods> = {
  greet: ({ name, age }) => `hello ${name}, ${age + 1} next year`,
  countdown: async function* (from) {
    for (let left = from; left > 0; left -= 1) yield left;
  },
  add: async (numbers) => {
    let sum = 0;
    for await (const each of numbers) sum += each;
    return sum;
  },
  double: async function* (numbers) {
    for await (const each of numbers) yield each * 2;
  },
};

async function all<Value>(messages: AsyncIterable<Value>): Promise<Value[]> {
  const list: Value[] = [];
  for await (const message of messages) list.push(message);
  return list;
}

describe('a service', () => {
  it('names the method that has no handler', () => {
    const { add: _, ...rest } = implementation;
    expect(() => serviceHandlers(greeter, rest as typeof implementation)).toThrow(
      'greeter.add has no handler',
    );
  });

  it('is called by its methods, of all four kinds, with its types', async () => {
    const { connection } = await pairWith(serviceHandlers(greeter, implementation));
    const client = serviceClient(greeter, connection);
    const greeting: string = await client.greet({ name: 'Ada', age: 36 }, WITHIN);
    expect(greeting).toBe('hello Ada, 37 next year');
    const numbers: number[] = await all(client.countdown(3, WITHIN));
    expect(numbers).toEqual([3, 2, 1]);
    expect(await client.add([1, 2, 3], WITHIN)).toBe(6);
    expect(await all(client.double([1, 2], WITHIN))).toEqual([2, 4]);
    expect(await connection.call('greeter.greet', { name: 'x', age: 0 }, WITHIN)).toMatch(/^hello/);
  });

  it('is called through a pool as well', async () => {
    const server = await listen({}, { methods: serviceHandlers(greeter, implementation) });
    const pool = new ConnectionPool(await listen());
    const client = serviceClient(greeter, pool.to(addressOf(server)));
    expect(await client.add([1, 2, 3], WITHIN)).toBe(6);
    expect(await all(client.countdown(2, WITHIN))).toEqual([2, 1]);
    expect(await all(client.double([1, 2], WITHIN))).toEqual([2, 4]);
    await pool.close();
  });

  it('refuses a request that does not parse, before its handler runs', async () => {
    let runs = 0;
    const { connection } = await pairWith(
      serviceHandlers(greeter, {
        ...implementation,
        greet: () => {
          runs += 1;
          return '';
        },
      }),
    );
    expect(await rejection(connection.call('greeter.greet', { name: 5 }, WITHIN))).toMatchObject({
      code: 'malformed',
      message: expect.stringContaining(
        "the request for 'greeter.greet' is not what it takes",
      ) as string,
    });
    expect(runs).toBe(0);
    const messages = connection.serverStream('greeter.countdown', 'three', WITHIN);
    expect(await rejection(all(messages))).toMatchObject({
      code: 'malformed',
      message: "the request for 'greeter.countdown' is not what it takes: a number is wanted",
    });
  });

  it('refuses a message in the middle that does not parse, and the call with it', async () => {
    const { server, connection } = await pairWith(serviceHandlers(greeter, implementation));
    expect(
      await rejection(connection.clientStream('greeter.add', [1, 'two', 3], WITHIN)),
    ).toMatchObject({ code: 'malformed' });
    expect(
      await rejection(all(connection.duplex('greeter.double', [1, 'two'], WITHIN))),
    ).toMatchObject({ code: 'malformed' });
    await until(() => [...server.connections()][0]?.stats().handlersRunning === 0);
  });

  it('refuses answers that do not parse, and cancels the call', async () => {
    let isCleared = false;
    const { connection } = await pairWith({
      'greeter.greet': { kind: 'unary', handler: () => 5 },
      'greeter.add': { kind: 'client-stream', handler: () => 'five' },
      'greeter.countdown': {
        kind: 'server-stream',
        handler: async function* () {
          try {
            for (;;) yield await Promise.resolve('five');
          } finally {
            isCleared = true;
          }
        },
      },
    });
    const client = serviceClient(greeter, connection);
    expect(await rejection(client.greet({ name: '', age: 1 }, WITHIN))).toMatchObject({
      code: 'malformed',
      message: expect.stringContaining("the answer to 'greeter.greet'") as string,
    });
    expect(await rejection(client.add([], WITHIN))).toMatchObject({ code: 'malformed' });
    expect(await rejection(all(client.countdown(1, WITHIN)))).toMatchObject({ code: 'malformed' });
    await until(() => isCleared);
  });
});
