/** Patterns, in the two forms that v1 had: agentdb's own, and agentic-flow's, which are attempts. */
import type { JsonObject } from '../../memory/engine.js';
import { jsonAnswer, onStore, onStoreWithModel, type Tool, type Tools } from '../context.js';
import { ToolError } from '../errors.js';
import { findEpisodes, type NewEpisode, storeEpisodes } from '../episodes.js';
import { findPatterns, type Pattern, patternMetadata, patternOf } from '../patterns.js';
import { addRows, nowSeconds, PATTERNS, scanned } from '../rows.js';
import * as value from '../values.js';
import { episodeLines } from './vectors.js';

const WEEK_MS = 7 * 24 * 3_600_000;

function patternLines(patterns: readonly Pattern[]): string {
  return patterns
    .map(
      ({ id, taskType, similarity = 0, successRate, approach, uses }, at) =>
        `${at + 1}. [ID: ${id}] ${taskType}\n   Similarity: ${similarity.toFixed(3)}\n` +
        `   Success Rate: ${value.percent(successRate)}\n` +
        `   Approach: ${value.shortened(approach, 80)}\n   Uses: ${uses}`,
    )
    .join('\n\n');
}

export const agentdbPatternTools: Tools = {
  agentdb_pattern_store: onStoreWithModel(async (args, store, { project }) => {
    const taskType = value.nameText(args, 'taskType');
    const approach = value.text(args, 'approach');
    const successRate = value.within(args, 'successRate', 0);
    const tags = value.texts(args, 'tags');
    const metadata = value.object(args, 'metadata');
    const pattern = { taskType, approach, successRate, tags, metadata, seconds: nowSeconds() };
    const [id] = await addRows(project, store, PATTERNS, [
      { content: `${taskType}\n${approach}`, metadata: patternMetadata(pattern) },
    ]);
    return (
      `✅ Reasoning pattern stored successfully!\n\n🆔 Pattern ID: ${id}\n` +
      `📋 Task Type: ${taskType}\n💡 Approach: ${value.shortened(approach, 100)}\n` +
      `📊 Success Rate: ${value.percent(successRate)}\n🏷️  Tags: ${tags.join(', ') || 'none'}\n` +
      '🧠 Embedding generated and stored'
    );
  }),

  agentdb_pattern_search: onStoreWithModel(async (args, store) => {
    const task = value.text(args, 'task');
    const threshold = value.within(args, 'threshold', 0, [-1, 1]);
    const filters = value.object(args, 'filters');
    const patterns = await findPatterns(store, {
      task,
      limit: value.count(args, 'k', 10),
      minSimilarity: threshold,
      taskType: value.optionalText(filters, 'taskType'),
      minSuccessRate: value.optionalNumber(filters, 'minSuccessRate'),
      tags: value.texts(filters, 'tags'),
    });
    return (
      `🔍 Pattern search completed!\n\n📊 Found: ${patterns.length} matching patterns\n` +
      `🎯 Query: ${task}\n🎚️  Threshold: ${threshold.toFixed(2)}\n\n` +
      `Top Results:\n${patternLines(patterns)}`
    );
  }),

  agentdb_pattern_stats: onStore(async (_args, store, { signal }) => {
    const patterns: Pattern[] = [];
    for await (const record of scanned(store, PATTERNS, { signal })) {
      patterns.push(patternOf(record));
    }
    const types = new Map<string, number>();
    for (const { taskType } of patterns) types.set(taskType, (types.get(taskType) ?? 0) + 1);
    const top = [...types].sort(([, a], [, b]) => b - a).slice(0, 10);
    const high = patterns.filter(({ successRate }) => successRate >= 0.8).length;
    const recent = patterns.filter(({ createdAtMs }) => createdAtMs >= Date.now() - WEEK_MS).length;
    const lines = top.map(([type, count], at) => `   ${at + 1}. ${type}: ${count} patterns`);
    return (
      `📊 Reasoning Pattern Statistics\n\n📈 Overview:\n   Total Patterns: ${patterns.length}\n` +
      `   Avg Success Rate: ${value.percent(value.mean(patterns.map((one) => one.successRate)))}\n` +
      `   Avg Uses per Pattern: ${value.mean(patterns.map(({ uses }) => uses)).toFixed(1)}\n` +
      `   High Performing (≥80%): ${high}\n   Recent (7 days): ${recent}\n\n🏆 Top Task Types:\n` +
      (lines.join('\n') || '   No patterns stored yet')
    );
  }),
};

