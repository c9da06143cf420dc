/** The error of the configuration phase. */
import { failureSentence, fileFailure } from '../../v1/errors.js';

export type ConfigErrorCode =
  /** A file is not what it was when the plan was made. */
  | 'changed-since-plan'
  /** A link leads out of the directory and the home directory. */
  | 'outside'
  /** A file of `.agentic-flow/config` does not have the shape this release writes. */
  | 'malformed'
  /** Written by a later release. */
  | 'newer-version'
  | 'too-large'
  | 'no-permission'
  | 'disk-full'
  | 'interrupted'
  | 'io';

/** Never carries contents of a file: they may be secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code: ConfigErrorCode;
  readonly path: string;

  constructor(code: ConfigErrorCode, message: string, path: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
  }
}

/** Errors of the file system as a `ConfigError`; a `ConfigError` comes back as it is. */
export function translateConfigError(error: unknown, path: string): unknown {
  if (error instanceof ConfigError || !(error instanceof Error)) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined) return error;
  const failure = fileFailure(code);
  if (failure !== undefined) {
    return new ConfigError(failure, failureSentence(failure, path), path, error);
  }
  return new ConfigError(
    'io',
    `${path} cannot be read or written (${code}); see the cause`,
    path,
    error,
  );
}
