/** Reads a file of the user without trusting its size, its kind or where a link leads. */
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { isAbsolute, relative, sep } from 'node:path';

import type { ConfigErrorCode } from './errors.js';
import { FileContent } from './plan-types.js';

export interface SourceFile {
  readonly path: string;
  readonly name: string;
  /** Without a byte order mark. */
  readonly text: string;
  readonly byteOrderMark: boolean;
  readonly content: FileContent;
}

export type SourceReading = { readonly ok: true; readonly file: SourceFile } | Refusal;

interface Refusal {
  readonly ok: false;
  readonly code: Extract<ConfigErrorCode, 'outside' | 'too-large' | 'malformed' | 'io'>;
  /** The rest of a sentence that begins with the name of the file. */
  readonly reason: string;
}

const BYTE_ORDER_MARK = '\uFEFF';

/**
 * `roots` are the directory and the home: a link is followed only where it stays in one of them. Text
 * that is not UTF-8 is refused when `strict`, else read as v1 read it, with replacement characters.
 */
export function readSource(
  file: { readonly path: string; readonly name: string },
  roots: readonly string[],
  limits: { readonly bytesMax: number; readonly strict: boolean },
): SourceReading {
  const escaped = linkProblem(file.path, roots);
  if (escaped !== undefined) return { ok: false, code: 'outside', reason: escaped };
  let bytes: Buffer | Refusal;
  try {
    bytes = readBounded(file.path, limits.bytesMax);
  } catch (error) {
    const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
    return {
      ok: false,
      code: 'io',
      reason: `cannot be read (${code ?? 'unknown error'}); check its permissions`,
    };
  }
  if ('ok' in bytes) return bytes;
  let decoded: string;
  try {
    // The mark is looked at below, so the decoder leaves it.
    decoded = new TextDecoder('utf-8', { fatal: limits.strict, ignoreBOM: true }).decode(bytes);
  } catch {
    return {
      ok: false,
      code: 'malformed',
      reason: 'is not UTF-8; save it as UTF-8 and run the migration again',
    };
  }
  const byteOrderMark = decoded.startsWith(BYTE_ORDER_MARK);
  const text = byteOrderMark ? decoded.slice(1) : decoded;
  return { ok: true, file: { ...file, text, byteOrderMark, content: new FileContent(bytes) } };
}

/** Why a link is not followed; undefined if it may be, or if the path is none. */
function linkProblem(path: string, roots: readonly string[]): string | undefined {
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    return undefined;
  }
  // A file that the environment names may lie anywhere; only what looks inside has to be inside.
  const claimed = roots.some((root) => isInside(path, root));
  const stays = roots.some((root) => isInside(real, realRoot(root)));
  if (!claimed || stays) return undefined;
  return 'is a link that leads out of the directory and the home directory; it is not followed';
}

export function realRoot(root: string): string {
  try {
    return realpathSync(root);
  } catch {
    return root;
  }
}

export function isInside(path: string, root: string): boolean {
  const from = relative(root, path);
  return from !== '..' && !from.startsWith(`..${sep}`) && !isAbsolute(from);
}

function readBounded(path: string, bytesMax: number): Buffer | Refusal {
  // Without blocking: opening a pipe for reading would wait for a writer.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) return { ok: false, code: 'io', reason: 'is no regular file' };
    if (found.size > bytesMax) {
      const reason = `has ${found.size} bytes; at most ${bytesMax} are read`;
      return { ok: false, code: 'too-large', reason };
    }
    const bytes = Buffer.alloc(found.size + 1);
    let length = 0;
    for (;;) {
      const read = readSync(descriptor, bytes, length, bytes.length - length, length);
      length += read;
      if (read === 0) return bytes.subarray(0, length);
      if (length > found.size) {
        const reason = 'grew while it was read; run the migration again';
        return { ok: false, code: 'io', reason };
      }
    }
  } finally {
    closeSync(descriptor);
  }
}
