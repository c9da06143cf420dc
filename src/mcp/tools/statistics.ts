/** What the store holds. */
import { jsonAnswer, onStore, type Tool, type Tools } from '../context.js';
import * as rows from '../rows.js';
import * as value from '../values.js';
import type { MemoryStore } from '../../memory/index.js';

const WEEK_MS = 7 * 24 * 3_600_000;

async function overview(
  store: MemoryStore,
  isDetailed: boolean,
  signal: AbortSignal,
): Promise<string> {
  const found = await rows.counts(store);
  const of = (namespace: string): number => found.get(namespace) ?? 0;
  const all = [...found].filter(([namespace]) => namespace !== rows.COUNTERS);
  let text =
    '📊 AgentDB Comprehensive Statistics\n\n🧠 Memory & Learning:\n' +
    `   Episodes (Vectors): ${of(rows.EPISODES)}\n   Skills: ${of(rows.SKILLS)}\n` +
    `   Reasoning Patterns: ${of(rows.PATTERNS)}\n` +
    `   Learning Sessions: ${of(rows.SESSIONS)}\n\n🔗 Causal Intelligence:\n` +
    `   Causal Edges: ${of(rows.CAUSAL_EDGES)}\n` +
    `   Experiments: ${of('agentdb/causal_experiments')}\n` +
    `   Observations: ${of('agentdb/causal_observations')}\n`;
  if (!isDetailed) return text;
  const { bytes } = await fileSizes(store);
  let recent = 0;
  const created = { fromMs: Date.now() - WEEK_MS };
  for await (const _ of rows.scanned(store, rows.EPISODES, { signal, created })) recent += 1;
  text +=
    `\n📦 Storage:\n   Database Size: ${(bytes / 1_048_576).toFixed(2)} MB\n` +
    `   Recent Activity (7d): ${recent} episodes\n\n🗂️ Namespaces:\n` +
    all.map(([namespace, records]) => `   ${namespace}: ${records}`).join('\n');
  return text;
}

export const statisticsTools: Tools = {
  db_stats: onStore(async (_args, store) => {
    const found = await rows.counts(store);
    const of = (namespace: string): number => found.get(namespace) ?? 0;
    return (
      `📊 Database Statistics:\n\nCausal Edges: ${of(rows.CAUSAL_EDGES)}\n` +
      `Experiments: ${of('agentdb/causal_experiments')}\n` +
      `Observations: ${of('agentdb/causal_observations')}\n` +
      `Episodes (Vectors): ${of(rows.EPISODES)}\nSkills: ${of(rows.SKILLS)}`
    );
  }),

  agentdb_stats: onStore(async (args, store, { signal }) =>
    overview(store, value.flag(args, 'detailed'), signal),
  ),

  agentdb_clear_cache: async (args, { project }) => {
    const type = value.text(args, 'cache_type', 'all');
    await project.forget();
    return {
      text:
        `✅ Cache cleared successfully!\n\n🧹 Cache Type: ${type}\n` +
        '♻️  Statistics and search results will be refreshed on next query',
    };
  },
};

/** The same as agentic-flow answered: JSON around the text. */
export const statisticsAsJson: Tools = {
  agentdb_stats: onStore(async (_args, store, { signal }) =>
    jsonAnswer({
      success: true,
      stats: await overview(store, true, signal),
      timestamp: new Date().toISOString(),
    }),
  ),

  agentdb_clear_cache: (async (args, { project }) => {
    if (!value.flag(args, 'confirm')) {
      return jsonAnswer({
        success: false,
        message: 'Cache clear operation requires confirmation. Set confirm=true to proceed.',
      });
    }
    await project.forget();
    return jsonAnswer({
      success: true,
      operation: 'cache_clear',
      message: 'Query cache cleared successfully',
      timestamp: new Date().toISOString(),
    });
  }) satisfies Tool,
};

async function fileSizes(store: MemoryStore): Promise<{ bytes: number }> {
  const { fileBytes, logBytes } = await store.stats();
  return { bytes: fileBytes + logBytes };
}
