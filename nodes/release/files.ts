/**
 * The files by which a data directory knows its releases:
 *
 *   releases.json       the releases that this machine has, and where
 *   release.json        which of them runs, and which takes its place when it fails
 *   supervisor/         lock and control socket of the supervisor
 *   builds/             builds that came from other machines, each in a folder named by its digest
 */
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { NodeError, isSystemError, messageOf } from '../errors.js';
import { atomicWriteFile } from '../storage/index.js';
import { FILE_BYTES_MAX, REASON_CHARACTERS_MAX, RELEASES_MAX } from './limits.js';

const FORMAT_VERSION = 1;

export interface ReleaseFiles {
  readonly root: string;
  readonly releases: string;
  readonly record: string;
  readonly supervisor: string;
  readonly socket: string;
  readonly builds: string;
  /** Locked while `releases.json` is changed. */
  readonly registryLock: string;
}

export function releaseFiles(root: string): ReleaseFiles {
  const supervisor = join(root, 'supervisor');
  return {
    root,
    releases: join(root, 'releases.json'),
    record: join(root, 'release.json'),
    supervisor,
    socket: join(supervisor, 'control.sock'),
    builds: join(root, 'builds'),
    registryLock: join(supervisor, 'registry'),
  };
}

const name = z.string().min(1).max(200);

const releasesFile = z.object({
  formatVersion: z.literal(FORMAT_VERSION),
  releases: z
    .array(
      z.object({
        name,
        digest: z.string().regex(/^[0-9a-f]{64}$/),
        commandVersion: z.number().int().positive(),
        /** Folder of the package. */
        path: z.string().min(1).max(4_096),
        addedAtMs: z.number().int().nonnegative(),
      }),
    )
    .max(RELEASES_MAX),
});

const rolloutStep = z.object({
  id: z.number().int().positive(),
  epoch: z.number().int().nonnegative(),
});

const recordFile = z
  .object({
    formatVersion: z.literal(FORMAT_VERSION),
    current: name,
    fallback: name.nullable(),
    isTrial: z.boolean(),
    rollout: rolloutStep.nullable(),
    failed: z
      .object({
        release: name,
        reason: z.string().max(REASON_CHARACTERS_MAX),
        rollout: rolloutStep.nullable(),
      })
      .nullable(),
  })
  .refine(({ isTrial, fallback }) => !isTrial || fallback !== null, {
    message: 'a release that is tried has a fallback',
  });

export type KnownRelease = z.infer<typeof releasesFile>['releases'][number];

/** The step of a rollout that asked for a release. */
export type RolloutStepId = z.infer<typeof rolloutStep>;

/** What `release.json` says; see `machine.ts` for what is done with it. */
export interface ReleaseRecord {
  /** The release that runs, or is to run. */
  readonly current: string;
  /** Takes its place when it does not come up or dies again and again; null when nothing may. */
  readonly fallback: string | null;
  /** The current release has not served yet. */
  readonly isTrial: boolean;
  readonly rollout: RolloutStepId | null;
  /** The last release that was given up here. */
  readonly failed: {
    readonly release: string;
    readonly reason: string;
    readonly rollout: RolloutStepId | null;
  } | null;
}

export async function readRecord(files: ReleaseFiles): Promise<ReleaseRecord | undefined> {
  const found = await readJson(files.record, recordFile);
  if (found === undefined) return undefined;
  const { formatVersion: _, ...record } = found;
  return record;
}

export async function writeRecord(files: ReleaseFiles, record: ReleaseRecord): Promise<void> {
  // What is written has to be read again, and a reason may be the words of another process.
  const failed = record.failed === null ? null : { ...record.failed };
  if (failed !== null) failed.reason = failed.reason.slice(0, REASON_CHARACTERS_MAX);
  await writeJson(files.record, { formatVersion: FORMAT_VERSION, ...record, failed });
}

export async function readReleases(files: ReleaseFiles): Promise<KnownRelease[]> {
  return (await readJson(files.releases, releasesFile))?.releases ?? [];
}

export async function writeReleases(
  files: ReleaseFiles,
  releases: readonly KnownRelease[],
): Promise<void> {
  await writeJson(files.releases, { formatVersion: FORMAT_VERSION, releases });
}

/** Makes the folder of the supervisor, for its owner alone. */
export async function makeSupervisorFolder(files: ReleaseFiles): Promise<void> {
  await mkdir(files.supervisor, { recursive: true, mode: 0o700 });
}

async function writeJson(path: string, value: object): Promise<void> {
  await atomicWriteFile(path, new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`));
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readBounded(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(path, `it is not JSON (${messageOf(error)})`);
  }
  const version = z.object({ formatVersion: z.number() }).safeParse(value);
  if (version.success && version.data.formatVersion > FORMAT_VERSION) {
    throw new NodeError(
      'newer-version',
      `${path} has format ${version.data.formatVersion}, written by a newer agentic-flow; this one ` +
        `reads up to format ${FORMAT_VERSION}. Use the newer release, nothing was changed`,
    );
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw damaged(path, z.prettifyError(parsed.error));
}

async function readBounded(path: string): Promise<string | undefined> {
  let file;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw new NodeError('directory', `${path} cannot be read: ${messageOf(error)}`, error);
  }
  try {
    const { size } = await file.stat();
    if (size > FILE_BYTES_MAX) throw damaged(path, `it has more than ${FILE_BYTES_MAX} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

function damaged(path: string, what: string): NodeError {
  return new NodeError(
    'directory',
    `${path} is damaged: ${what}. Remove it; the node then starts with the release that it is started by`,
  );
}
