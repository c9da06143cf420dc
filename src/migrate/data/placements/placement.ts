/** How a table of v1 is described: what its rows become, and which columns say so. */
import type { JsonObject } from '../../../memory/engine.js';
import type { Row } from '../../../memory/exact-row.js';
import type { Reason } from '../contract.js';

/** A table of which each row becomes a record. */
export interface MemoryTable {
  readonly kind: 'memory';
  /** Columns by which the table is recognised, beside its name. */
  readonly columns: readonly string[];
  /**
   * Family and table, unless given: one name, or a column that holds it. Rows without it go to `otherwise`.
   */
  readonly namespace?:
    string | { readonly column: string; readonly prefix?: string; readonly otherwise: string };
  /** Column of the id; unless given, what names the row in v1. */
  readonly id?: string;
  /**
   * Columns that make up the text to search, each on a line of its own. A single one is the whole content
   * and is left out of the metadata; several stay there, since the content alone cannot give them back.
   */
  readonly content: readonly string[];
  /** Between the columns of the content; a line end unless given. */
  readonly separator?: string;
  /** Columns with JSON in a text. */
  readonly json?: readonly string[];
  /** Columns with the time at which it was made; the first that holds a time counts. */
  readonly created?: readonly string[];
  /** Column with the time from which on v1 does not return it. */
  readonly expires?: string;
  /** v1 has one row a key, so that another row with the key has taken the place of the one before. */
  readonly isKeyed?: boolean;
  /** Prose, which gets a vector. */
  readonly isEmbedded?: boolean;
  /** Columns that hold texts which v1 may have packed (`__compressed__`). */
  readonly packed?: readonly string[];
  /** Where columns are not enough. */
  readonly read?: (row: Row) => ReadParts;
}

/** What `MemoryTable.read` finds; the rest is as the table says. */
export interface ReadParts {
  /** Null: there is no text. */
  readonly content: string | null;
  readonly metadata: JsonObject;
  readonly createdAtMs?: number;
  readonly isUnparsable?: boolean;
  readonly isEmbedded?: boolean;
}

/** Column and tables of what an edge or vector belongs to. */
export interface EndColumn {
  readonly column: string;
  /** Of the tables that the store has, the first. */
  readonly tables: readonly string[];
  /** A column that says which table, with what its values mean. */
  readonly type?: { readonly column: string; readonly tables: Readonly<Record<string, string>> };
}

/** A table of which each row becomes an edge. */
export interface EdgeTable {
  readonly kind: 'edge';
  readonly columns: readonly string[];
  readonly from: EndColumn;
  readonly to: EndColumn;
  /** Column of the type, or the one type of all. */
  readonly relation: { readonly column: string } | { readonly name: string };
  /** Column of the weight, and the weight where it is null. */
  readonly weight: { readonly column: string; readonly otherwise: number };
  readonly created?: readonly string[];
}

/** A table of embeddings, or of an index of them. */
export interface VectorTable {
  readonly kind: 'vector';
  readonly columns: readonly string[];
  readonly of: EndColumn;
  /** Column of the numbers as float32; none: a part of an index, which is of no use to another one. */
  readonly vector?: string;
}

export type Placement = MemoryTable | EdgeTable | VectorTable;

/** Descriptions by table; of several the first counts whose columns are all there. */
export type PlacementTable = Readonly<Record<string, readonly Placement[]>>;

/** A record as the store is to have it. */
export interface Placed {
  readonly namespace: string;
  readonly id: string;
  readonly content: string;
  readonly metadata: JsonObject;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly isEmbedded: boolean;
  readonly isUnparsable: boolean;
}

/** A row that cannot be placed. */
export interface Refused {
  readonly reason: Reason;
  readonly sentence: string;
}
