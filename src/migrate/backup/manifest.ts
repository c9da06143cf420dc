/** What a backup holds, as its `backup.json` says it, and reading that. */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, realpathSync } from 'node:fs';
import { isAbsolute, join, posix, resolve } from 'node:path';

import { z } from 'zod';

import { BackupError, systemCode, translateBackupError } from './errors.js';
import { ENTRIES_MAX, MANIFEST_BYTES_MAX } from './limits.js';

export const MANIFEST_NAME = 'backup.json';
const KIND = 'agentic-flow v1 backup';
const FORMAT = 1;

/** Where a file lies: in the installation, in the home directory, or anywhere else. */
export type Place = 'directory' | 'home' | 'elsewhere';

/** One file, folder or link of v1. */
export interface BackupEntry {
  readonly kind: 'file' | 'directory' | 'link';
  readonly place: Place;
  /** From the root of the place, with '/'; empty for the root itself; absolute elsewhere. */
  readonly relative: string;
  /** How reports call it: relative to the installation, `~/x` in home, else absolute. */
  readonly name: string;
  /** Where it was, absolute. */
  readonly path: string;
  readonly bytes: number;
  /** Of the bytes of a file, in hexadecimal; empty for folders and links. */
  readonly sha256: string;
  /** When it was last changed, in nanoseconds since 1970, as a decimal number. */
  readonly mtimeNs: string;
  /** Permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Where a link leads, as it says it. */
  readonly target?: string | undefined;
  /** A SQLite file, which may have -wal, -shm and -journal beside it. */
  readonly database?: boolean | undefined;
}

export interface Backup {
  /** The folder of the backup, absolute. */
  readonly path: string;
  readonly madeAt: string;
  /** The installation, without links. */
  readonly directory: string;
  readonly home: string;
  /** Names in `.agentic-flow` of the directory before the migration; null if there was no such folder. */
  readonly ownFolder: readonly string[] | null;
  /** Folders before what lies in them. */
  readonly entries: readonly BackupEntry[];
  /** Of all files together. */
  readonly bytes: number;
}

const entrySchema = z.object({
  kind: z.enum(['file', 'directory', 'link']),
  place: z.enum(['directory', 'home', 'elsewhere']),
  relative: z.string().max(8192),
  bytes: z.number().int().nonnegative(),
  sha256: z.string().regex(/^(?:[0-9a-f]{64})?$/),
  mtimeNs: z.string().regex(/^-?\d{1,20}$/),
  mode: z.number().int().min(0).max(0o7777),
  uid: z.number().int().nonnegative(),
  gid: z.number().int().nonnegative(),
  target: z.string().max(8192).optional(),
  database: z.boolean().optional(),
});

const manifestSchema = z.object({
  kind: z.literal(KIND),
  format: z.literal(FORMAT),
  madeAt: z.string(),
  directory: z.string().refine(isAbsolute),
  home: z.string().refine(isAbsolute),
  ownFolder: z.array(z.string()).max(ENTRIES_MAX).nullable(),
  entries: z.array(entrySchema).max(ENTRIES_MAX),
});

type Manifest = z.infer<typeof manifestSchema>;
export type PlainEntry = Omit<BackupEntry, 'name' | 'path'>;

/** The bytes of `backup.json`: the manifest in one line, and a line with its SHA-256. */
export function manifestBytes(content: Omit<Manifest, 'kind' | 'format'>): Uint8Array {
  const text = JSON.stringify({ kind: KIND, format: FORMAT, ...content });
  return Buffer.from(`${text}\n${JSON.stringify({ sha256: sha256(text) })}\n`);
}

/**
 * Reads what a backup says of itself; its files are checked by `verifyBackup`. Throws `not-a-backup`,
 * `damaged`, `newer-version`, `no-permission`.
 */
export function readBackup(path: string): Backup {
  const folder = resolve(path);
  const manifest = parseManifest(readManifest(folder), folder);
  const { directory, home } = manifest;
  const entries = manifest.entries.map((entry) => completeEntry(entry, { directory, home }));
  const names = new Set(entries.map(({ place, relative }) => `${place}:${relative}`));
  if (names.size !== entries.length) throw damaged(folder, 'it names a file twice');
  for (const entry of entries) {
    if (!isPlausible(entry)) throw damaged(folder, `it cannot hold ${JSON.stringify(entry.name)}`);
  }
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const { madeAt, ownFolder } = manifest;
  return { path: realpathSync(folder), madeAt, directory, home, ownFolder, entries, bytes };
}

