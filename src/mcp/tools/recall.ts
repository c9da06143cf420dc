/** Recall by similarity, causal effect and recency, with a certificate; and the discovery of effects. */
import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../memory/engine.js';
import { addCausalEdges, causalEdges, upliftAt } from '../causal.js';
import { makeCertificate, storeCertificate } from '../certificate.js';
import { onStore, onStoreWithModel, type Tools } from '../context.js';
import { discoverCauses } from '../discover.js';
import { type Episode, episodeOf } from '../episodes.js';
import { EPISODES, scanned } from '../rows.js';
import * as value from '../values.js';

/** After so long a memory counts half as recent. */
const HALF_LIFE_MS = 30 * 24 * 3_600_000;
/** Candidates by similarity for each result, from which the best by all three are chosen. */
const CANDIDATES_A_RESULT = 4;
const SHOWN_MAX = 5;

export const recallTools: Tools = {
  recall_with_certificate: onStoreWithModel(async (args, store, { signal }) => {
    const query = value.text(args, 'query');
    const limit = value.count(args, 'k', 12);
    const [alpha, beta, gamma] = [
      value.number(args, 'alpha', 0.7),
      value.number(args, 'beta', 0.2),
      value.number(args, 'gamma', 0.1),
    ];
    const edges = await causalEdges(store, signal);
    const hits = await store.search({
      text: query,
      mode: 'vector',
      namespace: EPISODES,
      limit: limit * CANDIDATES_A_RESULT,
    });
    const now = Date.now();
    const ranked = hits
      .map((hit) => {
        const uplift = upliftAt(edges, episodeOf(hit)) ?? 0;
        const recency = 2 ** (-Math.max(0, now - hit.timestamp) / HALF_LIFE_MS);
        return { hit, uplift, utility: alpha * hit.score + beta * uplift + gamma * recency };
      })
      .sort((a, b) => b.utility - a.utility)
      .slice(0, limit);
    if (ranked.length === 0) return '🔍 Retrieved 0 results; there is nothing to certify';
    const asked = { id: `mcp-${randomUUID()}`, text: query };
    const records = ranked.map(({ hit: { score: _score, matchedBy: _by, ...record } }) => record);
    const { id, certificate } = makeCertificate(asked, records, now);
    await storeCertificate(store, id, certificate);
    const lines = ranked
      .slice(0, SHOWN_MAX)
      .map(
        ({ hit, uplift, utility }, at) =>
          `${at + 1}. episode ${hit.id}\n   Similarity: ${hit.score.toFixed(3)}\n` +
          `   Uplift: ${uplift.toFixed(3)}\n   Utility: ${utility.toFixed(3)}\n` +
          `   Task: ${value.shortened(episodeOf(hit).task, 80)}`,
      );
    const text =
      `🔍 Retrieved ${ranked.length} results:\n\n${lines.join('\n\n')}\n\n` +
      `📜 Certificate ID: ${id}\n   Merkle root: ${certificate.merkle_root}`;
    const structured = { certificate: { id, ...certificate } } as unknown as JsonObject;
    return { text, structured };
  }),

  learner_discover: onStore(async (args, store, { project, signal }) => {
    const limits = {
      minAttempts: value.count(args, 'min_attempts', 3, 1000),
      minSuccessRate: value.within(args, 'min_success_rate', 0.6),
      minConfidence: value.within(args, 'min_confidence', 0.7),
    };
    const episodes: Episode[] = [];
    for await (const record of scanned(store, EPISODES, { signal })) {
      episodes.push(episodeOf(record));
    }
    const found = discoverCauses(episodes, limits);
    const isDry = value.flag(args, 'dry_run');
    const known = isDry || found.length === 0 ? [] : await causalEdges(store, signal);
    const isKnown = new Set(known.map(({ cause, effect }) => JSON.stringify([cause, effect])));
    const fresh = found.filter(
      ({ cause, effect }) => !isKnown.has(JSON.stringify([cause, effect])),
    );
    if (!isDry && fresh.length > 0) await addCausalEdges(project, store, fresh);
    const lines = found
      .slice(0, 10)
      .map(
        (edge, at) =>
          `${at + 1}. ${edge.cause} → ${edge.effect}\n` +
          `   Uplift: ${edge.uplift.toFixed(3)} (n=${edge.sampleSize}, ` +
          `confidence: ${edge.confidence.toFixed(2)})`,
      );
    const stored = isDry ? 'dry run, none stored' : `${fresh.length} stored, others were known`;
    return `🌙 Discovered ${found.length} causal patterns (${stored}):\n\n${lines.join('\n\n')}`;
  }),
};
