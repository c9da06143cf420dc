/** Learning sessions in the store: the session, its experiences, and its policy. */
import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../memory/engine.js';
import type { MemoryStore, RecordInput, StoreRecord } from '../../memory/index.js';
import { ToolError } from '../errors.js';
import { TRAINING_EXPERIENCES_MAX } from '../limits.js';
import type { ProjectStore } from '../project-store.js';
import { addRows, EXPERIENCES, type NewRow, nowSeconds, POLICIES, SESSIONS } from '../rows.js';
import { isObject, storedNumber, storedText } from '../values.js';
import {
  type Algorithm,
  ALGORITHMS,
  count,
  type Experience,
  learn,
  type Rates,
} from './algorithms.js';
import { Policy, policyOf } from './policy.js';

export interface Session {
  readonly id: string;
  readonly userId: string;
  readonly algorithm: Algorithm;
  readonly rates: Rates;
  readonly batchSize: number;
  readonly targetUpdateFrequency: number;
  readonly isActive: boolean;
  /** As it is stored. */
  readonly metadata: JsonObject;
}

export interface StoredExperience extends Experience {
  readonly id: string;
  readonly sessionId: string;
  readonly isSuccess: boolean;
  readonly createdAtMs: number;
  readonly latencyMs: number | undefined;
}

export async function startSession(
  store: MemoryStore,
  userId: string,
  algorithm: Algorithm,
  config: JsonObject,
): Promise<string> {
  const id = `session-${Date.now()}-${randomUUID().slice(0, 8)}`;
  const metadata = {
    user_id: userId,
    session_type: algorithm,
    config,
    start_time: Date.now(),
    end_time: null,
    status: 'active',
  };
  await store.put(sessionRecord(id, metadata));
  return id;
}

function sessionRecord(id: string, metadata: JsonObject): RecordInput {
  const content = `${storedText(metadata['session_type'])} session of ${storedText(metadata['user_id'])}`;
  return { id, namespace: SESSIONS, content, metadata, vector: null };
}

/** Throws `ToolError` for one that is not there. */
export async function sessionOf(store: MemoryStore, id: string): Promise<Session> {
  const record = await store.get(id, { namespace: SESSIONS });
  if (record === null) throw new ToolError(`Session not found: ${id}`);
  const { metadata } = record;
  const config = isObject(metadata['config']) ? (metadata['config'] as JsonObject) : {};
  const of = (name: string, otherwise: number): number => storedNumber(config[name]) ?? otherwise;
  const type = storedText(metadata['session_type']);
  return {
    id,
    userId: storedText(metadata['user_id']),
    algorithm: ALGORITHMS.find((one) => one === type) ?? 'q-learning',
    rates: {
      learning: of('learningRate', 0.01),
      discount: of('discountFactor', 0.99),
      exploration: of('explorationRate', 0.1),
    },
    batchSize: of('batchSize', 32),
    targetUpdateFrequency: of('targetUpdateFrequency', 100),
    isActive: metadata['status'] === 'active',
    metadata,
  };
}

export async function activeSessionOf(store: MemoryStore, id: string): Promise<Session> {
  const session = await sessionOf(store, id);
  if (session.isActive) return session;
  throw new ToolError(`Session not active: ${id}; start another one`);
}

/** The policy as it is now is under a name of its own; versions, which v1 numbered, are kept beside it. */
function currentPolicyId(session: string): string {
  return `current:${session}`;
}

export async function policyOfSession(store: MemoryStore, session: string): Promise<Policy> {
  const current = await store.get(currentPolicyId(session), { namespace: POLICIES });
  if (current !== null) return policyOf(current.metadata);
  const [newest] = (await policyVersions(store, session)).slice(-1);
  return newest === undefined ? new Policy() : policyOf(newest.metadata);
}

/** Saved policies of a session, the oldest first. */
export async function policyVersions(store: MemoryStore, session: string): Promise<StoreRecord[]> {
  const found: StoreRecord[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<MemoryStore['list']>> = await store.list({
      namespace: POLICIES,
      cursor,
    });
    for (const record of page.records) {
      const isOwn = record.metadata['session_id'] === session;
      if (isOwn && !record.id.startsWith('current:')) found.push(record);
    }
    cursor = page.cursor;
  } while (cursor !== null);
  return found.sort((a, b) => versionOf(a) - versionOf(b));
}

