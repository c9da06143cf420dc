/** Bytes of one row of a dump: a msgpack array `[version, table, [name, kind, value, ...], vector]`. */
import type { DumpRecord } from '../../src/memory/engine.js';
import { Fields, bytesToFloats, decode, encode, floatsToBytes } from './fields.js';
import { MODEL_LENGTH_MAX } from './limits.js';

const DUMP_VERSION = 1;
const COLUMNS_MAX = 256;
const NAME_LENGTH_MAX = 256;
/** A v1 row can hold a text of any size that SQLite takes. */
const TEXT_LENGTH_MAX = 1_000_000_000;

type Column = DumpRecord['row'][string];

export function encodeDumpRecord(record: DumpRecord): Uint8Array {
  const columns = Object.entries(record.row).map(([name, value]) => [name, ...typed(value)]);
  const { vector } = record;
  return encode([
    DUMP_VERSION,
    record.table,
    columns,
    vector === undefined ? null : [vector.model, floatsToBytes(vector.values)],
  ]);
}

/** SQLite tells 1 from 1.0 and text from bytes; msgpack does not tell the former, so we do. */
function typed(value: Column): unknown[] {
  if (value === null) return ['null'];
  if (typeof value === 'string') return ['text', value];
  if (typeof value === 'bigint') return ['integer', String(value)];
  if (typeof value === 'number') return ['real', floatsToBytes64(value)];
  return ['blob', value];
}

export function decodeDumpRecord(bytes: Uint8Array): DumpRecord {
  const fields = new Fields(decode(bytes, 'dump record'), 'dump record');
  const version = fields.count('version');
  if (version !== DUMP_VERSION) {
    fields.fail('version', `${DUMP_VERSION}; it is ${version}, of another release`);
  }
  const table = fields.string('table', NAME_LENGTH_MAX);
  const columns = fields.list('columns', COLUMNS_MAX, (list) => readColumn(list.fields('column')));
  const vector = fields.nullable((outer) => {
    const inner = outer.fields('vector');
    const model = inner.string('model', MODEL_LENGTH_MAX);
    return { model, values: bytesToFloats(inner.bytes('values')) };
  });
  const row = Object.fromEntries(columns);
  return vector === null ? { table, row } : { table, row, vector };
}

function readColumn(fields: Fields): [string, Column] {
  const name = fields.string('name', NAME_LENGTH_MAX);
  const kind = fields.oneOf('kind', ['null', 'text', 'integer', 'real', 'blob']);
  switch (kind) {
    case 'null':
      return [name, null];
    case 'text':
      return [name, fields.string('value', TEXT_LENGTH_MAX)];
    case 'integer':
      return [name, BigInt(fields.string('value', 20))];
    case 'real':
      return [name, bytesToFloat64(fields.bytes('value'))];
    case 'blob':
      return [name, fields.bytes('value')];
  }
}

function floatsToBytes64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return bytes;
}

function bytesToFloat64(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0, true);
}
