/** What a store and its thread say to each other. */
import type { Memory, ModelVector, SearchHit, SearchQuery } from '../engine.js';
import { isOfAnotherSchema, MemoryError, memoryError, type MemoryErrorCode } from '../errors.js';
import { GraphError, type GraphErrorCode, type Position } from '../graph/index.js';
import type {
  KHops,
  KHopsOptions,
  NeighbourOptions,
  Neighbours,
  Parameters,
  Path,
  PathOptions,
  QueryResult,
  Traversal,
  TraverseOptions,
} from '../graph/index.js';
import type { Compaction } from './compact.js';
import type { NamespaceCount, Page, PageQuery } from './listing.js';
import type { Write } from './operations.js';
import type { StoreModel } from './store-file.js';
import type { ThreadStats } from './stats.js';

/** A memory as the thread knows it; its id is a key. */
export interface StoredMemory extends Omit<Memory, 'expiresAtMs'> {
  readonly expiresAtMs: number | null;
  /** Only where it was asked for. */
  readonly vector?: ModelVector | null;
}

export interface StoredHit extends SearchHit {
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
}

/** What a call may tell while it runs, and what ends it early. */
export interface CallContext {
  readonly signal: AbortSignal;
  readonly progress: (done: number, total: number) => void;
}

/** The calls that the thread answers; each has a context as its last argument there. */
export interface ThreadCalls {
  write(write: Write): Promise<boolean[]>;
  /** Writes what waits now; all of it is in the file itself, too. */
  flush(): Promise<void>;
  /** Everything that was acknowledged is in the file itself, too. */
  settle(): Promise<void> | undefined;
  get(key: string, withVector: boolean): StoredMemory | null;
  list(query: PageQuery): Page;
  namespaces(): NamespaceCount[];
  deleteNamespace(namespace: string): Promise<number>;
  search(query: SearchQuery): Promise<StoredHit[]>;
  neighbours(key: string, options: NeighbourOptions): Promise<Neighbours>;
  kHops(key: string, options: KHopsOptions): Promise<KHops>;
  path(from: string, to: string, options: PathOptions): Promise<Path | null>;
  traverse(key: string, options: TraverseOptions): Promise<Traversal>;
  query(text: string, parameters: Parameters): Promise<QueryResult>;
  stats(): ThreadStats;
  compact(): Promise<Compaction>;
  openExport(): ExportStart;
  exportPage(number: number): readonly string[];
  closeExport(number: number): void;
  close(): Promise<void>;
}

export type ThreadMethod = keyof ThreadCalls;

/** An export that has begun, with what it will have. */
export interface ExportStart {
  readonly number: number;
  readonly records: number;
  readonly edges: number;
}

export interface ThreadSettings {
  readonly path: string;
  readonly create: boolean;
  readonly adopt: boolean;
  readonly batchOperations: number;
  readonly batchDelayMs: number;
}

/** To the thread. */
export type Request =
  | {
      readonly type: 'call';
      readonly call: number;
      readonly method: ThreadMethod;
      readonly args: readonly unknown[];
    }
  | { readonly type: 'cancel'; readonly call: number }
  /** Let go of the file now; what waits is not written. */
  | { readonly type: 'end' };

/** From the thread. */
export type Answer =
  | { readonly type: 'opened'; readonly model: StoreModel | null }
  | { readonly type: 'refused'; readonly error: SentError }
  | CallAnswer;

/** About one call. */
export type CallAnswer =
  | {
      readonly type: 'progress';
      readonly call: number;
      readonly done: number;
      readonly total: number;
    }
  | { readonly type: 'done'; readonly call: number; readonly value: unknown }
  | { readonly type: 'failed'; readonly call: number; readonly error: SentError };

/** An error that survives the way between threads. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly path?: string;
  readonly position?: Position;
}

/** `path`: the store that it is about. */
export function sendableError(error: unknown, path: string): SentError {
  if (isOfAnotherSchema(error)) return sendableError(memoryError('damaged', path, error), path);
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message } = error;
  if (error instanceof MemoryError) {
    const { code, path: of } = error;
    return of === undefined ? { name, message, code } : { name, message, code, path: of };
  }
  if (!(error instanceof GraphError)) return { name, message };
  const { code, position } = error;
  return position === undefined ? { name, message, code } : { name, message, code, position };
}

export function receivedError({ name, message, code, path, position }: SentError): Error {
  if (name === 'MemoryError') return new MemoryError(code as MemoryErrorCode, message, path);
  if (name === 'GraphError') {
    // The message of one with a position begins with it already.
    const error = new GraphError(code as GraphErrorCode, message);
    return position === undefined ? error : Object.assign(error, { position });
  }
  const error = new Error(message);
  error.name = name;
  return error;
}
