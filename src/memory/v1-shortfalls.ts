/**
 * What the form of v1 does not say of the memories of a store. Nodes lose none of it: the v1 engine keeps
 * it in fields of ours beside. It is programs of v1 that do not read it, if they are given the file.
 */
import { DIMENSIONS_KEY } from './bookkeeping.js';
import type { JsonObject, JsonValue, MemoryEngine, ModelVector } from './engine.js';
import { textOf } from './exact-row.js';
import { META_TABLE } from './log-position.js';
import { DEFAULT_NAMESPACE, namespaceOf } from './memory-key.js';
import { MODEL_DIMENSIONS, MODEL_NAME } from './model.js';
import { Pace } from './pace.js';
import { decodePattern } from './v1-pattern.js';

/** How many memories of a store have what v1 has no form for. */
export interface V1Shortfalls {
  readonly expiring: number;
  /** Of a namespace other than `default`. */
  readonly namespaced: number;
  /** Fields of the metadata that v1 knows, with a value of another type than v1's. */
  readonly otherMetadata: number;
  /** A vector of another model or length than the embeddings of the v1 file. */
  readonly otherVectors: number;
}

/** Reads the whole store, in slices. Throws what the store throws, and the reason of the signal. */
export async function countShortfalls(
  engine: MemoryEngine,
  signal?: AbortSignal,
): Promise<V1Shortfalls> {
  const pace = new Pace(signal);
  const counts = { expiring: 0, namespaced: 0, otherMetadata: 0, otherVectors: 0 };
  let dimensions = MODEL_DIMENSIONS;
  const dump = engine.dump();
  try {
    for (const { table, row, vector } of dump.records()) {
      if (pace.isDue) await pace.pause();
      if (table === META_TABLE && row['key'] === DIMENSIONS_KEY) {
        dimensions = Number(row['value'] ?? MODEL_DIMENSIONS);
      }
      if (table !== 'patterns') continue;
      const { metadata, expiresAtMs } = decodePattern(row).memory;
      if (expiresAtMs !== undefined) counts.expiring += 1;
      if (namespaceOf(textOf(row['id'])) !== DEFAULT_NAMESPACE) counts.namespaced += 1;
      if (!isOfV1(metadata)) counts.otherMetadata += 1;
      if (vector !== undefined && !fits(vector, dimensions)) counts.otherVectors += 1;
    }
  } finally {
    dump.close();
  }
  return counts;
}

/** What v1 has no form for, whether it is stored now or not: for a plan, which says it before. */
export const V1_HAS_NO_FORM_FOR: Readonly<Record<keyof V1Shortfalls, string>> = {
  expiring:
    'the time at which a memory expires: programs of v1 read it past its time, the nodes of this swarm do not',
  namespaced:
    'the namespace of a memory: programs of v1 see an id that begins with U+001F and the namespace',
  otherMetadata:
    "title, description, tags, domain, confidence or source of another type than v1's: programs of v1 " +
    'see their defaults',
  otherVectors:
    'a vector of another model or length than the embeddings of the v1 file: programs of v1 search by ' +
    'the stand-in that they make without a model',
};

/** What of it a store holds. */
export function shortfallSentences(counts: V1Shortfalls): string[] {
  const kinds = Object.keys(V1_HAS_NO_FORM_FOR) as (keyof V1Shortfalls)[];
  return kinds.flatMap((kind) => {
    const count = counts[kind];
    if (count === 0) return [];
    return [`${count} ${count === 1 ? 'memory has' : 'memories have'} ${V1_HAS_NO_FORM_FOR[kind]}`];
  });
}

function fits({ model, values }: ModelVector, dimensions: number): boolean {
  return model === MODEL_NAME && values.length === dimensions;
}

/** The fields that `patternRow` takes over, each with the type that v1 gives it. */
function isOfV1(metadata: JsonObject): boolean {
  const { title, description, domain, tags, confidence, source } = metadata;
  return (
    [title, description, domain].every((text) =>
      isAbsentOr(text, (is) => typeof is === 'string'),
    ) &&
    isAbsentOr(tags, (is) => Array.isArray(is) && is.every((tag) => typeof tag === 'string')) &&
    isAbsentOr(confidence, (is) => typeof is === 'number' && is >= 0 && is <= 1) &&
    isAbsentOr(source, (is) => typeof is === 'object' && is !== null && !Array.isArray(is))
  );
}

function isAbsentOr(value: JsonValue | undefined, test: (value: JsonValue) => boolean): boolean {
  return value === undefined || test(value);
}
