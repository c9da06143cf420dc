import type { QuicheStream } from './quiche-stream.js';

/** What an incremental stream sends before it is the turn of the next. */
const PIECE_BYTES = 16 * 1024;

/**
 * Refills the engine from the queues of streams that wait (RFC 9218 10): the most urgent first; among
 * equals those that are not incremental one after another, then the others in turns.
 */
export function flushByPriority(waiting: ReadonlySet<QuicheStream>): void {
  if (waiting.size <= 1) {
    for (const stream of waiting) stream.flushQueue(Number.POSITIVE_INFINITY);
    return;
  }
  const streams = [...waiting].sort(
    (one, other) =>
      one.urgency - other.urgency ||
      Number(one.isIncremental) - Number(other.isIncremental) ||
      one.id - other.id,
  );
  for (let from = 0; from < streams.length;) {
    const first = streams[from] as QuicheStream;
    let to = from + 1;
    while (to < streams.length && isEqual(first, streams[to] as QuicheStream)) to += 1;
    const group = streams.slice(from, to);
    if (first.isIncremental) flushInTurns(group, waiting);
    else for (const stream of group) stream.flushQueue(Number.POSITIVE_INFINITY);
    from = to;
  }
}

function isEqual(one: QuicheStream, other: QuicheStream): boolean {
  return one.urgency === other.urgency && one.isIncremental === other.isIncremental;
}

function flushInTurns(group: readonly QuicheStream[], waiting: ReadonlySet<QuicheStream>): void {
  for (let isProgress = true; isProgress;) {
    isProgress = false;
    for (const stream of group) {
      if (!waiting.has(stream)) continue;
      const before = stream.queuedBytes;
      stream.flushQueue(PIECE_BYTES);
      if (stream.queuedBytes < before || !waiting.has(stream)) isProgress = true;
    }
  }
}
