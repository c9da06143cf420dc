/** Episodes: what was tried in a session, and how it went. */
import type { JsonObject, MetadataFilter } from '../memory/engine.js';
import type { MemoryStore, StoreRecord } from '../memory/index.js';
import type { ProjectStore } from './project-store.js';
import { addRows, EPISODES, type NewRow, nowSeconds } from './rows.js';
import { storedNumber, storedText } from './values.js';

export interface NewEpisode {
  readonly sessionId: string;
  readonly task: string;
  /** 0 to 1. */
  readonly reward: number;
  readonly success: boolean;
  readonly critique?: string;
  readonly input?: string;
  readonly output?: string;
  readonly latencyMs?: number;
  readonly tokensUsed?: number;
  readonly tags?: readonly string[];
  readonly metadata?: JsonObject;
}

export interface Episode {
  /** A number as a text, but for those whose number was taken when they were migrated. */
  readonly id: string;
  readonly sessionId: string;
  readonly task: string;
  readonly reward: number;
  readonly isSuccess: boolean;
  readonly critique: string;
  readonly output: string;
  readonly latencyMs: number | undefined;
  readonly createdAtMs: number;
  readonly content: string;
  /** Cosine to what was asked for. */
  readonly similarity?: number;
}

export interface EpisodeQuery {
  readonly task: string;
  readonly limit: number;
  readonly minReward?: number | undefined;
  readonly onlySuccesses?: boolean;
  readonly onlyFailures?: boolean;
  readonly sessionId?: string | undefined;
  /** One of these is enough. */
  readonly tags?: readonly string[];
  readonly minSimilarity?: number;
}

/** Returns the numbers of the episodes. */
export async function storeEpisodes(
  project: ProjectStore,
  store: MemoryStore,
  episodes: readonly NewEpisode[],
): Promise<number[]> {
  return addRows(project, store, EPISODES, episodes.map(rowOf));
}

function rowOf(episode: NewEpisode): NewRow {
  const { task, input = '', output = '', critique = '' } = episode;
  const seconds = nowSeconds();
  return {
    content: [task, critique, input, output].filter((line) => line !== '').join('\n'),
    metadata: {
      ts: seconds,
      session_id: episode.sessionId,
      task,
      input,
      output,
      critique,
      reward: episode.reward,
      success: episode.success ? 1 : 0,
      latency_ms: episode.latencyMs ?? null,
      tokens_used: episode.tokensUsed ?? null,
      tags: [...(episode.tags ?? [])],
      metadata: episode.metadata ?? {},
      created_at: seconds,
    },
  };
}

/** The episodes nearest to a task. */
export async function findEpisodes(store: MemoryStore, query: EpisodeQuery): Promise<Episode[]> {
  const { task, limit, minReward, sessionId, tags = [], minSimilarity = -1 } = query;
  const wanted = query.onlySuccesses === true ? 1 : query.onlyFailures === true ? 0 : undefined;
  const filter: MetadataFilter = {
    ...(minReward === undefined ? {} : { reward: { from: minReward } }),
    ...(wanted === undefined ? {} : { success: { in: [wanted, wanted === 1] } }),
    ...(sessionId === undefined ? {} : { session_id: sessionId }),
    ...(tags.length === 0 ? {} : { tags: { in: tags } }),
  };
  const hits = await store.search({
    text: task,
    mode: 'vector',
    namespace: EPISODES,
    limit,
    filter,
  });
  return hits
    .filter(({ score }) => score >= minSimilarity)
    .map((hit) => ({ ...episodeOf(hit), similarity: hit.score }));
}

export function episodeOf({ id, content, metadata, timestamp }: StoreRecord): Episode {
  return {
    id,
    content,
    sessionId: storedText(metadata['session_id']),
    task: storedText(metadata['task']) || content,
    reward: storedNumber(metadata['reward']) ?? 0,
    isSuccess: storedNumber(metadata['success']) === 1,
    critique: storedText(metadata['critique']),
    output: storedText(metadata['output']),
    latencyMs: storedNumber(metadata['latency_ms']),
    createdAtMs: timestamp,
  };
}
