/** What one session or task learnt, for another one. */
import type { MemoryStore } from '../../memory/index.js';
import { ToolError } from '../errors.js';
import type { ProjectStore } from '../project-store.js';
import { addRows, EXPERIENCES, scanned } from '../rows.js';
import {
  addExperiences,
  currentPolicyRecord,
  experienceOf,
  experienceRow,
  experiencesOf,
  type Feedback,
  policyOfSession,
  sessionOf,
  type StoredExperience,
} from './sessions.js';

export interface TransferRequest {
  readonly sourceSession: string | undefined;
  readonly targetSession: string | undefined;
  readonly sourceTask: string | undefined;
  readonly targetTask: string | undefined;
  readonly minSimilarity: number;
  readonly withExperiences: boolean;
  readonly withPolicy: boolean;
  readonly limit: number;
  readonly signal: AbortSignal;
}

export interface Transferred {
  readonly experiences: number;
  readonly pairs: number;
  readonly details: readonly {
    readonly type: string;
    readonly id: string;
    readonly similarity: number;
  }[];
}

export async function transfer(
  project: ProjectStore,
  store: MemoryStore,
  request: TransferRequest,
): Promise<Transferred> {
  if (request.sourceSession === undefined && request.sourceTask === undefined) {
    throw new ToolError('either source_session or source_task is needed');
  }
  if (request.targetSession === undefined && request.targetTask === undefined) {
    throw new ToolError('either target_session or target_task is needed');
  }
  for (const id of [request.sourceSession, request.targetSession]) {
    if (id !== undefined) await sessionOf(store, id);
  }
  const found = request.withExperiences ? await candidates(project, store, request) : [];
  const pairs = request.withPolicy ? await copyPolicy(project, store, request) : 0;
  await copyExperiences(project, store, request, found);
  const details = found.map(({ experience, similarity }) => {
    return { type: 'episode', id: experience.id, similarity };
  });
  return { experiences: found.length, pairs, details };
}

interface Candidate {
  readonly experience: StoredExperience;
  /** Cosine to what it is meant for; 1 where nothing was said. */
  readonly similarity: number;
}

/** Those with the highest reward, of those that are similar enough. */
async function candidates(
  project: ProjectStore,
  store: MemoryStore,
  request: TransferRequest,
): Promise<Candidate[]> {
  const { sourceSession, sourceTask, targetTask, minSimilarity, limit, signal } = request;
  const wanted = targetTask ?? sourceTask;
  let found: StoredExperience[];
  if (sourceSession === undefined) {
    const asked = { text: sourceTask ?? '', mode: 'vector', namespace: EXPERIENCES } as const;
    const hits = await store.search({ ...asked, limit: SIMILAR_MAX });
    found = hits.filter(({ score }) => score >= minSimilarity).map(experienceOf);
  } else {
    found = await experiencesOf(scanned(store, EXPERIENCES, { signal }), sourceSession);
  }
  // The best ones are enough: each has to be embedded to be compared.
  const best = found.toSorted((a, b) => b.reward - a.reward).slice(0, COMPARED_MAX);
  if (wanted === undefined) {
    return best.slice(0, limit).map((experience) => ({ experience, similarity: 1 }));
  }
  const similarities = await similaritiesTo(
    project,
    wanted,
    best.map(({ state }) => state),
  );
  return best
    .map((experience, at) => ({ experience, similarity: similarities[at] ?? 0 }))
    .filter(({ similarity }) => similarity >= minSimilarity)
    .slice(0, limit);
}

const SIMILAR_MAX = 100;
const COMPARED_MAX = 200;

async function similaritiesTo(
  project: ProjectStore,
  text: string,
  others: readonly string[],
): Promise<number[]> {
  if (others.length === 0) return [];
  const [own, ...rest] = await project.embed([text, ...others]);
  return rest.map((vector) => cosine(own!, vector));
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let at = 0; at < a.length; at += 1) {
    dot += a[at]! * b[at]!;
    aa += a[at]! ** 2;
    bb += b[at]! ** 2;
  }
  return dot / Math.sqrt(aa * bb);
}

async function copyExperiences(
  project: ProjectStore,
  store: MemoryStore,
  { targetSession, targetTask }: TransferRequest,
  found: readonly Candidate[],
): Promise<void> {
  const copies = found.map(({ experience }): Feedback & { sessionId: string } => ({
    ...experience,
    state: targetTask ?? experience.state,
    metadata: { transferred_from: experience.id },
  }));
  if (copies.length === 0) return;
  if (targetSession === undefined) {
    const rows = copies.map((copy) => experienceRow(copy.sessionId, copy));
    await addRows(project, store, EXPERIENCES, rows);
    return;
  }
  await project.inTurn(`session ${targetSession}`, async () => {
    await addExperiences(project, store, await sessionOf(store, targetSession), copies);
  });
}

/** Values of pairs that the target does not know. Nothing that it learnt itself is changed. */
async function copyPolicy(
  project: ProjectStore,
  store: MemoryStore,
  { sourceSession, targetSession, targetTask, minSimilarity, limit }: TransferRequest,
): Promise<number> {
  if (sourceSession === undefined || targetSession === undefined) return 0;
  const source = await policyOfSession(store, sourceSession);
  const states = source.states.slice(0, COMPARED_MAX);
  const similarities =
    targetTask === undefined ? [] : await similaritiesTo(project, targetTask, states);
  const isMeant = new Map(
    states.map((state, at) => [state, (similarities[at] ?? 1) >= minSimilarity]),
  );
  return project.inTurn(`session ${targetSession}`, async () => {
    const target = await policyOfSession(store, targetSession);
    let copied = 0;
    for (const [state, action, { q, preference }] of source.entries()) {
      const to = targetTask ?? state;
      if (isMeant.get(state) !== true || target.actions(to).has(action)) continue;
      if (copied >= limit) break;
      Object.assign(target.pair(to, action), { q, preference });
      copied += 1;
    }
    if (copied > 0) await store.put(currentPolicyRecord(targetSession, target));
    return copied;
  });
}
