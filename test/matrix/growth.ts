/** What is required of the figures of `matrix:scale`, and how they are printed. Pure. */
import type { ScaleResult } from './scale.js';
import { columnsOf } from './table.js';

/** What a run cost, by the batch, by the node and by the second. */
export interface Figures {
  readonly secondsPerBatch: number;
  readonly entriesPerNode: number;
  readonly entryBytesPerNode: number;
  readonly messagesPerNodeSecond: number;
  readonly kilobytesPerNodeSecond: number;
  /** What the busiest node sends, for each node of the swarm. */
  readonly busiestPerNodeSecond: number;
}

/**
 * By how much a figure may exceed that of the smallest swarm, in a calm world and under faults. What the
 * busiest node sends is less where leadership moved half-way.
 */
const GROWTH_MAX: readonly (readonly [name: keyof Figures, calm: number, faults: number])[] = [
  ['secondsPerBatch', 1.5, 4],
  ['entriesPerNode', 1.25, 2],
  ['entryBytesPerNode', 1.25, 2],
  ['messagesPerNodeSecond', 2, 2.5],
  ['kilobytesPerNodeSecond', 2, 2.5],
  ['busiestPerNodeSecond', 2.5, 3],
];
/** Engines go back by one entry: what lasts no longer than this has no rate, and no time that grows. */
const MOMENT_SECONDS = 0.5;
const OF_TIME: ReadonlySet<keyof Figures> = new Set([
  'secondsPerBatch',
  'messagesPerNodeSecond',
  'kilobytesPerNodeSecond',
  'busiestPerNodeSecond',
]);

export function figuresOf({ load, nodes }: ScaleResult): Figures | undefined {
  if (load === undefined) return undefined;
  const seconds = load.microseconds / 1e6;
  return {
    secondsPerBatch: seconds / load.batches,
    entriesPerNode: load.entries / nodes,
    entryBytesPerNode: load.entryBytes / nodes,
    messagesPerNodeSecond: load.messages / nodes / seconds,
    kilobytesPerNodeSecond: load.messageBytes / 1e3 / nodes / seconds,
    busiestPerNodeSecond: load.messagesOfBusiest / nodes / seconds,
  };
}

/** What does not hold, a sentence each: a run that failed, a figure that grows with the swarm. */
export function faultsOf(results: readonly ScaleResult[]): string[] {
  return results.flatMap((result) => {
    const { load, failure, way } = result;
    const figures = figuresOf(result);
    if (load === undefined || figures === undefined) return [`${nameOf(result)}: ${failure}`];
    const smallest = smallestLike(result, results);
    const least = smallest === undefined ? undefined : figuresOf(smallest);
    if (smallest === undefined || least === undefined) return [];
    const isMoment = load.microseconds / 1e6 <= MOMENT_SECONDS;
    return GROWTH_MAX.flatMap(([figure, calm, faults]) => {
      const max = way.endsWith('faults') ? faults : calm;
      const times = figures[figure] / least[figure];
      if (times <= max || (isMoment && OF_TIME.has(figure))) return [];
      const grows = `${figure} is ${times.toFixed(2)} times that of ${smallest.nodes} nodes`;
      return [`${nameOf(result)}: ${grows}; at most ${max}`];
    });
  });
}

/** The smallest swarm with more than one batch that was rolled in the same way; undefined if none is smaller. */
function smallestLike(
  { kind, way, batchSize, nodes }: ScaleResult,
  results: readonly ScaleResult[],
): ScaleResult | undefined {
  return results
    .filter((one) => one.kind === kind && one.way === way && one.batchSize === batchSize)
    .filter((one) => one.nodes > batchSize && one.nodes < nodes)
    .toSorted((a, b) => a.nodes - b.nodes)[0];
}

export function scaleTable(results: readonly ScaleResult[]): string {
  const heads = [
    'nodes, batch',
    'batches',
    'seconds',
    's/batch',
    'entries/node',
    'bytes/node',
    'messages/node/s',
    'kB/node/s',
    'busiest/node/s',
  ];
  const lines = results.map((result) => {
    const { load } = result;
    const figures = figuresOf(result);
    if (load === undefined || figures === undefined) return [nameOf(result), 'FAILED'];
    return [
      nameOf(result),
      String(load.batches),
      (load.microseconds / 1e6).toFixed(1),
      figures.secondsPerBatch.toFixed(2),
      figures.entriesPerNode.toFixed(1),
      figures.entryBytesPerNode.toFixed(0),
      figures.messagesPerNodeSecond.toFixed(0),
      figures.kilobytesPerNodeSecond.toFixed(1),
      figures.busiestPerNodeSecond.toFixed(0),
    ];
  });
  return columnsOf([heads, ...lines]);
}

function nameOf({ kind, way, nodes, batchSize }: ScaleResult): string {
  return `${kind} ${way}: ${nodes} nodes by ${batchSize}`;
}
