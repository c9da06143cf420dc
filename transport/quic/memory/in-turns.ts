/** What decides when a stream is served (RFC 9218 4). */
export interface Ranked {
  readonly id: number;
  readonly urgency: number;
  readonly isIncremental: boolean;
}

/**
 * Serves streams in the order of their priorities. `serve` does one piece of work for a stream and
 * says whether more is left: streams that are not incremental are served to their end in the order
 * of their ids, the others of the same urgency take turns after them.
 */
export function inTurns<T extends Ranked>(
  streams: Iterable<T>,
  serve: (stream: T) => boolean,
): void {
  const ranked = [...streams].sort(
    (a, b) =>
      a.urgency - b.urgency || Number(a.isIncremental) - Number(b.isIncremental) || a.id - b.id,
  );
  for (let start = 0; start < ranked.length;) {
    const first = ranked[start]!;
    let end = start + 1;
    if (first.isIncremental) {
      while (ranked[end]?.urgency === first.urgency) end += 1;
    }
    for (let group = ranked.slice(start, end); group.length > 0;) group = group.filter(serve);
    start = end;
  }
}
