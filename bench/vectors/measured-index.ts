/** What every vector index of the bench is asked for. */

/** M and efConstruction, for all that have them. */
export const NEIGHBOURS = 16;
export const BUILD_BREADTH = 200;

export type Found = ArrayLike<number>;

export interface MeasuredIndex {
  /** Ends when all vectors are found by the graph. */
  build(vectors: Float32Array): void | Promise<void>;
  /** Numbers of the ten nearest; `breadth` is efSearch. */
  search(query: Float32Array, breadth: number): Found | Promise<Found>;
  /** Searches among one of so many vectors; breadth 0 compares all of those. Ours only. */
  filtered?(every: number): (query: Float32Array, breadth: number) => Found;
  /** Ends when all of it is in the folder that it was made with. */
  save?(): void | Promise<void>;
}

/** Where an index keeps its files: an empty folder, or what `save` left. */
export interface Place {
  readonly dimensions: number;
  readonly folder: string;
}

export interface IndexKind {
  /** Package of bench/peers; none for ours. */
  readonly from?: string;
  /** Compares every vector: there is nothing to sweep. */
  readonly isExact?: true;
  /** Loads the code that is not in the package `from`. */
  load?(): void;
  make(place: Place): MeasuredIndex | Promise<MeasuredIndex>;
  /** Opens what was saved; none for an index that keeps no files or only when it closes. */
  open?(place: Place): MeasuredIndex | Promise<MeasuredIndex>;
}
