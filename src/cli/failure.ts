/** How the command line ends when something went wrong. */

/** Ends the process with a code of the command's own; the message may be empty. */
export class ExitError extends Error {
  override readonly name = 'ExitError';
  constructor(
    readonly exitCode: number,
    message = '',
  ) {
    super(message);
  }
}

/** What a user reads: the message; the stack too when AGENTIC_FLOW_DEBUG is set. */
export function messageFor(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const debug = process.env['AGENTIC_FLOW_DEBUG'];
  if (debug !== undefined && debug !== '' && error.stack !== undefined) return error.stack;
  return error.message;
}
