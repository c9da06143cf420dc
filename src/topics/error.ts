/** What can go wrong with a topic. */
export type TopicErrorCode =
  /** A name, an address, a bound or a schema that cannot be used. */
  | 'bad-option'
  /** The topic is not one of those that were named at `openTopics`. */
  | 'unknown-topic'
  /** The message does not fit the schema of its topic, or cannot be encoded. */
  | 'bad-message'
  /** A bound of `limits.ts`. */
  | 'too-large'
  | 'overloaded'
  /** No connected peer subscribes to the topic. */
  | 'no-subscribers'
  /** `libp2p` or one of its parts is not installed. */
  | 'not-installed'
  /** The address to listen on cannot be opened. */
  | 'cannot-listen'
  | 'closed';

/** The error of this folder: what happened, to what, and what to do. */
export class TopicError extends Error {
  override readonly name = 'TopicError';
  constructor(
    readonly code: TopicErrorCode,
    message: string,
    options: { readonly cause?: unknown } = {},
  ) {
    super(message, options);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
