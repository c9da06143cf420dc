/**
 * How a node lays out its log on the simulated disk. It is the layout of production
 * (`nodes/storage/frame-format.ts`) in units that the disk loses one by one:
 *
 *     slot/N    what frame N is, written along with the batch after its own: it is there once the
 *               sync of the frame has returned
 *     head/N    the same, and the end of the log before it
 *     data/N    the entries of the frame
 *     state/I   the snapshot at index I
 */
import type { Entry, SnapshotMeta } from '../../consensus/raft/index.js';
import type { FrameFacts, LogPosition } from '../../nodes/storage/frame-format.js';

export interface StoredHead {
  readonly facts: FrameFacts;
  readonly before: LogPosition;
}

export interface StoredData {
  readonly number: number;
  /** As each record of production has it. */
  readonly kind: FrameFacts['kind'];
  readonly entries: readonly Entry[];
}

export interface StoredSnapshot {
  readonly meta: SnapshotMeta;
  readonly state: string;
}

/** Everything that a node writes. */
export type RaftValue = FrameFacts | StoredHead | StoredData | StoredSnapshot;

/** A number as part of a key, so that the order of the keys is that of the numbers. */
function padded(number: number): string {
  return String(number).padStart(9, '0');
}

export const slotKey = (number: number): string => `slot/${padded(number)}`;
export const headKey = (number: number): string => `head/${padded(number)}`;
export const dataKey = (number: number): string => `data/${padded(number)}`;
export const stateKey = (index: number): string => `state/${padded(index)}`;

/** The number in a key. */
export function numberOf(key: string): number {
  return Number(key.slice(key.indexOf('/') + 1));
}

/** Whether a frame of this kind has entries behind its head. */
export function hasData({ kind, count }: FrameFacts): boolean {
  return (kind === 'append' || kind === 'repair') && count > 0;
}
