/** Records and edges as a program has them, checked before the thread gets them. */
import { COMMAND_TEXTS, commandProblem, type TextLimits } from '../command.js';
import type { JsonObject, ModelVector, TimeRange } from '../engine.js';
import { invalid } from '../errors.js';
import { TIMESTAMP_MAX_MS } from '../limits.js';
import { DEFAULT_NAMESPACE, memoryKey, parseMemoryKey } from '../memory-key.js';
import type { LinkOperation, PutOperation } from './operations.js';
import type { StoreModel } from './store-file.js';
import type { StoredMemory } from './thread-messages.js';

/** A record to be put. */
export interface RecordInput {
  /** 1 to 4,096 characters, together with the namespace. */
  readonly id: string;
  /** `default` when left out. */
  readonly namespace?: string | undefined;
  /** At most 4,000,000 characters. */
  readonly content: string;
  /** A JSON object of at most 1,000,000 characters; empty when left out. */
  readonly metadata?: JsonObject | undefined;
  /** Made by the embedder when left out; null: none. Numbers alone are of the store's model. */
  readonly vector?: ModelVector | ArrayLike<number> | null | undefined;
  /** Milliseconds since 1970; now when left out. */
  readonly timestamp?: number | undefined;
  /** Milliseconds since 1970 from which on the record is gone; null or left out: never. */
  readonly expiresAt?: number | null | undefined;
}

/** A record that is stored. */
export interface StoreRecord {
  readonly id: string;
  readonly namespace: string;
  readonly content: string;
  readonly metadata: JsonObject;
  readonly timestamp: number;
  readonly expiresAt: number | null;
  /** Only where it was asked for; null: it has none. */
  readonly vector?: ModelVector | null;
}

/** A directed edge between two records. */
export interface EdgeInput {
  readonly from: string;
  readonly to: string;
  /** Kind of the edge, 1 to 4,096 characters. */
  readonly type: string;
  /** 0 to 1; 1 when left out. */
  readonly weight?: number | undefined;
  /** Of the record that it leaves; `default` when left out. */
  readonly namespace?: string | undefined;
  /** Of the record that it leads to; that of the other end when left out. */
  readonly toNamespace?: string | undefined;
}

/** A stored edge. */
export interface StoreEdge {
  readonly from: string;
  readonly to: string;
  readonly type: string;
  readonly weight: number;
  readonly namespace: string;
  readonly toNamespace: string;
}

/** A put without its vector. `texts`: the longest that it may have. Throws `invalid`. */
export function putOperation(input: RecordInput, texts = COMMAND_TEXTS): PutOperation {
  if (typeof input !== 'object' || input === null) throw invalid('a record is an object');
  const { id, namespace = DEFAULT_NAMESPACE, content, metadata = {}, expiresAt = null } = input;
  const { timestamp: timestampMs = Date.now() } = input;
  const key = memoryKey(namespace, id);
  if (typeof content !== 'string') throw invalid(`${named(id)} has a content that is no text`);
  if (content.length > texts.contentCharactersMax) {
    throw invalid(
      `${named(id)} has a content of ${content.length} characters; at most ${texts.contentCharactersMax} ` +
        'are stored, divide it',
    );
  }
  if (expiresAt !== null && !isInstant(expiresAt)) {
    throw invalid(`${named(id)} expires at no whole number of milliseconds since 1970`);
  }
  const json = metadataText(metadata, id, texts);
  const checked = { type: 'insertMemory', id: key, content, metadata: {}, vector: null } as const;
  const problem = commandProblem({ ...checked, timestampMs }, texts);
  if (problem !== undefined) throw invalid(`${named(id)} cannot be stored: ${problem}`);
  return {
    type: 'put',
    key,
    content,
    metadata: json,
    vector: null,
    timestampMs,
    expiresAtMs: expiresAt,
  };
}

function metadataText(metadata: unknown, id: string, texts: TextLimits): string {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw invalid(`the metadata of ${named(id)} is no object`);
  }
  let json: string | undefined;
  try {
    json = JSON.stringify(metadata);
  } catch (error) {
    const detail = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    throw invalid(`the metadata of ${named(id)} is no JSON: ${detail}`);
  }
  // A `toJSON` may make something else of it.
  if (json === undefined || !json.startsWith('{')) {
    throw invalid(`the metadata of ${named(id)} is no JSON object`);
  }
  if (json.length > texts.metadataCharactersMax) {
    throw invalid(
      `the metadata of ${named(id)} has ${json.length} characters; at most ${texts.metadataCharactersMax} ` +
        'are stored',
    );
  }
  return json;
}

