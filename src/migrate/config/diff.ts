/** Unified diffs of short texts. */
import { DIFF_CELLS_MAX, DIFF_CONTEXT_LINES, DIFF_LINES_MAX } from './limits.js';

interface Line {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/**
 * `before` is null for a file that is made. Both have to be masked already. Longer than
 * `DIFF_LINES_MAX` lines, it ends with a line that says how many are left out.
 */
export function unifiedDiff(name: string, before: string | null, after: string): string {
  const old = before === null ? [] : linesOf(before);
  const lines = compare(old, linesOf(after));
  const hunks = hunksOf(lines);
  const left = hunks.length - DIFF_LINES_MAX;
  const shown = left > 0 ? [...hunks.slice(0, DIFF_LINES_MAX), `... ${left} more lines`] : hunks;
  return [`--- ${before === null ? '/dev/null' : `a/${name}`}`, `+++ b/${name}`, ...shown, ''].join(
    '\n',
  );
}

/** A line keeps its carriage return out of sight; a last line without an end is marked. */
function linesOf(text: string): string[] {
  if (text === '') return [];
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.at(-1) === '') lines.pop();
  else lines.push('\\ No newline at end of file');
  return lines;
}

function compare(old: readonly string[], fresh: readonly string[]): Line[] {
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start += 1;
  let end = 0;
  const rest = Math.min(old.length, fresh.length) - start;
  while (end < rest && old[old.length - 1 - end] === fresh[fresh.length - 1 - end]) end += 1;
  return [
    ...old.slice(0, start).map((text): Line => ({ sign: ' ', text })),
    ...middle(old.slice(start, old.length - end), fresh.slice(start, fresh.length - end)),
    ...old.slice(old.length - end).map((text): Line => ({ sign: ' ', text })),
  ];
}

/** The longest common subsequence, by the table of its lengths from each pair of places on. */
function middle(old: readonly string[], fresh: readonly string[]): Line[] {
  const removed = old.map((text): Line => ({ sign: '-', text }));
  const added = fresh.map((text): Line => ({ sign: '+', text }));
  if (old.length === 0 || fresh.length === 0) return [...removed, ...added];
  const width = fresh.length + 1;
  if ((old.length + 1) * width > DIFF_CELLS_MAX) return [...removed, ...added];
  const lengths = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = fresh.length - 1; j >= 0; j -= 1) {
      const below = lengths[(i + 1) * width + j]!;
      const right = lengths[i * width + j + 1]!;
      const both = lengths[(i + 1) * width + j + 1]! + 1;
      lengths[i * width + j] = old[i] === fresh[j] ? both : Math.max(below, right);
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < old.length && j < fresh.length) {
    if (old[i] === fresh[j]) {
      lines.push({ sign: ' ', text: old[i]! });
      i += 1;
      j += 1;
    } else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) {
      lines.push(removed[i]!);
      i += 1;
    } else {
      lines.push(added[j]!);
      j += 1;
    }
  }
  return [...lines, ...removed.slice(i), ...added.slice(j)];
}

function hunksOf(lines: readonly Line[]): string[] {
  const near = lines.map(() => false);
  lines.forEach(({ sign }, at) => {
    if (sign === ' ') return;
    const from = Math.max(0, at - DIFF_CONTEXT_LINES);
    near.fill(true, from, Math.min(lines.length, at + DIFF_CONTEXT_LINES + 1));
  });
  const result: string[] = [];
  let [oldLine, newLine] = [1, 1];
  for (let at = 0; at < lines.length;) {
    if (near[at] !== true) {
      oldLine += 1;
      newLine += 1;
      at += 1;
      continue;
    }
    let end = at;
    while (near[end] === true) end += 1;
    const hunk = lines.slice(at, end);
    const olds = hunk.filter(({ sign }) => sign !== '+').length;
    const news = hunk.filter(({ sign }) => sign !== '-').length;
    result.push(`@@ -${rangeOf(oldLine, olds)} +${rangeOf(newLine, news)} @@`);
    for (const { sign, text } of hunk) result.push(text.startsWith('\\ ') ? text : sign + text);
    oldLine += olds;
    newLine += news;
    at = end;
  }
  return result;
}

/** An empty range is named by the line before it. */
function rangeOf(first: number, count: number): string {
  const from = count === 0 ? first - 1 : first;
  return count === 1 ? `${from}` : `${from},${count}`;
}
