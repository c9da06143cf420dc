import { describe, expect, it } from 'vitest';

import { pair } from './pair.js';
import { sleep, until } from '../../waiting.js';

describe('a notification', () => {
  it('reaches its handler, and its failure hurts nobody', async () => {
    const seen: unknown[] = [];
    const { connection } = await pair({
      note: (payload) => {
        seen.push(payload);
        if (payload === 0) throw new Error('sync');
        if (payload === 1) return Promise.reject(new Error('async'));
        return undefined;
      },
    });
    for (let number = 0; number < 5; number += 1)
      expect(connection.notify('note', number)).toBe(true);
    expect(connection.notify('unknown', null)).toBe(true);
    await until(() => seen.length === 5);
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    expect(connection.isOpen).toBe(true);
  });

  it('is not sent beyond the streams of the peer, and again when there is room', async () => {
    let count = 0;
    const { connection } = await pair(
      { note: () => (count += 1) },
      { server: { settings: { streamsMax: 10 } } },
    );
    const sent = Array.from({ length: 25 }, () => connection.notify('note', null));
    // The hello of the client had one of the ten.
    expect(sent).toEqual([...Array(9).fill(true), ...Array(16).fill(false)]);
    await until(() => count === 9);
    await until(() => connection.notify('note', null));
    for (let total = 0; total < 500;) {
      if (connection.notify('note', null)) total += 1;
      else await sleep(1);
    }
  });

  it('overtakes longer ones before it, unless they are in order', async () => {
    const long = new Uint8Array(600_000);
    for (const inOrder of [false, true]) {
      const seen: number[] = [];
      const { connection } = await pair({
        note: (payload) => void seen.push((payload as Uint8Array).length),
      });
      for (const payload of [long, long, new Uint8Array(1)]) {
        expect(connection.notify('note', payload, { inOrder })).toBe(true);
      }
      await until(() => seen.length === 3);
      expect(seen.at(inOrder ? -1 : 0)).toBe(1);
    }
  });

  it('is not sent when it cannot be, or the connection is closed', async () => {
    const { connection } = await pair({});
    expect(connection.notify('note', new Date())).toBe(false);
    await connection.close();
    expect(connection.notify('note', 1)).toBe(false);
  });
});
