import { strict as assert } from 'node:assert';
import { ERROR_CODE_MAX } from '../limits.js';

/** Code of a stream or of a close (RFC 9000 20.2). quiche would abort the process over another. */
export function assertCode(code: number): void {
  assert(
    Number.isSafeInteger(code) && code >= 0 && code <= ERROR_CODE_MAX,
    `the code must be an integer from 0 to ${ERROR_CODE_MAX}`,
  );
}
