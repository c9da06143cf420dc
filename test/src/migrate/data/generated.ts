/** Generated installations of v1 with links, equal texts, collisions and rows that are refused. */
import type { Row } from '../../../../src/memory/exact-row.js';
import { SeededRandom } from '../../../../src/memory/seeded-random.js';
import type { V1Reading } from '../../../../src/v1/rows.js';
import { link, LINK_KEY, memoryReading, pattern } from './support.js';

export const NOW_MS = 1_796_000_000_000;

/** Two stores; the same numbers give the same rows. `early`: some of them, and some as they were before. */
export function generated(count: number, seed: number, when: 'now' | 'early' = 'now'): V1Reading[] {
  const was = (rows: readonly Row[], column: string): Row[] => {
    if (when === 'now') return [...rows];
    const early = rows.filter((_, at) => at % 3 !== 0);
    return early.map((row, at) =>
      at % 5 === 0 ? { ...row, [column]: `${row[column]} before` } : row,
    );
  };
  const random = new SeededRandom(seed);
  const pick = (most: number): number => Math.floor(random.fraction() * most);
  const patterns = Array.from({ length: count }, (_, at) => {
    return pattern(`p${at}`, `what number ${pick(count)} of ${count} taught`, {
      tags: [`t${pick(9)}`],
    });
  });
  const links = new Map<string, Row>();
  for (let each = 0; each < count; each += 1) {
    const [from, to] = [`p${pick(count)}`, `p${pick(count + 5)}`];
    links.set(`${from} ${to}`, link(from, to, 'refines', pick(12) / 10));
  }
  const entries = Array.from({ length: count / 4 }, (_, id): Row => {
    const expires = [null, NOW_MS / 1000 - 5, NOW_MS / 1000 + 5_000_000][pick(3)] ?? null;
    const namespace = ['default', 'team', `n${pick(4)}`][pick(3)] ?? '';
    return {
      id,
      key: `k${pick(count)}`,
      value: `value ${pick(50)}`,
      namespace,
      expires_at: expires,
    };
  });
  const episodes = Array.from({ length: count / 4 }, (_, id): Row => {
    return {
      id,
      ts: 1_795_000_000 + id,
      session_id: 's',
      task: `task ${pick(20)}`,
      output: 'done',
    };
  });
  const embeddings = Array.from({ length: count / 4 }, (_, id): Row => {
    return { episode_id: id * 2, embedding: new Uint8Array(1536).fill(1 + pick(90)) };
  });
  return [
    memoryReading({
      patterns: { key: 'id', rows: was(patterns, 'pattern_data') },
      pattern_links: {
        key: LINK_KEY,
        rows: [...links.values()].filter((_, at) => when === 'now' || at % 4 > 0),
      },
      memory_entries: { key: 'id', rows: was(entries, 'value') },
    }),
    memoryReading(
      {
        episodes: { key: 'id', rows: was(episodes, 'task') },
        episode_embeddings: { key: 'episode_id', rows: embeddings },
        memory_entries: { key: 'id', rows: was(entries.toReversed(), 'value') },
      },
      { name: 'agentdb.db', family: 'agentdb', format: 'C' },
    ),
  ];
}

/** An embedder whose vectors follow from the texts and take their time. */
export function slowEmbedder(delayMs: number): import('../../../../src/memory/engine.js').Embedder {
  return {
    model: 'of-lengths',
    dimensions: 8,
    embed: async (texts) => {
      await new Promise((resolve) => {
        setTimeout(resolve, delayMs);
      });
      return texts.map((text) => {
        const vector = new Float32Array(8).fill(0.1);
        for (let at = 0; at < text.length; at += 1) {
          vector[at % 8] = (vector[at % 8] ?? 0) + text.charCodeAt(at) / 1000;
        }
        return vector;
      });
    },
    close: async () => undefined,
  };
}
