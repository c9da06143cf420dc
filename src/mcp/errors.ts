/** What a caller of a tool gets to read when it fails. */

/** A failure that the caller caused or can do something about; the message is the answer. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}
