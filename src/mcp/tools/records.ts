/** Records of claude-flow's tools: JSON under an id of its own, in a namespace for each kind. */
import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../memory/engine.js';
import type { MemoryStore } from '../../memory/index.js';
import { ToolError } from '../errors.js';
import { scanned } from '../rows.js';
import { type Answer, jsonAnswer } from '../context.js';

export function newId(kind: string): string {
  return `${kind}_${Date.now()}_${randomUUID().slice(0, 8)}`;
}

export async function putJson(
  store: MemoryStore,
  namespace: string,
  id: string,
  value: JsonObject,
): Promise<void> {
  await store.put({ id, namespace, content: summary(value), metadata: value, vector: null });
}

function summary(value: JsonObject): string {
  const { name, type, id } = value;
  return [name, type, id].filter((one) => typeof one === 'string').join(' ');
}

/** Throws `ToolError` for one that is not there. */
export async function getJson(
  store: MemoryStore,
  namespace: string,
  id: string,
  what: string,
): Promise<JsonObject> {
  const record = await store.get(id, { namespace });
  if (record === null) throw new ToolError(`${what} ${id} not found`);
  return record.metadata;
}

/** The newest first. */
export async function allJson(
  store: MemoryStore,
  namespace: string,
  signal: AbortSignal,
): Promise<JsonObject[]> {
  const found: JsonObject[] = [];
  for await (const { metadata } of scanned(store, namespace, { signal })) found.push(metadata);
  return found;
}

/** As these tools answered. */
export function done(value: JsonObject): Answer {
  return jsonAnswer({ success: true, ...value, timestamp: new Date().toISOString() });
}
