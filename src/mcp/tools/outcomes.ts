/** `neural_patterns`: outcomes of operations that were recorded, and how often each came. No network. */
import type { JsonObject } from '../../memory/engine.js';
import type { MemoryStore, StoreRecord } from '../../memory/index.js';
import type { Arguments } from '../arguments.js';
import { type CallContext, onStoreWithModel, type Tools } from '../context.js';
import { ToolError } from '../errors.js';
import { scanned } from '../rows.js';
import * as value from '../values.js';
import { done, newId } from './records.js';

/** v1's namespace for them, with the JSON as the value. */
const NAMESPACE = 'patterns';
const TYPE = 'learning_experience';
const SIMILAR_MAX = 50;
const SIMILAR_FROM = 0.5;
const LISTED_MAX = 100;

async function learn(
  args: Arguments,
  store: MemoryStore,
  { project }: CallContext,
): Promise<JsonObject> {
  const operation = value.nameText(args, 'operation');
  const outcome = value.nameText(args, 'outcome');
  const learningId = newId('learning');
  const metadata = value.object(args, 'metadata');
  const learnt = { learningId, operation, outcome, metadata, timestamp: new Date().toISOString() };
  const [vector] = await project.embed([operation]);
  await store.put({
    id: learningId,
    namespace: NAMESPACE,
    content: JSON.stringify(learnt),
    metadata: { type: TYPE, operation, outcome, storedBy: 'neural_patterns' },
    ...(vector === undefined ? {} : { vector }),
  });
  return { learningId, stored: true };
}

async function predict(args: Arguments, store: MemoryStore): Promise<JsonObject> {
  const operation = value.nameText(args, 'operation');
  const hits = await store.search({
    text: operation,
    mode: 'vector',
    namespace: NAMESPACE,
    limit: SIMILAR_MAX,
    filter: { type: TYPE },
  });
  const similar = hits.filter(({ score }) => score >= SIMILAR_FROM);
  if (similar.length === 0) {
    throw new ToolError('no outcome of a similar operation is recorded; record some with "learn"');
  }
  const counts = countsOf(similar, 'outcome');
  const [[outcome, count] = ['', 0]] = counts;
  return {
    prediction: {
      outcome,
      confidence: count / similar.length,
      based_on: similar.length,
      outcomes: Object.fromEntries(counts),
    },
  };
}

async function analyze(
  args: Arguments,
  store: MemoryStore,
  { signal }: CallContext,
): Promise<JsonObject> {
  const id = value.optionalText(value.object(args, 'metadata'), 'modelId');
  if (id !== undefined) {
    throw new ToolError(
      `there is no model ${id}: only recorded outcomes are kept, no trained models`,
    );
  }
  const found: StoreRecord[] = [];
  for await (const record of scanned(store, NAMESPACE, { signal })) {
    if (record.metadata['type'] === TYPE) found.push(record);
  }
  const patterns = found.slice(0, LISTED_MAX).map(({ id: learningId, metadata, timestamp }) => ({
    learningId,
    operation: metadata['operation'] ?? '',
    outcome: metadata['outcome'] ?? '',
    timestamp: new Date(timestamp).toISOString(),
  }));
  const operations = Object.fromEntries(countsOf(found, 'operation').slice(0, LISTED_MAX));
  return { total_patterns: found.length, operations, patterns };
}

/** The most frequent first. */
function countsOf(records: readonly StoreRecord[], field: string): [string, number][] {
  const counts = new Map<string, number>();
  for (const { metadata } of records) {
    const key = value.storedText(metadata[field]);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}

export const outcomeTools: Tools = {
  neural_patterns: onStoreWithModel(async (args, store, context) => {
    const action = value.text(args, 'action');
    const found =
      action === 'learn'
        ? await learn(args, store, context)
        : action === 'predict'
          ? await predict(args, store)
          : await analyze(args, store, context);
    return done({ action, ...found });
  }),
};
