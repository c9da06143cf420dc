/** What the release before sends and takes. */
import { existsSync, readdirSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { createMessage } from '../../../consensus/raft/index.js';
import { PushedSnapshots, sendSnapshot } from '../../../nodes/snapshots/push.js';
import { decode, encode } from '../../../nodes/wire/fields.js';
import { RandomStream } from '../../../sim/world/random.js';
import { State, plain, scratch, seedOf, someRecords } from './support.js';

const random = new RandomStream(seedOf('pushed snapshots'), 'push');
const message = createMessage({ type: 'snapshot', from: 1, to: 2, term: 5 });
const small = new State([{ table: 't', row: { a: 'x' } }], 7);

/** Bytes of version 1, the only one there is. They never change. */
const GOLDEN_CHUNK =
  '95ae736e617073686f742d6368756e6b01a3352d370091c4109401a1749193a161a474657874a178c0';
const GOLDEN_END =
  '97ac736e617073686f742d656e6401a3352d3701c4720108020200000000000000010000000000000005000000' +
  '000000000000000000000000000000000000000000000000000000000000000000000000000007000000000000' +
  '000200000000000000000300010000000000000002000000000000000300000000000000000000000000000000' +
  '00c403010203c420c10c228355949f6b9cd210c608ed0522b3181903d06f06db0b390f121a6aa5e4';

async function pushed(state: State): Promise<[string, Uint8Array][]> {
  const sent: [string, Uint8Array][] = [];
  await sendSnapshot(message, state.view(), (method, payload) => {
    sent.push([method, encode(payload)]);
    return Promise.resolve(null);
  });
  return sent;
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
const payloadOf = (bytes: Uint8Array): unknown => decode(bytes, 'payload');

describe('a pushed snapshot', () => {
  it('has its golden bytes', async () => {
    const [chunk, end] = await pushed(small);
    expect([chunk?.[0], end?.[0]]).toEqual(['raft.snapshotChunk', 'raft.snapshotEnd']);
    expect(hex(chunk?.[1])).toBe(GOLDEN_CHUNK);
    expect(hex(end?.[1])).toBe(GOLDEN_END);
  });

  it('is understood by its golden bytes', async () => {
    const receiver = new PushedSnapshots(scratch('pushed'));
    await receiver.chunk(payloadOf(Buffer.from(GOLDEN_CHUNK, 'hex')));
    const received = await receiver.end(payloadOf(Buffer.from(GOLDEN_END, 'hex')));
    const { meta } = small.view();
    expect(received).toEqual({ ...message, snapshot: meta });
    const taken = receiver.take(meta);
    expect([...(taken?.records ?? [])].map(plain)).toEqual(small.records.map(plain));
    expect([...(taken?.controlState ?? [])]).toEqual([1, 2, 3]);
    expect(receiver.take({ ...meta, index: 8 })).toBeUndefined();
  });

  it('of many chunks arrives whole, and is forgotten when it is installed', async () => {
    const directory = scratch('pushed');
    const receiver = new PushedSnapshots(directory);
    const state = new State(someRecords(2_000_000, random), 30);
    const sent = await pushed(state);
    expect(sent.length).toBeGreaterThan(3);
    for (const [method, bytes] of sent) {
      if (method === 'raft.snapshotChunk') await receiver.chunk(payloadOf(bytes));
      else await receiver.end(payloadOf(bytes));
    }
    const taken = receiver.take(state.view().meta);
    expect([...(taken?.records ?? [])].map(plain)).toEqual(state.records.map(plain));
    await receiver.forget(30);
    expect(readdirSync(directory)).toEqual([]);
    expect(existsSync(directory)).toBe(true);
  });

  it('with a part that is missing or changed is refused', async () => {
    const receiver = new PushedSnapshots(scratch('pushed'));
    const sent = await pushed(new State(someRecords(1_500_000, random), 30));
    const [first, second, third] = sent.map(([, bytes]) => payloadOf(bytes));
    await receiver.chunk(first);
    await expect(receiver.chunk(third)).rejects.toThrow('does not follow');
    await receiver.chunk(second);
    const again = new PushedSnapshots(scratch('pushed'));
    const [chunk, end] = (await pushed(small)).map(([, bytes]) => payloadOf(bytes) as unknown[]);
    const [records] = (chunk?.[4] ?? []) as Uint8Array[];
    if (records !== undefined) records[0] = (records[0] ?? 0) ^ 1;
    await again.chunk(chunk);
    await expect(again.end(end)).rejects.toThrow('did not arrive as it was sent');
  });
});
