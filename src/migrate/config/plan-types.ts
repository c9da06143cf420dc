/** What a plan of the configuration phase consists of. */
import { createHash } from 'node:crypto';

/**
 * The bytes of a file before or after a change. They may hold secrets of the user, so nothing that prints
 * or serialises a plan sees them: `JSON.stringify` gives the hash and the length.
 */
export class FileContent {
  readonly sha256: string;
  readonly bytes: number;
  readonly #content: Buffer;

  constructor(content: Buffer | string) {
    this.#content = typeof content === 'string' ? Buffer.from(content, 'utf8') : content;
    this.bytes = this.#content.length;
    this.sha256 = createHash('sha256').update(this.#content).digest('hex');
  }

  /** Not to be printed. */
  content(): Buffer {
    return this.#content;
  }
}

/** One file that the migration makes or changes. */
export interface FileChange {
  /** Absolute, as it was found; may be a link, whose target is then written. */
  readonly path: string;
  /** As reports call it. */
  readonly name: string;
  readonly kind: 'create' | 'change';
  /** Null for a file that is made. */
  readonly before: FileContent | null;
  readonly after: FileContent;
  /** Unified, with secrets masked. */
  readonly diff: string;
}

/** A file, or a part of one, that could not be carried. The file itself stays as it is. */
export interface QuarantinedConfig {
  readonly name: string;
  /** With the line, where there is one. */
  readonly reason: string;
}

export interface ConfigPlan {
  readonly directory: string;
  readonly home: string;
  readonly changes: readonly FileChange[];
  /** What has no counterpart yet and what the user should know, each beginning with a file's name. */
  readonly notes: readonly string[];
  readonly quarantined: readonly QuarantinedConfig[];
}

export interface PlanConfigOptions {
  /** Leaves every file of v1 as it is; only `.agentic-flow/config` is made. */
  readonly sideBySide: boolean;
  /** Default: the environment of this process. Wins over `.env`, as in v1. */
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}
