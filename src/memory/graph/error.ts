/** The error of the graph and its queries. */

export type GraphErrorCode =
  /** The text is no query; `position` says where. */
  | 'syntax'
  /** openCypher that is outside of the subset; the message names it. */
  | 'unsupported'
  /** An argument is out of its bounds, or values of these types cannot be used so. */
  | 'invalid'
  /** A memory that the caller names is not there. */
  | 'unknown-memory'
  /** The work or the result passes a bound; the message says which and what to do. */
  | 'limit'
  /** Too many queries wait. */
  | 'overloaded'
  /** The store was closed or replaced while the query ran; it may be asked again. */
  | 'closed';

/** Place in the text of a query, each counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A query or traversal that was refused or stopped. */
export class GraphError extends Error {
  override readonly name = 'GraphError';
  readonly code: GraphErrorCode;
  readonly position: Position | undefined;

  constructor(code: GraphErrorCode, message: string, position?: Position) {
    super(
      position === undefined
        ? message
        : `line ${position.line}, column ${position.column}: ${message}`,
    );
    this.code = code;
    this.position = position;
  }
}
