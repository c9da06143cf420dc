/**
 * Finds the links that v1's `consolidate()` drew by mistake. It reads each embedding's bytes as if
 * every byte were a component, so that unrelated memories look 0.71 to 0.85 alike, and links every
 * pair above its threshold whose outcomes differ. The wrong weight is that cosine of bytes to the
 * last bit, which proves where the link came from. Where an embedding is gone, the link's time
 * inside a recorded consolidation and its weight of a computed number stand in for the proof.
 *
 * Done once, when the v1 file is first opened and before any command changes it: all nodes start
 * from the same file and so come to the same verdicts.
 */
import type { Database, SqlValue } from './database.js';
import { columnsOf, textOf } from './exact-row.js';
import { EMBEDDINGS_CACHED_MAX } from './limits.js';
import { isV1HashEmbedding } from './v1-hash-embedding.js';
import { cosine, vectorOfBytes } from './vector-bytes.js';

/** v1's default thresholds (reasoningbank.yaml, `consolidate`). */
const THRESHOLDS: Readonly<Record<string, number>> = { contradicts: 0.6, duplicate_of: 0.87 };
/** SQLite's times have seconds, so the window of a run is that much wider at both ends. */
const WINDOW_SLACK_SECONDS = 2;

/** A row of `pattern_links` as far as its origin shows in it. */
export interface Link {
  readonly from: string;
  readonly to: string;
  readonly relation: string;
  readonly weight: number;
  readonly createdAt: string;
}

interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Links drawn by the bug, as the key of each row. */
export function* poisonedLinks(
  database: Database,
): IterableIterator<readonly [from: string, to: string, relation: string]> {
  const isPoisonedLink = linkJudge(database);
  const rows = database.iterate(
    `SELECT src_id, dst_id, relation, weight, created_at FROM pattern_links
     WHERE relation IN ('contradicts', 'duplicate_of') AND typeof(weight) = 'real'
       AND typeof(src_id) = 'text' AND typeof(dst_id) = 'text'
     ORDER BY src_id, dst_id`,
  );
  for (const [from, to, relation, weight, createdAt] of rows) {
    const link: Link = {
      from: textOf(from),
      to: textOf(to),
      relation: textOf(relation),
      weight: Number(weight),
      createdAt: textOf(createdAt),
    };
    if (isPoisonedLink(link)) yield [link.from, link.to, link.relation];
  }
}

/**
 * Judges links one by one, best in the order of their ends: a bounded number of embeddings is held. `runs`
 * may be left empty where those of the database cannot be read.
 */
export function linkJudge(
  database: Database,
  runs: readonly Window[] = consolidations(database),
): (link: Link) => boolean {
  const embeddings = new Embeddings(database);
  return (link) => isPoisoned(link, embeddings, runs);
}

function isPoisoned(link: Link, embeddings: Embeddings, runs: readonly Window[]): boolean {
  const a = embeddings.bytes(link.from);
  const b = embeddings.bytes(link.to);
  if (a === undefined || b === undefined) return isFromRun(link, embeddings, runs);
  if (a.length !== b.length || a.length === 0 || cosine(a, b) !== link.weight) return false;
  // Equal bytes: the same text twice. v1 without the bug would have drawn this link too.
  if (Buffer.compare(a, b) === 0) return false;
  return !isAlikeByModel(link, a, b, embeddings);
}

/** Vectors of a real model that are as near as v1 demands: the link is right, only its weight is not. */
function isAlikeByModel(link: Link, a: Uint8Array, b: Uint8Array, embeddings: Embeddings): boolean {
  const left = vectorOfBytes(a);
  const right = vectorOfBytes(b);
  if (cosine(left, right) < (THRESHOLDS[link.relation] ?? 1)) return false;
  const isHash =
    isV1HashEmbedding(left, embeddings.texts(link.from)) ||
    isV1HashEmbedding(right, embeddings.texts(link.to));
  return !isHash;
}

function isFromRun(link: Link, embeddings: Embeddings, runs: readonly Window[]): boolean {
  if (link.weight < (THRESHOLDS[link.relation] ?? 1) || link.weight >= 1) return false;
  // A person or a program that sets a weight writes few digits; a computed cosine has sixteen.
  if (Number(link.weight.toPrecision(9)) === link.weight) return false;
  const at = Date.parse(`${link.createdAt.replace(' ', 'T')}Z`);
  if (!runs.some((run) => at >= run.fromMs && at <= run.toMs)) return false;
  return embeddings.exists(link.from) && embeddings.exists(link.to);
}

/** When links of past consolidations were written. */
function consolidations(database: Database): Window[] {
  const columns = columnsOf(database, 'consolidation_runs');
  if (!['created_at', 'duration_ms', 'contradictions_found'].every((c) => columns.includes(c))) {
    return [];
  }
  const runs = database.all(
    `SELECT created_at, duration_ms FROM consolidation_runs
     WHERE contradictions_found > 0 OR duplicates_found > 0`,
  );
  return runs.flatMap(([createdAt, durationMs]: SqlValue[]) => {
    const endMs = Date.parse(`${textOf(createdAt).replace(' ', 'T')}Z`);
    const slackMs = WINDOW_SLACK_SECONDS * 1000;
    const startMs = endMs - Number(durationMs);
    return Number.isNaN(startMs) ? [] : [{ fromMs: startMs - slackMs, toMs: endMs + slackMs }];
  });
}

/** Embeddings by memory, a bounded number of them in memory. */
class Embeddings {
  readonly #database: Database;
  readonly #held = new Map<string, Uint8Array | undefined>();

  constructor(database: Database) {
    this.#database = database;
  }

  bytes(id: string): Uint8Array | undefined {
    if (this.#held.has(id)) return this.#held.get(id);
    if (this.#held.size >= EMBEDDINGS_CACHED_MAX) this.#held.clear();
    const row = this.#database.get(`SELECT vector FROM pattern_embeddings WHERE id = ?`, id);
    const bytes = row?.[0] instanceof Uint8Array ? Uint8Array.from(row[0]) : undefined;
    this.#held.set(id, bytes);
    return bytes;
  }

  exists(id: string): boolean {
    return this.#database.get(`SELECT 1 FROM patterns WHERE id = ?`, id) !== undefined;
  }

  /** The texts that v1 and claude-flow embed for a memory. */
  texts(id: string): string[] {
    const row = this.#database.get(`SELECT pattern_data FROM patterns WHERE id = ?`, id);
    try {
      const data = JSON.parse(textOf(row?.[0])) as Record<string, unknown>;
      const { title, description, content } = data;
      return [`${title} ${description} ${content}`, String(content), `${title} ${content}`];
    } catch {
      return [];
    }
  }
}
