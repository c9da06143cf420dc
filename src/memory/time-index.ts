/** Which memories are of which time: a sorted list in blocks, so that a change moves few entries. */
import { TIME_BLOCK_ENTRIES_MAX } from './limits.js';

interface Block {
  readonly times: number[];
  readonly ids: string[];
}

export class TimeIndex {
  readonly #times = new Map<string, number>();
  /** In the order of time; each has an entry. */
  readonly #blocks: Block[] = [];

  put(id: string, timeMs: number): void {
    this.delete(id);
    this.#times.set(id, timeMs);
    const at = Math.max(0, this.#firstBlockAfter(timeMs) - 1);
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push({ times: [timeMs], ids: [id] });
      return;
    }
    const place = firstAfter(block.times, timeMs);
    block.times.splice(place, 0, timeMs);
    block.ids.splice(place, 0, id);
    if (block.ids.length <= TIME_BLOCK_ENTRIES_MAX) return;
    const half = block.ids.length >> 1;
    this.#blocks.splice(at + 1, 0, {
      times: block.times.splice(half),
      ids: block.ids.splice(half),
    });
  }

  delete(id: string): void {
    const timeMs = this.#times.get(id);
    if (timeMs === undefined) return;
    this.#times.delete(id);
    // Of one time there may be many, over several blocks: from the last one back.
    for (let at = this.#firstBlockAfter(timeMs) - 1; at >= 0; at -= 1) {
      const block = this.#blocks[at]!;
      const place = block.ids.lastIndexOf(id);
      if (place < 0) continue;
      block.times.splice(place, 1);
      block.ids.splice(place, 1);
      if (block.ids.length === 0) this.#blocks.splice(at, 1);
      return;
    }
  }

  /** The memories from one time to another, both included. */
  between(fromMs: number, toMs: number): Set<string> {
    const found = new Set<string>();
    for (const { times, ids } of this.#blocks) {
      if (times.at(-1)! < fromMs) continue;
      if (times[0]! > toMs) break;
      for (let i = 0; i < ids.length; i += 1) {
        if (times[i]! >= fromMs && times[i]! <= toMs) found.add(ids[i]!);
      }
    }
    return found;
  }

  #firstBlockAfter(timeMs: number): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#blocks[middle]!.times[0]! <= timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function firstAfter(times: readonly number[], timeMs: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
