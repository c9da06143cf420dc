/**
 * A backup of a swarm as one file: version 3 with available namespaces, 2 with shared documents and
 * without namespaces, 1 without both. Integers are little-endian.
 *
 *     snapshot   content, manifest and trailer as in `snapshots/format.ts`, from byte 0
 *     documents  where there are any: `documents.ts`; length and SHA-256 of the part stand in `about`
 *     available  where there are any: `available.ts`, likewise
 *     about      JSON: when, of which swarm and through which node it was taken
 *     end        'AF2BKUP\n', version u32, bytes of `about` u32, SHA-256 (32 bytes) of the trailer of
 *                the snapshot, `about`, and the end before it
 *
 * The digest covers the name of the manifest, which holds the digest of every block, and those of the
 * parts: whoever has it can tell any changed byte of the file.
 */
import { createHash } from 'node:crypto';

import { z } from 'zod';

import { NodeError } from '../errors.js';

const VERSION_WITH_DOCUMENTS = 2;
const VERSION_WITH_AVAILABLE = 3;
const VERSION_MAX = VERSION_WITH_AVAILABLE;
const ABOUT_BYTES_MAX = 64 * 1024;
const MAGIC = 'AF2BKUP\n';
const HEAD_BYTES = 16;
export const END_BYTES = HEAD_BYTES + 32;

const partSchema = z.object({
  count: z.number().int().positive(),
  bytes: z.number().int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** Records of one kind behind the snapshot: `part.ts`. */
export type BackupPart = z.infer<typeof partSchema>;

const aboutSchema = z.object({
  swarmId: z.string().min(1),
  /** The member that gave it. */
  nodeId: z.number().int().positive(),
  /** Log index of its state: every write that was acknowledged before the backup began is in it. */
  index: z.number().int().positive(),
  swarmVersion: z.union([z.literal(1), z.literal(2)]),
  /** Milliseconds since 1970 by the clock of whoever took it. */
  takenAtMs: z.number().int().nonnegative(),
  /** The release that took it. */
  release: z.string(),
  documents: partSchema.optional(),
  available: partSchema.optional(),
});

export type BackupAbout = z.infer<typeof aboutSchema>;

/** What stands at the end of a backup, before `about` is read. */
export interface BackupEnd {
  readonly version: number;
  readonly aboutBytes: number;
  /** 64 hexadecimal digits. */
  readonly digest: string;
}

/** `about` and the end, as they follow the trailer of the snapshot. */
export function encodeEnd(trailer: Uint8Array, about: BackupAbout): Buffer {
  const text = Buffer.from(JSON.stringify(about));
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(MAGIC, 0, 'latin1');
  head.writeUInt32LE(versionOf(about), 8);
  head.writeUInt32LE(text.length, 12);
  return Buffer.concat([text, head, digestOf(trailer, text, head)]);
}

/** Throws `malformed` with what is wrong, or `newer-version`. */
export function decodeEnd(path: string, bytes: Buffer): BackupEnd {
  if (bytes.length !== END_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) {
    throw malformed(path, 'it does not end like a backup; it is cut off or another file');
  }
  const version = bytes.readUInt32LE(8);
  if (version > VERSION_MAX) {
    throw new NodeError(
      'newer-version',
      `${path} is a backup of version ${version}, and this release reads up to ${VERSION_MAX}; ` +
        'use the release that took it, or a later one',
    );
  }
  if (version < 1) throw malformed(path, `its version is ${version}`);
  const aboutBytes = bytes.readUInt32LE(12);
  if (aboutBytes > ABOUT_BYTES_MAX) throw malformed(path, `${aboutBytes} bytes are announced`);
  return { version, aboutBytes, digest: bytes.toString('hex', HEAD_BYTES) };
}

/** Throws `malformed` unless `about` has its form. Nothing of it is known to be true yet. */
export function decodeAbout(path: string, about: Buffer, { version }: BackupEnd): BackupAbout {
  let value: unknown;
  try {
    value = JSON.parse(about.toString());
  } catch {
    throw malformed(path, 'what it says about itself is not JSON');
  }
  const parsed = aboutSchema.safeParse(value);
  if (!parsed.success) {
    throw malformed(path, `what it says about itself: ${z.prettifyError(parsed.error)}`);
  }
  if (versionOf(parsed.data) === version) return parsed.data;
  throw malformed(path, 'its version and its parts contradict one another');
}

/** The least that holds its parts: releases of before read what they can. */
function versionOf({ documents, available }: BackupAbout): number {
  if (available !== undefined) return VERSION_WITH_AVAILABLE;
  return documents === undefined ? 1 : VERSION_WITH_DOCUMENTS;
}

/** Throws `malformed` unless the digest is that of the parts. */
export function requireDigest(path: string, trailer: Buffer, about: Buffer, end: Buffer): void {
  const head = end.subarray(0, HEAD_BYTES);
  if (digestOf(trailer, about, head).equals(end.subarray(HEAD_BYTES))) return;
  throw malformed(path, 'its digest is wrong');
}

function digestOf(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export function malformed(path: string, what: string): NodeError {
  return new NodeError('malformed', `the backup ${path} cannot be used: ${what}`);
}
