/** What a checker may ask of the log of a node. */
export interface LogView {
  /** The first index that is still held. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Undefined where the log holds nothing. */
  termAt(index: number): number | undefined;
}
