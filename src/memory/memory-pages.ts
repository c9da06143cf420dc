/** Lists memories page by page in the order of their ids, whatever the file. */
import type { Memory, MemoryPage, PageQuery } from './engine.js';
import { MemoryError } from './errors.js';
import {
  LISTED_CHARACTERS_MAX,
  LISTED_ROWS_MAX,
  NAME_CHARACTERS_MAX,
  SEARCH_HITS_MAX,
} from './limits.js';
import { keyRanges } from './memory-key.js';
import { checkRange } from './metadata-index.js';

/** Texts of SQLite's order, from the first, or behind `after`, up to one that is not in it; null: no end. */
export interface IdRange {
  readonly from: string;
  readonly after: string | null;
  readonly to: string | null;
}

/** Reads at most so many rows and characters, of whatever time they are. Throws `invalid`. */
export function pageOfMemories(
  query: PageQuery,
  read: (range: IdRange) => Iterable<Memory>,
): MemoryPage {
  const { namespace, created, limit, after = null } = query;
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > SEARCH_HITS_MAX) {
    const sentence = `a page takes 1 to ${SEARCH_HITS_MAX} memories, not ${limit}`;
    throw new MemoryError('invalid', sentence);
  }
  if (after !== null && (typeof after !== 'string' || after.length > NAME_CHARACTERS_MAX)) {
    throw new MemoryError('invalid', 'a page begins behind an id, which this is not');
  }
  const { fromMs, toMs } = checkRange(created ?? {});
  const ranges = namespace === undefined ? ([['', null]] as const) : keyRanges(namespace);
  const memories: Memory[] = [];
  let rows = 0;
  let characters = 0;
  for (const [from, to] of ranges) {
    for (const memory of read({ from, after, to })) {
      const { id, content, createdAtMs } = memory;
      rows += 1;
      characters += content.length;
      if (createdAtMs >= fromMs && createdAtMs <= toMs) memories.push(memory);
      const isFull = memories.length >= limit || characters >= LISTED_CHARACTERS_MAX;
      if (isFull || rows >= LISTED_ROWS_MAX) return { memories, next: id };
    }
  }
  return { memories, next: null };
}

/** The end of a select for a range, and its values. */
export function rangeClause({ from, after, to }: IdRange): readonly [string, ...string[]] {
  const start =
    after === null || after < from ? (['id >= ?', from] as const) : (['id > ?', after] as const);
  return to === null
    ? [`WHERE ${start[0]} ORDER BY id`, start[1]]
    : [`WHERE ${start[0]} AND id < ? ORDER BY id`, start[1], to];
}

/** Finds a memory of a namespace other than `default`, or one with an odd id. */
export function namespacesClause(): readonly [string, ...string[]] {
  return ['WHERE id >= ? AND id < ? LIMIT 1', '\u001f', '\u0020'];
}