/** Both kinds, for a caller who says no more than a task. */
export const searchBoth: Tool = onStoreWithModel(async (args, store) => {
  const task = value.text(args, 'task');
  const limit = value.count(args, 'k', 10);
  const patterns = await findPatterns(store, { task, limit, minSimilarity: 0, tags: [] });
  const episodes = await findEpisodes(store, { task, limit, minSimilarity: 0 });
  return (
    `🔍 Pattern search completed!\n\n📊 Found: ${patterns.length} matching patterns\n` +
    `🎯 Query: ${task}\n🎚️  Threshold: 0.00\n\nTop Results:\n${patternLines(patterns)}\n\n` +
    `🔍 Retrieved ${episodes.length} episodes:\n\n${episodeLines(episodes)}`
  );
});

function named(json: JsonObject): JsonObject {
  return { success: true, ...json };
}

export const attemptTools: Tools = {
  agentdb_pattern_store: onStoreWithModel(async (args, store, { project }) => {
    const task = value.text(args, 'task');
    if (task.trim() === '') throw new ToolError('argument "task" is empty');
    const latencyMs = value.optionalNumber(args, 'latencyMs');
    const tokensUsed = value.optionalNumber(args, 'tokensUsed');
    const episode: NewEpisode = {
      sessionId: value.nameText(args, 'sessionId'),
      task,
      reward: value.number(args, 'reward', 0),
      success: value.flag(args, 'success'),
      critique: value.text(args, 'critique'),
      input: value.text(args, 'input'),
      output: value.text(args, 'output'),
      ...(latencyMs === undefined ? {} : { latencyMs }),
      ...(tokensUsed === undefined ? {} : { tokensUsed }),
    };
    const [id] = await storeEpisodes(project, store, [episode]);
    return jsonAnswer(
      named({
        sessionId: episode.sessionId,
        task: value.shortened(task, 100),
        reward: episode.reward,
        stored: true,
        message: 'Pattern stored successfully in ReasoningBank',
        output: `✅ Stored episode #${id}`,
      }),
    );
  }),

  agentdb_pattern_search: onStoreWithModel(async (args, store) => {
    const query = value.text(args, 'task');
    const limit = value.count(args, 'k', 5);
    const minReward = value.optionalNumber(args, 'minReward');
    const onlySuccesses = value.flag(args, 'onlySuccesses');
    const onlyFailures = value.flag(args, 'onlyFailures');
    if (onlySuccesses && onlyFailures) {
      throw new ToolError('onlySuccesses and onlyFailures together leave nothing; set one of them');
    }
    const asked = { task: query, limit, minReward, onlySuccesses, onlyFailures };
    const episodes = await findEpisodes(store, asked);
    return jsonAnswer(
      named({
        query,
        k: limit,
        filters: { minReward: minReward ?? null, onlySuccesses, onlyFailures },
        results: episodeLines(episodes),
        message: `Retrieved ${episodes.length} similar patterns from ReasoningBank`,
      }),
    );
  }),

  agentdb_pattern_stats: onStoreWithModel(async (args, store) => {
    const task = value.text(args, 'task');
    const episodes = await findEpisodes(store, { task, limit: value.count(args, 'k', 5) });
    const failures = episodes.filter(({ isSuccess }) => !isSuccess);
    const critiques = episodes
      .filter(({ critique }) => critique !== '')
      .map(({ critique, isSuccess, reward }) => {
        return `${isSuccess ? '✅' : '❌'} (reward ${reward.toFixed(2)}) ${critique}`;
      });
    return jsonAnswer(
      named({
        task,
        analyzedPatterns: episodes.length,
        statistics: {
          successRate: value.mean(episodes.map(({ isSuccess }) => Number(isSuccess))),
          avgReward: value.mean(episodes.map(({ reward }) => reward)),
          failures: failures.length,
        },
        summary: critiques.join('\n') || 'No critiques of similar attempts',
        message: 'Pattern statistics and critique summary generated',
      }),
    );
  }),
};
