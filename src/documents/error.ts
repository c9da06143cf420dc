/** What can go wrong with a document. */
export type DocumentErrorCode =
  | 'bad-name'
  /** Bytes that are no update, or one that no editor writes. */
  | 'malformed-update'
  /** An update with content under the name of an author that the peer is not. */
  | 'forged-author'
  /** An update builds on something that this side has not seen: sync first. */
  | 'incomplete-update'
  /** Bytes of a page that are no message of the protocol of documents. */
  | 'malformed-frame'
  /** The two ends know no version of the protocol in common. */
  | 'unsupported-version'
  /** A page has not shown who it is, or that it may be here. */
  | 'not-admitted'
  /** No gateway of a page answers. */
  | 'unavailable'
  /** A bound of `limits.ts`. */
  | 'too-large'
  /** The rights of the document, or the score of the peer, do not allow it. */
  | 'not-allowed'
  /** The file of the document is not what was written. */
  | 'damaged'
  /** The system does not write or read. */
  | 'disk'
  | 'closed';

/** The error of this folder. Its message is fit for the eyes of a peer. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError';
  constructor(
    readonly code: DocumentErrorCode,
    message: string,
    options: { readonly cause?: unknown } = {},
  ) {
    super(message, options);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