function versionOf({ metadata }: StoreRecord): number {
  return storedNumber(metadata['version']) ?? 0;
}

export function currentPolicyRecord(session: string, policy: Policy): RecordInput {
  return {
    id: currentPolicyId(session),
    namespace: POLICIES,
    content: `policy of ${session}`,
    metadata: { session_id: session, ...policy.toMetadata() },
    vector: null,
  };
}

/** Keeps the policy as a version of its own; returns its number. */
export async function saveVersion(
  project: ProjectStore,
  store: MemoryStore,
  session: string,
  policy: Policy,
): Promise<number> {
  const [newest] = (await policyVersions(store, session)).slice(-1);
  const version = (newest === undefined ? 0 : versionOf(newest)) + 1;
  const metadata = { session_id: session, version, created_at: nowSeconds() };
  const row: NewRow = {
    content: `policy of ${session}, version ${version}`,
    metadata: { ...metadata, ...policy.toMetadata() },
    vector: null,
  };
  await addRows(project, store, POLICIES, [row], [currentPolicyRecord(session, policy)]);
  return version;
}

export async function endSession(
  project: ProjectStore,
  store: MemoryStore,
  session: Session,
): Promise<number> {
  const version = await saveVersion(
    project,
    store,
    session.id,
    await policyOfSession(store, session.id),
  );
  const metadata = { ...session.metadata, status: 'completed', end_time: Date.now() };
  await store.put(sessionRecord(session.id, metadata));
  return version;
}

export interface Feedback extends Experience {
  readonly isSuccess: boolean;
  readonly metadata?: JsonObject;
}

export function experienceRow(session: string, feedback: Feedback): NewRow {
  const { state, action, reward, nextState = null, isSuccess, metadata = {} } = feedback;
  return {
    content: `${state}\n${action}`,
    metadata: {
      session_id: session,
      state,
      action,
      reward,
      next_state: nextState,
      success: isSuccess ? 1 : 0,
      timestamp: Date.now(),
      metadata,
    },
  };
}

/** Keeps experiences, and what the policy of the session makes of them, in one transaction. */
export async function addExperiences(
  project: ProjectStore,
  store: MemoryStore,
  session: Session,
  experiences: readonly Feedback[],
): Promise<number[]> {
  const policy = await policyOfSession(store, session.id);
  for (const experience of experiences) {
    count(policy, experience);
    learn(session.algorithm, policy, experience, session.rates);
  }
  const rows = experiences.map((experience) => experienceRow(session.id, experience));
  return addRows(project, store, EXPERIENCES, rows, [currentPolicyRecord(session.id, policy)]);
}

export function experienceOf({ id, metadata, timestamp }: StoreRecord): StoredExperience {
  const nextState = storedText(metadata['next_state']);
  const more = isObject(metadata['metadata']) ? (metadata['metadata'] as JsonObject) : {};
  return {
    id,
    sessionId: storedText(metadata['session_id']),
    state: storedText(metadata['state']),
    action: storedText(metadata['action']),
    reward: storedNumber(metadata['reward']) ?? 0,
    ...(nextState === '' ? {} : { nextState }),
    isSuccess: storedNumber(metadata['success']) === 1,
    createdAtMs: storedNumber(metadata['timestamp']) ?? timestamp,
    latencyMs: storedNumber(more['latencyMs'] ?? more['latency_ms']),
  };
}

/** The newest experiences of a session, the oldest of them first. */
export async function experiencesOf(
  scan: AsyncIterable<StoreRecord>,
  session: string,
): Promise<StoredExperience[]> {
  const found: StoredExperience[] = [];
  for await (const record of scan) {
    if (record.metadata['session_id'] === session) found.push(experienceOf(record));
    if (found.length >= TRAINING_EXPERIENCES_MAX) break;
  }
  return found.reverse();
}
