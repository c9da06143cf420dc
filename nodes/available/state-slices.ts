/** A whole state is made in slices, between which a node does its other work. */
import type { StateCut } from '../../consensus/crdt/index.js';
import { SLICE_BYTES_MAX, SLICE_ITEMS_MAX } from './limits.js';

/** Items after which the bytes are looked at. */
const ITEMS_AT_ONCE = 16;

/** Does so much of a state as takes a few milliseconds. */
export function advanceSlice(cut: StateCut): void {
  const bytesEnd = cut.bytes + SLICE_BYTES_MAX;
  for (let items = 0; items < SLICE_ITEMS_MAX && cut.bytes < bytesEnd && !cut.isDone;) {
    items += cut.advance(ITEMS_AT_ONCE);
  }
}
