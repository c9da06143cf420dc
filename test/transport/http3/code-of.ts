import { Http3Error } from '../../../transport/http3/http3-error.js';

/** Runs `run` and gives the code of the error, or undefined. Anything but `Http3Error` fails. */
export function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!(error instanceof Http3Error)) throw error;
    return error.code;
  }
}
