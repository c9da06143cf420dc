/** Skills and causal edges. */
import { addCausalEdges, causalEdges } from '../causal.js';
import { onStore, onStoreWithModel, type Tools } from '../context.js';
import { addRows, nowSeconds, SKILLS } from '../rows.js';
import * as value from '../values.js';

export const knowledgeTools: Tools = {
  skill_create: onStoreWithModel(async (args, store, { project }) => {
    const name = value.nameText(args, 'name');
    const description = value.text(args, 'description');
    const code = value.text(args, 'code');
    const seconds = nowSeconds();
    const [id] = await addRows(project, store, SKILLS, [
      {
        content: [name, description, code].filter((line) => line !== '').join('\n'),
        metadata: {
          name,
          description,
          signature: { inputs: {}, outputs: {} },
          code,
          success_rate: value.within(args, 'success_rate', 0),
          uses: 0,
          avg_reward: 0,
          avg_latency_ms: 0,
          created_at: seconds,
          updated_at: seconds,
        },
      },
    ]);
    return `✅ Created skill #${id}: ${name}`;
  }),

  skill_search: onStoreWithModel(async (args, store) => {
    const least = value.within(args, 'min_success_rate', 0);
    const hits = await store.search({
      text: value.text(args, 'task'),
      mode: 'vector',
      namespace: SKILLS,
      limit: value.count(args, 'k', 10),
      ...(least === 0 ? {} : { filter: { success_rate: { from: least } } }),
    });
    const lines = hits.map(({ content, metadata }, at) => {
      const rate = value.storedNumber(metadata['success_rate']) ?? 0;
      return (
        `${at + 1}. ${value.storedText(metadata['name']) || content.split('\n', 1)[0]}\n` +
        `   ${value.storedText(metadata['description'])}\n   Success: ${value.percent(rate)}`
      );
    });
    return `🔍 Found ${hits.length} skills:\n\n${lines.join('\n\n')}`;
  }),

  causal_add_edge: onStore(async (args, store, { project }) => {
    const edge = {
      cause: value.nameText(args, 'cause'),
      effect: value.nameText(args, 'effect'),
      uplift: value.number(args, 'uplift', 0),
      confidence: value.within(args, 'confidence', 0.95),
      sampleSize: value.within(args, 'sample_size', 0, [0, Number.MAX_SAFE_INTEGER]),
    };
    const [id] = await addCausalEdges(project, store, [edge]);
    return `✅ Added causal edge #${id}\n${edge.cause} → ${edge.effect}\nUplift: ${edge.uplift}`;
  }),

  causal_query: onStore(async (args, store, { signal }) => {
    const cause = value.optionalText(args, 'cause');
    const effect = value.optionalText(args, 'effect');
    const minConfidence = value.within(args, 'min_confidence', 0.5);
    const minUplift = value.number(args, 'min_uplift', 0);
    const found = (await causalEdges(store, signal)).filter(
      (edge) =>
        (cause === undefined || edge.cause === cause) &&
        (effect === undefined || edge.effect === effect) &&
        edge.confidence >= minConfidence &&
        edge.uplift >= minUplift,
    );
    const lines = found
      .slice(0, value.count(args, 'limit', 10))
      .map(
        (edge, at) =>
          `${at + 1}. ${edge.cause} → ${edge.effect}\n` +
          `   Uplift: ${edge.uplift.toFixed(3)} (confidence: ${edge.confidence.toFixed(2)})`,
      );
    return `🔍 Found ${found.length} causal edges:\n\n${lines.join('\n\n')}`;
  }),
};
