/** A member that joins gets everything, and the one that gives it goes on with its work meanwhile. */
import { expect, it } from 'vitest';

import { Replica, StateCut, decodeState } from '../../../consensus/crdt/index.js';
import { PIECE_BYTES, SLICE_BYTES_MAX, SLICE_ITEMS_MAX } from '../../../nodes/available/limits.js';
import { Outbox } from '../../../nodes/available/outbox.js';
import type { Piece } from '../../../nodes/available/pieces.js';
import { Pieces } from '../../../nodes/available/pieces.js';

const MEMORIES = 8_000;
const LARGE = 100;

it('a whole state is made in slices, between which writes are taken', () => {
  const replica = new Replica(
    { id: 'a', members: [], recordsPerSnapshot: Infinity, pieceBytes: PIECE_BYTES },
    { snapshot: null, records: [] },
  );
  const write = (key: string, bytes: number): void => {
    const value = new Uint8Array(bytes);
    const mutation = { type: 'write', path: [{ kind: 'multi-value', key }], value } as const;
    replica.step({ type: 'mutate', token: 1, mutation, nowMs: 1_000 });
  };
  for (let at = 0; at < MEMORIES; at += 1) write(`${at}`, at < LARGE ? 60_000 : 100);
  const expected = replica.state;

  // What each turn of the event loop does of it.
  const slices: { items: number; bytes: number }[] = [];
  class Counted extends StateCut {
    override advance(itemsMax: number): number {
      const bytes = this.bytes;
      const items = super.advance(itemsMax);
      const slice = slices.at(-1)!;
      slice.items += items;
      slice.bytes += this.bytes - bytes;
      return items;
    }
  }
  const later: (() => void)[] = [];
  const pieces = new Pieces();
  let whole: Uint8Array | undefined;
  const outbox = new Outbox({
    pieceBytes: PIECE_BYTES,
    call: (_to, method, payload, end) => {
      expect(method).toBe('available.piece');
      const piece = payload as Piece;
      expect(piece.bytes.length).toBeLessThanOrEqual(PIECE_BYTES);
      whole = pieces.take(1, piece);
      later.push(() => end('answered'));
    },
    monotonicMs: () => 0,
    soon: (work) => void later.push(work),
  });
  const cut = replica.cut(PIECE_BYTES, Uint8Array.of(1, 2));
  Object.setPrototypeOf(cut, Counted.prototype);
  outbox.sendState(1, 'n', cut);
  for (let turns = 0; later.length > 0; turns += 1) {
    slices.push({ items: 0, bytes: 0 });
    for (const work of later.splice(0)) work();
    // A slice goes on from where it was, though everything changes.
    write(`${turns * 7}`, 50);
    write(`new ${turns}`, 50);
  }
  expect(Buffer.from(whole ?? []).equals(Buffer.concat([Uint8Array.of(1, 2), expected]))).toBe(
    true,
  );
  expect(decodeState(expected).root.entries.size).toBe(MEMORIES);
  const [items, bytes] = [slices.map((one) => one.items), slices.map((one) => one.bytes)];
  expect(Math.max(...items)).toBeLessThan(SLICE_ITEMS_MAX + 16);
  // Those that are looked at together before the bytes are.
  expect(Math.max(...bytes)).toBeLessThan(SLICE_BYTES_MAX + 16 * 66_000);
  // Nothing of it is done beside the slices.
  expect(items.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(3 * MEMORIES);
  expect(bytes.reduce((sum, one) => sum + one, 0)).toBe(expected.length + 2);
});
