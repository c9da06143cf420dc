/** What is read after a failure of the disk may be in the memory of the system alone. */
import { expect, it } from 'vitest';

import { Held, exchange, nothing, value } from './held.js';

it('nobody hears of it before it is written again', () => {
  const before = new Held(1, nothing, false);
  before.core.put('a', value, { resolve: () => undefined, reject: () => undefined });
  const updates = before.written.flatMap((record) =>
    record.kind === 'update' ? [record.bytes] : [],
  );
  expect(updates).toHaveLength(1);
  const unsure = new Held(1, { ...nothing, replica: '1.x', updates }, true);
  expect(unsure.core.ids).toEqual(['a']);
  const other = new Held(2, nothing, false);
  exchange(unsure, other, false);
  expect(other.core.ids).toEqual([]);
  expect(unsure.written.length).toBeGreaterThan(0);
  unsure.persist();
  exchange(unsure, other);
  expect(other.core.ids).toEqual(['a']);
});
