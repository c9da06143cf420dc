/** The tools of agentdb that keep texts with their vectors. v1 kept them as episodes, and so does v2. */
import type { MemoryStore } from '../../memory/index.js';
import type { CallContext, Tools } from '../context.js';
import { onStore, onStoreWithModel } from '../context.js';
import { ToolError } from '../errors.js';
import { episodeOf, findEpisodes, type NewEpisode, storeEpisodes } from '../episodes.js';
import { COUNTERS, counts, EPISODES, scanned } from '../rows.js';
import * as value from '../values.js';
import type { Arguments } from '../arguments.js';

/** From here on a time is in milliseconds: as seconds it would be the year 5138. */
const MILLISECONDS_FROM = 100_000_000_000;

/** What v1 took the text of an insertion for. */
function insertedEpisode(item: Arguments): NewEpisode {
  const inserted = value.text(item, 'text');
  if (inserted.trim() === '') throw new ToolError('argument "text" is empty');
  return {
    sessionId: value.nameText(item, 'session_id', 'default'),
    task: inserted,
    reward: 1,
    success: true,
    tags: value.texts(item, 'tags'),
    metadata: value.object(item, 'metadata'),
  };
}

async function deleteBy(
  filters: Arguments,
  store: MemoryStore,
  { signal }: CallContext,
): Promise<number> {
  const sessionId = value.optionalText(filters, 'session_id');
  const before = value.optionalNumber(filters, 'before_timestamp');
  if (sessionId === undefined && before === undefined) {
    throw new ToolError('filters need a session_id or a before_timestamp; nothing was deleted');
  }
  const beforeMs =
    before === undefined ? undefined : before < MILLISECONDS_FROM ? before * 1000 : before;
  const created = beforeMs === undefined ? {} : { created: { toMs: Math.ceil(beforeMs) - 1 } };
  const ids: string[] = [];
  for await (const record of scanned(store, EPISODES, { signal, ...created })) {
    if (sessionId === undefined || episodeOf(record).sessionId === sessionId) ids.push(record.id);
  }
  let deleted = 0;
  for (const id of ids) {
    signal.throwIfAborted();
    if (await store.delete(id, { namespace: EPISODES })) deleted += 1;
  }
  return deleted;
}

