/** What a policy recommends in a state, also in one that was not seen. */
import type { MemoryStore } from '../../memory/index.js';
import { ToolError } from '../errors.js';
import { EXPERIENCES } from '../rows.js';
import { storedText } from '../values.js';
import { type Algorithm, probabilities, type Score, scores } from './algorithms.js';
import type { Policy } from './policy.js';
import type { Session } from './sessions.js';

/** Cosine from which on what was learnt in another state is used. */
const NEAR_FROM = 0.5;
const NEAR_MAX = 10;

export interface Recommendation {
  /** Best first; with the probability of a softmax over their scores. */
  readonly actions: readonly (Score & { readonly confidence: number })[];
  /** The state that it was learnt in. */
  readonly state: string;
  /** Cosine to the state that was asked for; 1 for the same. */
  readonly similarity: number;
}

/** Throws `ToolError` when nothing was learnt that could say something about the state. */
export async function recommend(
  store: MemoryStore,
  session: Session,
  policy: Policy,
  state: string,
): Promise<Recommendation> {
  if (policy.size === 0) {
    throw new ToolError(
      `session ${session.id} has no experience yet; give it some with learning_feedback first`,
    );
  }
  if (policy.actions(state).size > 0) return ranked(session.algorithm, policy, state, 1);
  const hits = await store.search({
    text: state,
    mode: 'vector',
    namespace: EXPERIENCES,
    limit: NEAR_MAX,
    filter: { session_id: session.id },
  });
  for (const { metadata, score } of hits) {
    const near = storedText(metadata['state']);
    if (score < NEAR_FROM) break;
    if (policy.actions(near).size > 0) return ranked(session.algorithm, policy, near, score);
  }
  throw new ToolError(
    `session ${session.id} has learnt nothing in a state like this one; states that it knows are: ` +
      policy.states
        .slice(0, 5)
        .map((known) => JSON.stringify(known.slice(0, 80)))
        .join(', '),
  );
}

function ranked(
  algorithm: Algorithm,
  policy: Policy,
  state: string,
  similarity: number,
): Recommendation {
  const found = scores(algorithm, policy, state);
  const parts = probabilities(found);
  const actions = found.map((one, at) => ({ ...one, confidence: parts[at] ?? 0 }));
  return { actions, state, similarity };
}
