/**
 * The lines of an export: one JSON object a line. A header, records, edges, and an end that tells how
 * many there were, so that a file that was cut is not taken for a whole one.
 *
 *     {"format":"agentic-flow-memory","version":1,"model":"m","dimensions":3,"records":1,"edges":0}
 *     {"record":{"id":"a","content":"text","metadata":{},"timestamp":0,"vector":"AACAPwAAAAAAAAAA"}}
 *     {"end":{"records":1,"edges":0}}
 *
 * A vector is base64 of float32 values, the lowest byte first; a list of numbers is read as well.
 */
import type { JsonObject } from '../engine.js';
import { invalid, MemoryError } from '../errors.js';
import { DEFAULT_NAMESPACE } from '../memory-key.js';
import { vectorOfBytes } from '../vector-bytes.js';
import type { StoreEdge, StoreRecord } from './records.js';
import type { StoreModel } from './store-file.js';

const EXPORT_FORMAT = 'agentic-flow-memory';
const EXPORT_VERSION = 1;

export interface Header {
  readonly model: string | null;
  readonly dimensions: number | null;
  readonly records: number;
  readonly edges: number;
}

type LineRecord = Omit<StoreRecord, 'vector'> & { readonly vector: Float32Array | null };

export type Line =
  | { readonly type: 'header'; readonly header: Header }
  | { readonly type: 'record'; readonly record: LineRecord }
  | { readonly type: 'edge'; readonly edge: StoreEdge }
  | { readonly type: 'end'; readonly records: number; readonly edges: number };

export function headerLine(
  model: StoreModel | null,
  counts: { readonly records: number; readonly edges: number },
): string {
  const { model: name = null, dimensions = null } = model ?? {};
  const { records, edges } = counts;
  return JSON.stringify({
    format: EXPORT_FORMAT,
    version: EXPORT_VERSION,
    model: name,
    dimensions,
    records,
    edges,
  });
}

export function endLine({ records, edges }: { records: number; edges: number }): string {
  return JSON.stringify({ end: { records, edges } });
}

interface Place {
  readonly namespace: string;
  readonly name: string;
}

interface RecordParts extends Place {
  readonly content: string;
  readonly metadata: JsonObject;
  readonly createdAtMs: number;
  readonly expiresAt: number | null;
  readonly vector: Uint8Array | null;
}

export function recordLine(parts: RecordParts): string {
  const { namespace, name: id, content, metadata, createdAtMs: timestamp } = parts;
  const { expiresAt, vector } = parts;
  const record = {
    id,
    ...(namespace === DEFAULT_NAMESPACE ? {} : { namespace }),
    content,
    metadata,
    timestamp,
    ...(expiresAt === null ? {} : { expiresAt }),
    ...(vector === null ? {} : { vector: Buffer.from(vector).toString('base64') }),
  };
  return JSON.stringify({ record });
}

export function edgeLine(from: Place, to: Place, type: string, weight: number): string {
  const edge = {
    from: from.name,
    to: to.name,
    type,
    weight,
    ...(from.namespace === DEFAULT_NAMESPACE ? {} : { namespace: from.namespace }),
    ...(to.namespace === from.namespace ? {} : { toNamespace: to.namespace }),
  };
  return JSON.stringify({ edge });
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads a line. Throws `invalid` and `newer-version` with the number of the line. */
export function parseLine(text: string, number: number): Line {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badLine(number, 'it is not JSON');
  }
  if (!isObject(value)) throw badLine(number, 'it is no JSON object');
  const { format, record, edge, end } = value;
  if (format !== undefined) return { type: 'header', header: headerOf(value, number) };
  if (isObject(record)) return { type: 'record', record: recordOf(record, number) };
  if (isObject(edge)) return { type: 'edge', edge: edgeOf(edge, number) };
  if (isObject(end)) {
    const { records, edges } = end;
    if (!isCount(records) || !isCount(edges)) throw badLine(number, 'its end has no counts');
    return { type: 'end', records, edges };
  }
  throw badLine(number, 'it is neither header, record, edge nor end');
}

export function badLine(number: number, what: string): MemoryError {
  return invalid(`line ${number} cannot be imported: ${what}`);
}

function headerOf(fields: Fields, number: number): Header {
  const { format, version, model = null, dimensions = null, records = 0, edges = 0 } = fields;
  if (format !== EXPORT_FORMAT) throw badLine(number, `the format is not ${EXPORT_FORMAT}`);
  if (!isCount(version) || version < 1) throw badLine(number, 'the version is no number');
  if (version > EXPORT_VERSION) {
    const sentence = `line ${number} has version ${version} of the export, this release reads up to ${EXPORT_VERSION}; upgrade`;
    throw new MemoryError('newer-version', sentence);
  }
  const isModel = typeof model === 'string' && isCount(dimensions);
  if (!isModel && !(model === null && dimensions === null)) {
    throw badLine(number, 'its model has no name with dimensions');
  }
  if (!isCount(records) || !isCount(edges)) throw badLine(number, 'it has no counts');
  return { model, dimensions, records, edges } as Header;
}

function recordOf(fields: Fields, number: number): LineRecord {
  const { id, namespace = DEFAULT_NAMESPACE, content, metadata = {}, timestamp } = fields;
  const { expiresAt = null, vector = null } = fields;
  if (typeof id !== 'string' || typeof namespace !== 'string' || typeof content !== 'string') {
    throw badLine(number, 'id, namespace and content of a record are texts');
  }
  if (!isObject(metadata)) throw badLine(number, 'the metadata of a record is an object');
  if (typeof timestamp !== 'number' || (expiresAt !== null && typeof expiresAt !== 'number')) {
    throw badLine(number, 'timestamp and expiresAt of a record are numbers');
  }
  return {
    id,
    namespace,
    content,
    metadata: metadata as JsonObject,
    timestamp,
    expiresAt,
    vector: vectorOf(vector, number),
  };
}

function edgeOf(fields: Fields, number: number): StoreEdge {
  const { from, to, type, weight, namespace = DEFAULT_NAMESPACE } = fields;
  const { toNamespace = namespace } = fields;
  for (const name of [from, to, type, namespace, toNamespace]) {
    if (typeof name !== 'string') throw badLine(number, 'the names of an edge are texts');
  }
  if (typeof weight !== 'number') throw badLine(number, 'the weight of an edge is a number');
  return { from, to, type, weight, namespace, toNamespace } as StoreEdge;
}

function vectorOf(value: unknown, number: number): Float32Array | null {
  if (value === null) return null;
  if (Array.isArray(value) && value.every((one) => typeof one === 'number')) {
    return Float32Array.from(value as number[]);
  }
  if (typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value)) {
    const bytes = Buffer.from(value, 'base64');
    if (bytes.length % 4 === 0) {
      return vectorOfBytes(bytes);
    }
  }
  throw badLine(number, 'the vector is neither base64 of float32 values nor a list of numbers');
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
