/** A stable sort that can pause: runs are sorted at once, then merged. */
import { SORTED_AT_ONCE_MAX } from './limits.js';
import type { Work } from './work.js';

/** Returns the elements in order; the given array is used up. */
export function* sortInSteps<T>(
  elements: T[],
  compare: (a: T, b: T) => number,
  work: Work,
): Generator<undefined, T[]> {
  if (elements.length <= SORTED_AT_ONCE_MAX) return elements.sort(compare);
  let source = elements;
  for (let start = 0; start < source.length; start += SORTED_AT_ONCE_MAX) {
    const run = source.slice(start, start + SORTED_AT_ONCE_MAX).sort(compare);
    for (const [at, element] of run.entries()) source[start + at] = element;
    if (work.pass(SORTED_AT_ONCE_MAX)) yield;
  }
  for (let width = SORTED_AT_ONCE_MAX; width < source.length; width *= 2) {
    const merged: T[] = [];
    for (let start = 0; start < source.length; start += 2 * width) {
      let left = start;
      let right = Math.min(start + width, source.length);
      const [leftEnd, rightEnd] = [right, Math.min(start + 2 * width, source.length)];
      while (left < leftEnd || right < rightEnd) {
        const takesLeft =
          right >= rightEnd ||
          (left < leftEnd && compare(source[left] as T, source[right] as T) <= 0);
        merged.push(source[takesLeft ? left++ : right++] as T);
        if (work.pass()) yield;
      }
    }
    source = merged;
  }
  return source;
}

/** Order of ids and relations: that of their UTF-16 units, as everywhere in the engines. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
