/**
 * The rules by which v2 refuses a row of v1. A refused row is kept whole with its reason, so rows in
 * v1 are always rows in v2 plus quarantined ones. The rules look at the row, at which memories exist
 * and at the verdicts on poisoned links, and at nothing else: all nodes refuse the same rows.
 */
import { type Row, TEXT_BYTES_KEY } from './exact-row.js';

export type QuarantineReason =
  /** A memory whose id is missing, empty or no text. */
  | 'memory-without-id'
  /** A link whose ends or relation are no text. */
  | 'link-without-name'
  /** A link with an end that is no memory. */
  | 'link-end-missing'
  /** A link whose weight is no number from 0 to 1. */
  | 'link-weight-out-of-range'
  /** A link drawn by v1's faulty consolidation; see `poisoned-links.ts`. */
  | 'link-from-faulty-consolidation';

/** What each reason means, for reports. */
export const REASON_TEXTS: Readonly<Record<QuarantineReason, string>> = {
  'memory-without-id': 'the memory has no id by which it could be found',
  'link-without-name': 'an end or the relation of the link is no text',
  'link-end-missing': 'an end of the link is no memory',
  'link-weight-out-of-range': 'the weight of the link is no number from 0 to 1',
  'link-from-faulty-consolidation':
    "drawn by v1's consolidate(), which compared the bytes of the embeddings, not their values",
};

/** Why a row of `patterns` is refused, or undefined. */
export function judgeMemory(row: Row): QuarantineReason | undefined {
  return isName(row, 'id') && row['id'] !== '' ? undefined : 'memory-without-id';
}

/** Why a row of `pattern_links` is refused, or undefined. */
export function judgeLink(
  row: Row,
  isMemory: (id: string) => boolean,
  isPoisoned: boolean,
): QuarantineReason | undefined {
  if (!['src_id', 'dst_id', 'relation'].every((column) => isName(row, column))) {
    return 'link-without-name';
  }
  if (isPoisoned) return 'link-from-faulty-consolidation';
  if (!isMemory(String(row['src_id'])) || !isMemory(String(row['dst_id']))) {
    return 'link-end-missing';
  }
  const weight = row['weight'];
  const inRange = typeof weight === 'number' && weight >= 0 && weight <= 1;
  return inRange ? undefined : 'link-weight-out-of-range';
}

/** Whether a column holds exactly this name; what is no name is never another one. */
export function isNamed(row: Row, column: string, name: string): boolean {
  return isName(row, column) && row[column] === name;
}

/** A text that a string can carry: not bytes, and not cut at a NUL by the binding. */
function isName(row: Row, column: string): boolean {
  const value = row[column];
  const broken = row[TEXT_BYTES_KEY];
  if (typeof broken === 'string' && broken.split(',').includes(column)) return false;
  return typeof value === 'string' && !value.includes('\0');
}
