/** What was learnt over sessions: records, figures, transfer, explanations. */
import { causalEdges, upliftAt } from '../causal.js';
import { onStore, onStoreWithModel, type Tools } from '../context.js';
import { ToolError } from '../errors.js';
import { episodeOf } from '../episodes.js';
import { groupsOf, overallOf, rewardOf } from '../learning/measures.js';
import {
  experienceOf,
  experienceRow,
  policyVersions,
  type StoredExperience,
} from '../learning/sessions.js';
import { policyOf } from '../learning/policy.js';
import { transfer } from '../learning/transfer.js';
import { addRows, EPISODES, EXPERIENCES, scanned } from '../rows.js';
import * as value from '../values.js';
import type { MemoryStore } from '../../memory/index.js';

const DAY_MS = 24 * 3_600_000;
const SHOWN_MAX = 5;
const TREND_DAYS = 7;
/** Experiences by similarity for each recommendation that is asked for. */
const EVIDENCE_A_RESULT = 4;

export const experienceTools: Tools = {
  learning_metrics: onStore(async (args, store, { signal }) => {
    const sessionId = value.optionalText(args, 'session_id');
    const days = value.within(args, 'time_window_days', 7, [0, 36_500]);
    const groupBy = value.text(args, 'group_by', 'task');
    const found: StoredExperience[] = [];
    const created = { fromMs: Date.now() - days * DAY_MS };
    for await (const record of scanned(store, EXPERIENCES, { signal, created })) {
      const experience = experienceOf(record);
      if (sessionId === undefined || experience.sessionId === sessionId) found.push(experience);
    }
    const overall = overallOf(found);
    const groups = groupsOf(found, (one) => {
      if (groupBy === 'session') return one.sessionId;
      return groupBy === 'skill' ? one.action : one.state;
    });
    const lines = groups
      .slice(0, SHOWN_MAX)
      .map(
        (group, at) =>
          `   ${at + 1}. ${value.shortened(group.key, 40)}\n      Count: ${group.count}, ` +
          `Success: ${value.percent(group.successRate)}, Reward: ${group.avgReward.toFixed(2)}`,
      );
    const title = groupBy.charAt(0).toUpperCase() + groupBy.slice(1);
    const latency = overall.avgLatencyMs;
    return (
      `📊 Learning Performance Metrics\n\n⏱️  Time Window: ${days} days\n\n` +
      `📈 Overall Performance:\n   • Total Episodes: ${overall.count}\n` +
      `   • Success Rate: ${value.percent(overall.successRate)}\n` +
      `   • Avg Reward: ${overall.avgReward.toFixed(3)}\n` +
      `   • Reward Range: [${overall.minReward.toFixed(2)}, ${overall.maxReward.toFixed(2)}]\n` +
      `   • Avg Latency: ${latency === undefined ? 'not recorded' : `${latency.toFixed(0)}ms`}\n\n` +
      `🎯 Top ${title}s:\n${lines.join('\n') || '   No data available'}` +
      (value.flag(args, 'include_trends', true) ? trendText(found) : '') +
      (sessionId === undefined ? '' : await improvementText(store, sessionId))
    );
  }),

  learning_transfer: onStoreWithModel(async (args, store, { project, signal }) => {
    const type = value.text(args, 'transfer_type', 'all');
    if (type === 'causal_edges') {
      throw new ToolError(
        'causal edges are not transferred: what was observed of one task is no evidence for another; ' +
          'record them with causal_add_edge',
      );
    }
    const request = {
      sourceSession: value.optionalText(args, 'source_session'),
      targetSession: value.optionalText(args, 'target_session'),
      sourceTask: value.optionalText(args, 'source_task'),
      targetTask: value.optionalText(args, 'target_task'),
      minSimilarity: value.within(args, 'min_similarity', 0.7),
      withExperiences: type !== 'skills',
      withPolicy: type !== 'episodes',
      limit: value.count(args, 'max_transfers', 10, 1000),
      signal,
    };
    const { experiences, pairs, details } = await transfer(project, store, request);
    const lines = details
      .slice(0, SHOWN_MAX)
      .map(
        ({ type: kind, id, similarity }, at) =>
          `   ${at + 1}. ${kind} #${id} (similarity: ${value.percent(similarity)})`,
      );
    return (
      '🔄 Learning Transfer Completed!\n\n' +
      `📤 Source: ${endText(request.sourceSession, request.sourceTask)}\n` +
      `📥 Target: ${endText(request.targetSession, request.targetTask)}\n` +
      `🎯 Transfer Type: ${type}\n📊 Min Similarity: ${(request.minSimilarity * 100).toFixed(0)}%\n\n` +
      `✅ Transferred:\n   • Episodes: ${experiences}\n   • Skills/Q-Values: ${pairs}\n` +
      '   • Causal Edges: 0' +
      (lines.length === 0 ? '' : `\n\n📝 Transfer Details:\n${lines.join('\n')}`)
    );
  }),

  learning_explain: onStoreWithModel(async (args, store, { signal }) => {
    const query = value.text(args, 'query');
    const limit = value.count(args, 'k', 5);
    const depth = value.text(args, 'explain_depth', 'detailed');
    const hits = await store.search({
      text: query,
      mode: 'vector',
      namespace: EXPERIENCES,
      limit: limit * EVIDENCE_A_RESULT,
    });
    const similarity = new Map(hits.map(({ id, score }) => [id, score]));
    const found = hits.map(experienceOf);
    const groups = groupsOf(found, ({ action }) => action).slice(0, limit);
    const lines = groups.map((group, at) => {
      const own = found.filter(({ action }) => action === group.key).slice(0, 3);
      const evidence = own.map(
        ({ id, reward }) =>
          `     - Episode ${id}: reward=${reward.toFixed(2)}, ` +
          `similarity=${value.percent(similarity.get(id) ?? 0)}`,
      );
      const confidence = value.flag(args, 'include_confidence', true)
        ? `   • Confidence: ${value.percent(group.count / found.length)}\n`
        : '';
      return (
        `${at + 1}. ${group.key}\n${confidence}` +
        `   • Success Rate: ${value.percent(group.successRate)}\n` +
        `   • Avg Reward: ${group.avgReward.toFixed(3)}\n` +
        `   • Supporting Examples: ${group.count}` +
        (value.flag(args, 'include_evidence', true)
          ? `\n   • Evidence:\n${evidence.join('\n')}`
          : '')
      );
    });
    const average = value.mean(hits.map(({ score }) => score));
    const reasoning =
      depth === 'summary'
        ? ''
        : `\n\n🧠 Reasoning:\n   • Similar Experiences Found: ${found.length}\n` +
          `   • Avg Similarity: ${value.percent(average)}\n` +
          `   • Unique Actions Considered: ${groups.length}`;
    const isCausal = value.flag(args, 'include_causal', true) && depth === 'full';
    return (
      `🔍 AI Action Recommendations (Explainable)\n\n🎯 Query: ${query}\n\n` +
      `💡 Recommended Actions:\n${lines.join('\n\n') || 'No similar experience is recorded'}` +
      reasoning +
      (isCausal ? await chainText(store, signal) : '')
    );
  }),

  experience_record: onStoreWithModel(async (args, store, { project }) => {
    const sessionId = value.nameText(args, 'session_id');
    const tool = value.nameText(args, 'tool_name');
    const action = value.text(args, 'action');
    const outcome = value.text(args, 'outcome');
    const reward = value.number(args, 'reward', 0);
    const isSuccess = value.flag(args, 'success');
    const latencyMs = value.optionalNumber(args, 'latency_ms');
    const after = args['state_after'] === undefined ? undefined : value.object(args, 'state_after');
    const row = experienceRow(sessionId, {
      state: `tool:${tool}|${action}`,
      action: outcome,
      reward,
      isSuccess,
      ...(after === undefined ? {} : { nextState: JSON.stringify(after) }),
      metadata: {
        ...value.object(args, 'metadata'),
        toolName: tool,
        action,
        stateBefore: value.object(args, 'state_before'),
        stateAfter: after ?? {},
        ...(latencyMs === undefined ? {} : { latencyMs }),
      },
    });
    const [id] = await addRows(project, store, EXPERIENCES, [row]);
    return (
      `✅ Experience recorded successfully!\n\n🆔 Experience ID: ${id}\n📋 Session: ${sessionId}\n` +
      `🔧 Tool: ${tool}\n🎬 Action: ${action}\n📊 Outcome: ${outcome}\n` +
      `🏆 Reward: ${reward.toFixed(3)}\n${isSuccess ? '✅' : '❌'} Success: ${isSuccess}` +
      (latencyMs === undefined ? '' : `\n⏱️  Latency: ${latencyMs}ms`)
    );
  }),

  reward_signal: onStore(async (args, store, { signal }) => {
    const outcome = {
      success: value.flag(args, 'success'),
      targetAchieved: value.flag(args, 'target_achieved', true),
      efficiency: value.number(args, 'efficiency_score', 0.5),
      quality: value.number(args, 'quality_score', 0.5),
      timeTakenMs: value.optionalNumber(args, 'time_taken_ms'),
      expectedTimeMs: value.optionalNumber(args, 'expected_time_ms'),
      rewardFunction: value.text(args, 'reward_function', 'standard'),
    };
    const episodeId = value.optionalNumber(args, 'episode_id');
    const isCausal = value.flag(args, 'include_causal', true) && episodeId !== undefined;
    const uplift = isCausal ? await upliftOf(store, String(episodeId), signal) : undefined;
    const reward = rewardOf({ ...outcome, uplift });
    return (
      `🎯 Reward Signal Calculated\n\n📊 Final Reward: ${reward.toFixed(3)}\n` +
      `🔧 Reward Function: ${outcome.rewardFunction}\n\n📈 Input Factors:\n` +
      `   • Success: ${outcome.success ? '✅' : '❌'}\n` +
      `   • Target Achieved: ${outcome.targetAchieved ? '✅' : '❌'}\n` +
      `   • Efficiency Score: ${value.percent(outcome.efficiency)}\n` +
      `   • Quality Score: ${value.percent(outcome.quality)}\n` +
      `   • Causal Impact: ${uplift === undefined ? 'none known' : uplift.toFixed(3)}`
    );
  }),
};

