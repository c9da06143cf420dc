/** What a caller asks the thread of a store to write, and what comes of it. */
import type { JsonObject, MemoryCommand, ModelVector } from '../engine.js';
import { type PackedPuts, unpackPuts } from './packed-puts.js';

export interface PutOperation {
  readonly type: 'put';
  readonly key: string;
  readonly content: string;
  /** As JSON, so that what is checked is what is stored. */
  readonly metadata: string;
  readonly vector: ModelVector | null;
  readonly timestampMs: number;
  readonly expiresAtMs: number | null;
}

interface DeleteOperation {
  readonly type: 'delete';
  readonly key: string;
}

export interface LinkOperation {
  readonly type: 'link';
  readonly from: string;
  readonly to: string;
  readonly relation: string;
  readonly weight: number;
}

interface UnlinkOperation {
  readonly type: 'unlink';
  readonly from: string;
  readonly to: string;
  readonly relation: string;
}

export type Operation = PutOperation | DeleteOperation | LinkOperation | UnlinkOperation;

/** What one call writes: puts alone, or anything. */
export type Write = PackedPuts | readonly Operation[];

export function isPacked(write: Write): write is PackedPuts {
  return 'block' in write;
}

export function countOf(write: Write): number {
  return isPacked(write) ? write.count : write.length;
}

export function operationsOf(write: Write): readonly Operation[] {
  return isPacked(write) ? unpackPuts(write.block) : write;
}

/** The memories that an operation is about. */
export function keysOf(operation: Operation): readonly string[] {
  return 'key' in operation ? [operation.key] : [operation.from, operation.to];
}

export function commandOf(operation: Operation, nowMs: number): MemoryCommand {
  switch (operation.type) {
    case 'put': {
      const { key: id, content, vector, timestampMs } = operation;
      const metadata = JSON.parse(operation.metadata) as JsonObject;
      return { type: 'insertMemory', id, content, metadata, vector, timestampMs };
    }
    case 'delete':
      return { type: 'deleteMemory', id: operation.key, timestampMs: nowMs };
    case 'link': {
      const { from, to, relation, weight } = operation;
      return { type: 'addEdge', from, to, relation, weight, timestampMs: nowMs };
    }
    case 'unlink': {
      const { from, to, relation } = operation;
      return { type: 'deleteEdge', from, to, relation, timestampMs: nowMs };
    }
  }
}