export const vectorTools: Tools = {
  agentdb_init: onStore(async (args, store, { project }) => {
    if (value.flag(args, 'reset')) {
      throw new ToolError(
        'reset would delete every memory of the project, also those of other tools, so it is not done ' +
          `here; move ${project.path} away to begin anew`,
      );
    }
    const found = new Map(await counts(store));
    found.delete(COUNTERS);
    const records = [...found.values()].reduce((sum, one) => sum + one, 0);
    return (
      `✅ AgentDB initialized successfully!\n📍 Database: ${project.path}\n` +
      `📊 Namespaces with records: ${found.size} (${records} records)\n` +
      `🧠 Embedding model: ${store.model?.model ?? 'all-MiniLM-L6-v2, loaded with the first text'}`
    );
  }),

  agentdb_insert: onStoreWithModel(async (args, store, { project }) => {
    const episode = insertedEpisode(args);
    const [id] = await storeEpisodes(project, store, [episode]);
    return (
      `✅ Vector inserted successfully!\n🆔 ID: ${id}\n` +
      `📝 Text: ${value.shortened(episode.task, 100)}\n` +
      `🏷️  Tags: ${episode.tags?.join(', ') || 'none'}\n` +
      `🧠 Embedding: ${store.model?.model ?? 'none'}`
    );
  }),

  agentdb_insert_batch: onStoreWithModel(async (args, store, { project, signal }) => {
    const episodes = value
      .list(args, 'items')
      .map((item) => insertedEpisode(value.isObject(item) ? item : {}));
    const size = value.count(args, 'batch_size', 100, 1000);
    if (episodes.length === 0) throw new ToolError('argument "items" is empty');
    let inserted = 0;
    for (let at = 0; at < episodes.length; at += size) {
      signal.throwIfAborted();
      inserted += (await storeEpisodes(project, store, episodes.slice(at, at + size))).length;
    }
    return (
      `✅ Batch insert completed!\n📊 Inserted: ${inserted} vectors\n` +
      `⚡ Batch size: ${size}\n💾 Transaction committed`
    );
  }),

  agentdb_search: onStoreWithModel(async (args, store) => {
    const query = value.text(args, 'query');
    const filters = value.object(args, 'filters');
    const found = await findEpisodes(store, {
      task: query,
      limit: value.count(args, 'k', 10),
      minSimilarity: value.within(args, 'min_similarity', 0, [-1, 1]),
      minReward: value.optionalNumber(filters, 'min_reward'),
      sessionId: value.optionalText(filters, 'session_id'),
      tags: value.texts(filters, 'tags'),
    });
    const lines = found.map(
      ({ id, similarity = 0, task, reward }, at) =>
        `${at + 1}. [ID: ${id}] Similarity: ${similarity.toFixed(3)}\n` +
        `   Task: ${value.shortened(task, 80)}\n   Reward: ${reward.toFixed(2)}`,
    );
    return (
      `🔍 Search completed!\n📊 Found: ${found.length} results\n🎯 Query: ${query}\n\n` +
      `Top Results:\n${lines.join('\n\n')}`
    );
  }),

  agentdb_delete: onStore(async (args, store, context) => {
    const id = value.optionalNumber(args, 'id');
    if (id === undefined && args['filters'] === undefined) {
      throw new ToolError('either "id" or "filters" is needed; nothing was deleted');
    }
    const deleted =
      id === undefined
        ? await deleteBy(value.object(args, 'filters'), store, context)
        : Number(await store.delete(String(id), { namespace: EPISODES }));
    return (
      `✅ Delete operation completed!\n📊 Deleted: ${deleted} vector(s)\n` +
      `🗑️  ${id === undefined ? 'Bulk deletion with filters' : `ID: ${id}`}`
    );
  }),

  reflexion_store: onStoreWithModel(async (args, store, { project }) => {
    const episode: NewEpisode = {
      sessionId: value.nameText(args, 'session_id'),
      task: value.text(args, 'task'),
      reward: value.within(args, 'reward', 0),
      success: value.flag(args, 'success'),
      critique: value.text(args, 'critique'),
      input: value.text(args, 'input'),
      output: value.text(args, 'output'),
      ...optional('latencyMs', value.optionalNumber(args, 'latency_ms')),
      ...optional('tokensUsed', value.optionalNumber(args, 'tokens')),
    };
    const [id] = await storeEpisodes(project, store, [episode]);
    return (
      `✅ Stored episode #${id}\nTask: ${episode.task}\nReward: ${episode.reward}\n` +
      `Success: ${episode.success}`
    );
  }),

  reflexion_retrieve: onStoreWithModel(async (args, store) => {
    const episodes = await findEpisodes(store, {
      task: value.text(args, 'task'),
      limit: value.count(args, 'k', 5),
      onlyFailures: value.flag(args, 'only_failures'),
      onlySuccesses: value.flag(args, 'only_successes'),
      minReward: value.optionalNumber(args, 'min_reward'),
    });
    return `🔍 Retrieved ${episodes.length} episodes:\n\n${episodeLines(episodes)}`;
  }),
};

function optional<N extends string>(name: N, found: number | undefined): { [K in N]?: number } {
  return (found === undefined ? {} : { [name]: found }) as { [K in N]?: number };
}

/** As v1 listed episodes. */
export function episodeLines(episodes: readonly ReturnType<typeof episodeOf>[]): string {
  return episodes
    .map(
      ({ id, task, reward, similarity }, at) =>
        `${at + 1}. Episode ${id}\n   Task: ${task}\n   Reward: ${reward.toFixed(2)}\n` +
        `   Similarity: ${similarity?.toFixed(3) ?? 'N/A'}`,
    )
    .join('\n\n');
}
