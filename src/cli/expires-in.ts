import { ExitError } from './failure.js';

/** What `--expires-in` means, in milliseconds since 1970; null without it. Throws `ExitError`. */
export function expiresAtOf(seconds: number | undefined): number | null {
  if (seconds === undefined) return null;
  if (seconds >= 0) return Date.now() + Math.round(seconds * 1000);
  throw new ExitError(1, 'error: --expires-in must be a number of seconds from now on');
}
