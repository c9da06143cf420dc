/** The tools of claude-flow that keep values by key. A key of v1 is an id, its namespace a namespace. */
import type { JsonObject, JsonValue } from '../../memory/engine.js';
import type { MemoryStore, StoreRecord } from '../../memory/index.js';
import type { Arguments } from '../arguments.js';
import { type CallContext, jsonAnswer, onStoreWithModel, type Tools } from '../context.js';
import { ToolError } from '../errors.js';
import { nowSeconds, scanned } from '../rows.js';
import { deleteValue, putValue } from '../side-by-side.js';
import * as value from '../values.js';

/** Namespaces of v1's tables: a key in there could be taken for a row. */
const RESERVED = /^(?:agentdb|agentic-flow|claude-flow|reasoningbank|hive|hub|unknown)\//;
const LISTED_MAX = 100;
const FOUND_MAX = 50;

function namespaceOf(args: Arguments): string {
  return value.nameText(args, 'namespace', 'default');
}

function writableNamespaceOf(args: Arguments): string {
  const namespace = namespaceOf(args);
  if (!RESERVED.test(namespace)) return namespace;
  throw new ToolError(
    `the namespace ${JSON.stringify(namespace)} holds the rows of other tools; choose another one`,
  );
}

/** v1 gave back what was JSON as such. */
function readValue(content: string): JsonValue {
  try {
    return JSON.parse(content) as JsonValue;
  } catch {
    return content;
  }
}

function entryOf(record: StoreRecord): JsonObject {
  const { id, content, namespace, metadata, timestamp } = record;
  const changed = value.storedNumber(metadata['updated_at']);
  return {
    key: id,
    value: readValue(content),
    namespace,
    metadata: isPattern(record) ? metadata : (metadata['metadata'] ?? null),
    createdAt: new Date(timestamp).toISOString(),
    updatedAt: new Date(changed === undefined ? timestamp : changed * 1000).toISOString(),
    accessCount: value.storedNumber(metadata['access_count']) ?? 0,
  };
}

/** The namespace `default` has the patterns of the ReasoningBank as well. */
function isPattern({ namespace, metadata }: StoreRecord): boolean {
  return namespace === 'default' && typeof metadata['type'] === 'string';
}

/** The value by a key, if there is one. Throws `ToolError` for a pattern, which is changed otherwise. */
async function entryAt(
  store: MemoryStore,
  namespace: string,
  key: string,
): Promise<StoreRecord | null> {
  const record = await store.get(key, { namespace });
  if (record === null || !isPattern(record)) return record;
  throw new ToolError(
    `${JSON.stringify(key)} is a pattern of the ReasoningBank; choose another key or namespace`,
  );
}

/** Values by key, without the patterns that the namespace may have as well. */
async function newest(
  store: MemoryStore,
  { signal }: CallContext,
  {
    namespace,
    limit,
    isMeant = () => true,
  }: { namespace: string; limit: number; isMeant?: (record: StoreRecord) => boolean },
): Promise<StoreRecord[]> {
  const found: StoreRecord[] = [];
  for await (const record of scanned(store, namespace, { signal, isBounded: true })) {
    if (!isPattern(record) && isMeant(record)) found.push(record);
    if (found.length >= limit) break;
  }
  return found;
}

/** By the texts themselves, and by meaning, patterns too, for what those do not find. */
async function search(
  store: MemoryStore,
  context: CallContext,
  { namespace, pattern, limit }: { namespace: string; pattern: string; limit: number },
): Promise<JsonObject[]> {
  const needle = pattern.toLowerCase();
  const isMeant = ({ id, content }: StoreRecord): boolean =>
    [id, content].some((one) => one.toLowerCase().includes(needle));
  const found = await newest(store, context, { namespace, limit, isMeant });
  if (found.length < limit && pattern.trim() !== '') {
    const known = new Set(found.map(({ id }) => id));
    const near = await store.search({ text: pattern, namespace, limit });
    const others = near.filter(({ id, score }) => !known.has(id) && score >= SIMILAR_FROM);
    found.push(...others.slice(0, limit - found.length));
  }
  return found.map(entryOf);
}

/** Cosine from which on a text of the same meaning is worth showing. */
const SIMILAR_FROM = 0.35;

async function act(args: Arguments, store: MemoryStore, context: CallContext): Promise<JsonObject> {
  const action = value.text(args, 'action');
  const namespace = action === 'list' || action === 'search' ? namespaceOf(args) : '';
  switch (action) {
    case 'store':
      return put(args, store, context);
    case 'retrieve': {
      const key = value.nameText(args, 'key');
      const found = await store.get(key, { namespace: namespaceOf(args) });
      const read = found === null ? null : readValue(found.content);
      return { key, value: read, found: found !== null };
    }
    case 'list': {
      const entries = await newest(store, context, { namespace, limit: LISTED_MAX });
      return { entries: entries.map(entryOf), count: entries.length };
    }
    case 'delete': {
      const key = value.nameText(args, 'key');
      const from = writableNamespaceOf(args);
      await entryAt(store, from, key);
      return {
        key,
        deleted: await deleteValue(context.project, store, { id: key, namespace: from }),
      };
    }
    default: {
      const pattern = value.text(args, 'value') || value.text(args, 'key');
      const results = await search(store, context, { namespace, pattern, limit: FOUND_MAX });
      return { pattern, results, count: results.length };
    }
  }
}

async function put(
  args: Arguments,
  store: MemoryStore,
  { project }: CallContext,
): Promise<JsonObject> {
  const key = value.nameText(args, 'key');
  if (typeof args['value'] !== 'string') throw new ToolError('to store, "value" is needed: a text');
  const content = args['value'];
  const seconds = value.optionalNumber(args, 'ttl');
  if (seconds !== undefined && !(seconds > 0 && seconds <= TTL_MAX_SECONDS)) {
    throw new ToolError(`argument "ttl" is in seconds, more than 0 and at most ${TTL_MAX_SECONDS}`);
  }
  const namespace = writableNamespaceOf(args);
  const before = await entryAt(store, namespace, key);
  const metadata = { storedBy: 'mcp-server', type: 'knowledge' };
  await putValue(project, store, {
    id: key,
    namespace,
    content,
    // The columns of v1's `memory_entries`, as a migration has them.
    metadata: { metadata, updated_at: nowSeconds(), access_count: 0, ttl: seconds ?? null },
    timestamp: before?.timestamp,
    expiresAt: seconds === undefined ? null : Date.now() + Math.round(seconds * 1000),
  });
  return { key, stored: true, size: content.length, id: key };
}

/** A hundred years. */
const TTL_MAX_SECONDS = 3_155_760_000;

export const keyValueTools: Tools = {
  memory_usage: async (args, context) => {
    const action = value.text(args, 'action');
    if (action === 'store' || action === 'search') await context.project.warm();
    const done = await context.project.use((store) => act(args, store, context));
    return jsonAnswer({
      success: true,
      action,
      namespace: namespaceOf(args),
      ...done,
      storage_type: 'sqlite',
      timestamp: new Date().toISOString(),
    });
  },

  memory_search: onStoreWithModel(async (args, store, context) => {
    const pattern = value.text(args, 'pattern');
    const namespace = namespaceOf(args);
    const limit = value.count(args, 'limit', 10);
    const results = await search(store, context, { namespace, pattern, limit });
    return jsonAnswer({
      success: true,
      pattern,
      namespace,
      results,
      count: results.length,
      timestamp: new Date().toISOString(),
    });
  }),
};