function endText(session: string | undefined, task: string | undefined): string {
  return session === undefined ? `Task "${task}"` : `Session ${session}`;
}

async function upliftOf(
  store: MemoryStore,
  id: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const record = await store.get(id, { namespace: EPISODES });
  if (record === null) throw new ToolError(`there is no episode ${id}`);
  return upliftAt(await causalEdges(store, signal), episodeOf(record));
}

async function chainText(store: MemoryStore, signal: AbortSignal): Promise<string> {
  const chains = (await causalEdges(store, signal)).slice(0, 3);
  if (chains.length === 0) return '';
  const lines = chains.map(
    ({ cause, effect, uplift }, at) =>
      `   ${at + 1}. ${cause} → ${effect} (uplift: ${uplift.toFixed(3)})`,
  );
  return `\n\n🔗 Causal Reasoning Chains:\n${lines.join('\n')}`;
}

function trendText(experiences: readonly StoredExperience[]): string {
  const days = groupsOf(experiences, ({ createdAtMs }) =>
    new Date(createdAtMs).toISOString().slice(0, 10),
  ).sort((a, b) => (a.key < b.key ? -1 : 1));
  if (days.length === 0) return '';
  const lines = days
    .slice(-TREND_DAYS)
    .map(
      (day) => `   ${day.key}: ${day.count} episodes, ${value.percent(day.successRate)} success`,
    );
  return `\n\n📉 Recent Trends (last ${Math.min(TREND_DAYS, days.length)} days):\n${lines.join('\n')}`;
}

/** Of the pairs that the first and the last saved policy both have. */
async function improvementText(store: MemoryStore, sessionId: string): Promise<string> {
  const versions = await policyVersions(store, sessionId);
  const [first, last] = [versions[0], versions.at(-1)];
  if (first === undefined || last === undefined) return '';
  const [before, after] = [policyOf(first.metadata), policyOf(last.metadata)];
  const gains: number[] = [];
  for (const [state, action, { q }] of before.entries()) {
    const pair = after.actions(state).get(action);
    if (pair !== undefined) gains.push(pair.q - q);
  }
  const gain = value.mean(gains);
  return (
    `\n\n🧠 Policy Improvement:\n   • Versions: ${versions.length}\n` +
    `   • Q-Value Improvement: ${gain >= 0 ? '+' : ''}${gain.toFixed(3)}`
  );
}
