/**
 * The contract between the replicated log and a memory engine.
 *
 * A command in the log is neutral to the engine that applies it, so that a node that still serves the
 * v1 files and a node that already serves the v2 store apply one log and hold the same memories.
 * Applying is deterministic: two engines that applied the same commands report the same outcomes.
 */

import type { MemoryGraph } from './graph/index.js';
import type { AttentionKind } from './rerank/architecture.js';
import type { Reranker } from './rerank/reranker.js';
import type { TrainingExample } from './rerank/training-example.js';

export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
export type JsonObject = { readonly [key: string]: JsonValue };

/** A vector and the model that made it. Vectors of different models are never compared. */
export interface ModelVector {
  readonly model: string;
  readonly values: Float32Array;
}

/** Inserts a memory, or replaces the one with the same id. */
export interface InsertMemory {
  readonly type: 'insertMemory';
  readonly id: string;
  readonly content: string;
  readonly metadata: JsonObject;
  /** Made once by the proposing node, so that no replica embeds it again. */
  readonly vector: ModelVector | null;
  readonly timestampMs: number;
  /** Milliseconds since 1970 from which on it may be expired; never when left out. */
  readonly expiresAtMs?: number | undefined;
}

/** Adds a directed edge, or replaces the weight of the one with the same ends and relation. */
export interface AddEdge {
  readonly type: 'addEdge';
  readonly from: string;
  readonly to: string;
  readonly relation: string;
  /** Finite, 0 to 1. */
  readonly weight: number;
  readonly timestampMs: number;
}

/** Deletes a memory with its vector and every edge that leaves it or leads to it. */
export interface DeleteMemory {
  readonly type: 'deleteMemory';
  readonly id: string;
  readonly timestampMs: number;
}

export interface DeleteEdge {
  readonly type: 'deleteEdge';
  readonly from: string;
  readonly to: string;
  readonly relation: string;
  readonly timestampMs: number;
}

/**
 * Deletes a memory as `DeleteMemory` does if it expires at `timestampMs` or before: one that was put anew
 * meanwhile stays, which is `not-found`.
 */
export interface ExpireMemory {
  readonly type: 'expireMemory';
  readonly id: string;
  readonly timestampMs: number;
}

export type MemoryCommand = InsertMemory | AddEdge | DeleteMemory | DeleteEdge | ExpireMemory;

/**
 * `missing-endpoint`: an edge whose `from` or `to` is no memory; nothing was written.
 * `not-found`: there is nothing to delete.
 * `invalid`: the command breaks a rule of `command.ts` (see `commandProblem`); nothing was written.
 * Proposers check first, but an engine must not stop on an entry that every node has committed.
 */
export type ApplyOutcome = 'ok' | 'missing-endpoint' | 'invalid' | 'not-found';

export interface LoggedCommand {
  /** Index of the log entry that carries the command. */
  readonly index: number;
  readonly command: MemoryCommand;
}

/** A memory as a user reads it; equal on a v1 and a v2 engine. */
export interface Memory {
  readonly id: string;
  readonly content: string;
  readonly metadata: JsonObject;
  readonly createdAtMs: number;
  /**
   * Milliseconds since 1970 from which on whoever serves it must not; it is there until a command deletes
   * it. Missing: never.
   */
  readonly expiresAtMs?: number;
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly relation: string;
  readonly weight: number;
}

export type FilterValue = string | number | boolean | null;

/**
 * Conditions on top-level fields of the metadata, all of which must hold. A value: the field has it, or
 * is a list with it. `in`: one of these values. `from` and `to`: a number within, both ends included.
 */
export interface MetadataFilter {
  readonly [field: string]:
    | FilterValue
    | { readonly in: readonly FilterValue[] }
    | { readonly from?: number; readonly to?: number };
}