function readManifest(folder: string): string {
  const file = join(folder, MANIFEST_NAME);
  try {
    const found = lstatSync(file);
    if (!found.isFile() || found.size > MANIFEST_BYTES_MAX) {
      throw damaged(folder, `${MANIFEST_NAME} is no file of a backup`);
    }
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') {
      const sentence = `${folder} is no backup of agentic-flow v1: it has no ${MANIFEST_NAME}; check the path`;
      throw new BackupError('not-a-backup', sentence, folder, error);
    }
    throw translateBackupError(error, file);
  }
}

function parseManifest(text: string, folder: string): Manifest {
  const [first = '', second = ''] = text.split('\n');
  const content = parseJson(first, folder);
  const format = (content as { format?: unknown } | null)?.format;
  // Before the checksum: a newer format may have another.
  if (typeof format === 'number' && format > FORMAT) {
    const sentence = `${folder} was made by a newer release (format ${format}); use that release`;
    throw new BackupError('newer-version', sentence, folder);
  }
  const checksum = parseJson(second, folder) as { sha256?: unknown } | null;
  if (checksum?.sha256 !== sha256(first)) throw damaged(folder, `${MANIFEST_NAME} was changed`);
  const parsed = manifestSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw damaged(folder, `${MANIFEST_NAME} does not say what it must`);
}

function parseJson(text: string, folder: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw damaged(folder, `${MANIFEST_NAME} is no JSON`);
  }
}

function damaged(folder: string, detail: string): BackupError {
  const sentence = `the backup ${folder} is damaged: ${detail}; nothing was changed, use another backup`;
  return new BackupError('damaged', sentence, folder);
}

/** A damaged or foreign manifest must not lead out of the places that it names. */
function isPlausible({ kind, place, relative, target, sha256: hash }: BackupEntry): boolean {
  if ((kind === 'link') !== (target !== undefined)) return false;
  if ((kind === 'file') !== (hash !== '')) return false;
  if (relative.includes('\0')) return false;
  if (place === 'elsewhere') return isAbsolute(relative) && resolve(relative) === relative;
  if (relative === '') return kind === 'directory';
  const isInside = !relative.startsWith('/') && posix.normalize(relative) === relative;
  return isInside && relative !== '..' && !relative.startsWith('../') && !relative.endsWith('/');
}

/** Where the places of a backup are. */
export interface Roots {
  readonly directory: string;
  readonly home: string;
}

/** Where an entry belongs. */
export function placeOf(entry: Pick<BackupEntry, 'place' | 'relative'>, roots: Roots): string {
  if (entry.place === 'elsewhere') return entry.relative;
  return join(roots[entry.place], ...entry.relative.split('/'));
}

/** Adds what follows from the rest. */
export function completeEntry(entry: PlainEntry, roots: Roots): BackupEntry {
  return { ...entry, name: nameOf(entry), path: placeOf(entry, roots) };
}

function nameOf({ place, relative }: PlainEntry): string {
  if (place === 'elsewhere') return relative;
  if (place === 'directory') return relative === '' ? '.' : relative;
  return relative === '' ? '~' : `~/${relative}`;
}

/** Where the bytes of an entry lie in a backup: below `directory`, `home` or `elsewhere`. */
export function fileIn(backup: string, entry: Pick<BackupEntry, 'place' | 'relative'>): string {
  return join(backup, entry.place, ...entry.relative.split('/'));
}

/** Where a backup has the copy of a file, which may be named by way of links; undefined if it has none. */
export function copyOf(backup: Backup, path: string): string | undefined {
  const absolute = resolve(path);
  const names = [absolute, existsSync(absolute) ? realpathSync(absolute) : absolute];
  const entry = backup.entries.find((each) => each.kind === 'file' && names.includes(each.path));
  return entry === undefined ? undefined : fileIn(backup.path, entry);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