/** A vector that a store with this model takes; it may be a view of what is given. Throws `invalid`. */
export function checkedVector(
  vector: ModelVector | ArrayLike<number>,
  model: StoreModel | null,
  modelName: string | undefined,
): ModelVector {
  const isNamed = typeof vector === 'object' && vector !== null && 'model' in vector;
  const name = isNamed ? vector.model : (model?.model ?? modelName);
  const given: unknown = isNamed ? vector.values : vector;
  if (name === undefined) {
    throw invalid(
      'a vector of an unknown model; give { model, values }, or name the model to open',
    );
  }
  if (!isNumbers(given)) throw invalid('a vector is a list of numbers');
  if (model !== null && (model.model !== name || model.dimensions !== given.length)) {
    throw invalid(
      `a vector of ${given.length} components of the model ${JSON.stringify(name)} does not fit a store ` +
        `of ${model.dimensions} components of ${JSON.stringify(model.model)}; a store has one model`,
    );
  }
  const values = given instanceof Float32Array ? given : Float32Array.from(given);
  const probe = {
    type: 'insertMemory',
    id: 'a',
    content: '',
    metadata: {},
    timestampMs: 0,
  } as const;
  const problem = commandProblem({ ...probe, vector: { model: name, values } });
  if (problem !== undefined) throw invalid(`a vector cannot be stored: ${problem}`);
  if (values.every((value) => value === 0)) {
    throw invalid('a vector of zeros has no direction and is never found');
  }
  return { model: name, values };
}

function isNumbers(value: unknown): value is ArrayLike<number> {
  if (value instanceof Float32Array || value instanceof Float64Array) return true;
  return Array.isArray(value) && value.every((one) => typeof one === 'number');
}

/** Throws `invalid`. */
export function linkOperation(edge: EdgeInput): LinkOperation {
  const { weight = 1 } = edge;
  const { from, to, relation } = edgeEnds(edge);
  const probe = { type: 'addEdge', from, to, relation, weight, timestampMs: 0 } as const;
  const problem = typeof weight === 'number' ? commandProblem(probe) : 'the weight is no number';
  if (problem !== undefined) throw invalid(`an edge cannot be stored: ${problem}`);
  return { type: 'link', from, to, relation, weight };
}

/** The ends as keys. Throws `invalid`. */
export function edgeEnds(edge: EdgeInput): { from: string; to: string; relation: string } {
  if (typeof edge !== 'object' || edge === null) throw invalid('an edge is an object');
  const { namespace = DEFAULT_NAMESPACE, toNamespace = namespace, type: relation } = edge;
  if (typeof relation !== 'string') throw invalid('the type of an edge is a text');
  const [from, to] = [memoryKey(namespace, edge.from), memoryKey(toNamespace, edge.to)];
  const problem = commandProblem({ type: 'deleteEdge', from, to, relation, timestampMs: 0 });
  if (problem !== undefined) throw invalid(`an edge has no such name: ${problem}`);
  return { from, to, relation };
}

/** Throws `invalid`. */
export function checkedRange(range: TimeRange = {}): TimeRange {
  const { fromMs, toMs } = range;
  for (const end of [fromMs, toMs]) {
    if (end !== undefined && !Number.isFinite(end)) {
      throw invalid('a time range is { fromMs, toMs } of milliseconds since 1970');
    }
  }
  return range;
}

export function recordOf({
  id: key,
  createdAtMs,
  expiresAtMs,
  ...rest
}: StoredMemory): StoreRecord {
  return { ...placeOf(key), ...rest, timestamp: createdAtMs, expiresAt: expiresAtMs };
}

/** What only the engine can have written keeps its key. */
export function placeOf(key: string): { id: string; namespace: string } {
  return parseMemoryKey(key) ?? { namespace: DEFAULT_NAMESPACE, id: key };
}

function isInstant(value: unknown): value is number {
  const isWhole = typeof value === 'number' && Number.isSafeInteger(value);
  return isWhole && value >= 0 && value <= TIMESTAMP_MAX_MS;
}

/** Names may have thousands of characters and line ends. */
function named(id: string): string {
  return JSON.stringify(id.length > 60 ? `${id.slice(0, 59)}…` : id);
}