/** Milliseconds since 1970, both ends included; without an end: no bound there. */
export interface TimeRange {
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

export interface SearchQuery {
  readonly text: string;
  readonly vector: ModelVector | null;
  /** 1 to 1,000. */
  readonly limit: number;
  /** Only memories with such metadata. */
  readonly filter?: MetadataFilter | undefined;
  /** Only memories of this namespace (`memory-key.ts`). */
  readonly namespace?: string | undefined;
  /** Only memories of this time. */
  readonly created?: TimeRange | undefined;
  /** Only memories that expire after this time, or never; milliseconds since 1970. */
  readonly aliveAtMs?: number | undefined;
  /**
   * `vector`: memories with a vector of the query's model. `text`: all memories with a word of the query.
   * `hybrid`: both lists as one. Without a mode: by vector, and by text those without such a vector.
   */
  readonly mode?: 'vector' | 'text' | 'hybrid' | undefined;
  /** How `hybrid` joins its lists; by rank unless given. */
  readonly fusion?: Fusion | undefined;
  /** Puts hits that say what a better one says behind others. */
  readonly diversity?: Diversity | undefined;
  /** Scores the hits again before that; needs a vector, and a limit of at most 200. */
  readonly rerank?: RerankMethod | RerankOptions | undefined;
}

/** `attention`: by what the candidates have in common. `gnn`: by what is around them along edges. */
export type RerankMethod = 'attention' | 'gnn';

export interface RerankOptions {
  readonly by: RerankMethod;
  /** Trained for this method and the model of the query; a fixed rule without them. */
  readonly weights?: Reranker | undefined;
  /** How attention works without weights; `multi-head` unless given. */
  readonly kind?: AttentionKind | undefined;
  /** Which edges `gnn` looks at; all unless given. */
  readonly relations?: readonly string[] | undefined;
  /** What the new score counts beside the old one, 0 to 1: 1 with weights and 0.5 without unless given. */
  readonly blend?: number | undefined;
}

/**
 * `rank`: reciprocal rank fusion with a constant of 60 unless given. `weight`: the sum of the scores,
 * scaled to the range of their list, with the weight of the vectors from 0 to 1.
 */
export type Fusion =
  | { readonly by: 'rank'; readonly rankConstant?: number | undefined }
  | { readonly by: 'weight'; readonly vectorWeight: number };

/** Maximal marginal relevance; how alike two memories are is the part of their words that both hold. */
export interface Diversity {
  /** 1: by score alone; towards 0: whatever says something else. */
  readonly lambda: number;
}

/** Which memories a page has, in the order of their ids, and where it begins. */
export interface PageQuery {
  /** Only memories of this namespace (`memory-key.ts`). */
  readonly namespace?: string | undefined;
  /** Only memories of this time. */
  readonly created?: TimeRange | undefined;
  /** 1 to 1,000. */
  readonly limit: number;
  /** Behind this id; from the first on when left out. */
  readonly after?: string | undefined;
}

/** A page may end early, even without a memory, so that no call reads too much. */
export interface MemoryPage {
  readonly memories: readonly Memory[];
  /** Where the next page begins; null behind the last one. */
  readonly next: string | null;
}

export interface SearchHit {
  readonly id: string;
  readonly content: string;
  readonly metadata: JsonObject;
  /** Higher is nearer, 0 to 1. */
  readonly score: number;
  /**
   * `vector`: the score is the cosine of two vectors of one model. `text`: it is BM25, divided by what
   * all words of the query are worth. In the mode `hybrid` it says by which lists the hit was found, and
   * the score is the fused one, divided by the most that it could be.
   */
  readonly matchedBy: 'vector' | 'text' | 'both';
  /** The score was made again by this; the hit has no vector of the query's model where it is missing. */
  readonly rerankedBy?: RerankMethod | undefined;
}

export interface MemoryCounts {
  readonly memories: number;
  readonly links: number;
  readonly trajectories: number;
  /** Key-value entries (`memory_entries` of v1). */
  readonly entries: number;
  /** Rows of the v1 tables that v2 keeps as they were (runs, metrics). */
  readonly otherRows: number;
  /** Rows that v2 refused, each kept whole with its reason; 0 on a v1 engine. */
  readonly quarantined: number;
  readonly quarantinedMemories: number;
  readonly quarantinedLinks: number;
}

/**
 * One row on its way between engines or nodes, in the order: memories, links, then the rest.
 * Carries the raw v1 columns, so that a v1 file written from a dump of a v2 store answers v1's own
 * queries as the original did. `row` holds the columns of `table` as SQLite gave them
 * (string, number, null, Uint8Array); integers beyond 2^53 travel as bigint.
 */
export interface DumpRecord {
  readonly table: string;
  readonly row: Readonly<Record<string, string | number | bigint | null | Uint8Array>>;
  /** Only on memories: the vector of the v2 store, so that no receiver embeds again. */
  readonly vector?: ModelVector;
}

/** A consistent view of an engine at one log index; later writes do not show in it. */
export interface EngineDump {
  readonly appliedIndex: number;
  records(): IterableIterator<DumpRecord>;
  close(): void;
}

export type EngineVersion = 'v1' | 'v2';

/**
 * A store of memories that follows the log. Methods are synchronous and touch local files only.
 * Every failure of the file is an `MemoryError` with the path in its message.
 */
export interface MemoryEngine {
  readonly version: EngineVersion;
  /** Traversals and pattern queries over memories and edges; see docs/graph.md. */
  readonly graph: MemoryGraph;
  /** Highest log index whose effects are in the store, kept in the same transaction as they are. */
  readonly appliedIndex: number;
  /**
   * Applies commands in one transaction and moves `appliedIndex` to `lastIndex`, also when there are
   * no commands. Commands at or below `appliedIndex` are not applied again; their outcome is looked up.
   */
  apply(commands: readonly LoggedCommand[], lastIndex: number): ApplyOutcome[];
  /** Forgets recorded outcomes up to `index`; called when the log is compacted. */
  forgetOutcomes(index: number): void;
  get(id: string): Memory | undefined;
  /** Edges that leave `id`. */
  edges(id: string): Edge[];
  search(query: SearchQuery): SearchHit[];
  /** Throws `invalid`. */
  list(query: PageQuery): MemoryPage;
  /** False if each memory is of the namespace `default`, but for odd ids. */
  hasNamespaces(): boolean;
  /** Some of the memories that expire at this time or before. */
  expired(nowMs: number, limit: number): string[];
  /**
   * What `trainReranker` learns from: the candidates that a reranked search would have for this query, with
   * what is around them, and which of them are wanted. Throws `invalid`.
   */
  rerankExample?(query: SearchQuery, relevant: readonly string[]): TrainingExample;
  /**
   * Reads what searches need, in slices between which the event loop does other work. Without it the
   * first search reads all of it at once. Throws what the file throws.
   */
  prepareSearch?(): Promise<void>;
  counts(): MemoryCounts;
  /** Returns when everything up to `appliedIndex` would survive a power cut. */
  sync(): void;
  dump(): EngineDump;
  /** Replaces the whole content by that of a dump, in one transaction. */
  restore(records: Iterable<DumpRecord>, appliedIndex: number): void;
  /**
   * `restore` in steps of about one record, for a caller that does other work in between. Until the
   * last step nothing else may be asked of the engine; a caller that stops early undoes all of it.
   */
  restoreInSteps(records: Iterable<DumpRecord>, appliedIndex: number): Generator<undefined, void>;
  close(): void;
}

/** Turns texts into vectors, in a worker, so that the event loop stays free. */
export interface Embedder {
  readonly model: string;
  readonly dimensions: number;
  /** `interactive` texts overtake queued `background` ones. */
  embed(texts: readonly string[], priority?: 'interactive' | 'background'): Promise<Float32Array[]>;
  close(): Promise<void>;
}
