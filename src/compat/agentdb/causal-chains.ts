/** Ways along causal edges, within bounds. */
import { CompatError } from '../errors.js';
import type { TableRow } from '../layout/table.js';
import { CHAIN_DEPTH_MAX, CHAINS_FOLLOWED_MAX, CHAINS_MAX } from './limits.js';
import { numberOf } from './columns.js';

const CONFIDENCE_MIN = 0.5;

interface Chain {
  readonly path: number[];
  readonly totalUplift: number;
  readonly confidence: number;
}

/** Without circles. Throws `invalid` where there are too many ways to follow them all. */
export function chainsBetween(
  rows: Iterable<TableRow>,
  from: number,
  to: number,
  maxDepth: number,
): Chain[] {
  const edges = new Map<number, { to: number; uplift: number; confidence: number }[]>();
  for (const row of rows) {
    const confidence = numberOf(row, 'confidence') ?? 0;
    if (confidence < CONFIDENCE_MIN) continue;
    const start = row['from_memory_id'] as number;
    const out = edges.get(start) ?? [];
    const uplift = numberOf(row, 'uplift') ?? 0;
    out.push({ to: row['to_memory_id'] as number, uplift, confidence });
    edges.set(start, out);
  }
  const found: Chain[] = [];
  let followed = 0;
  let level: Chain[] = [{ path: [from], totalUplift: 0, confidence: 1 }];
  for (let depth = 0; depth < Math.min(maxDepth, CHAIN_DEPTH_MAX) && level.length > 0; depth += 1) {
    const next: Chain[] = [];
    for (const { path, totalUplift, confidence } of level) {
      for (const edge of edges.get(path.at(-1) ?? from) ?? []) {
        if (path.includes(edge.to)) continue;
        followed += 1;
        if (followed > CHAINS_FOLLOWED_MAX) {
          const sentence = `there are more than ${CHAINS_FOLLOWED_MAX} ways from ${from}; ask for a smaller depth`;
          throw new CompatError('invalid', sentence);
        }
        const chain = {
          path: [...path, edge.to],
          totalUplift: totalUplift + edge.uplift,
          confidence: Math.min(confidence, edge.confidence),
        };
        if (edge.to === to) found.push(chain);
        next.push(chain);
      }
    }
    level = next;
  }
  return found.sort((a, b) => b.totalUplift - a.totalUplift).slice(0, CHAINS_MAX);
}
