/** A build on its way from here to the members of a swarm. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { connectToMember } from '../../nodes/backup/member.js';
import type { MemberConnection } from '../../nodes/backup/member.js';
import { NodeError, messageOf } from '../../nodes/errors.js';
import { bytesOf, decodeManifest, encodeManifest } from '../../nodes/release/build-manifest.js';
import type { BuildManifest } from '../../nodes/release/build-manifest.js';
import { describeBuild, requirePlainFiles } from '../../nodes/release/identity.js';
import {
  BUILD_BLOCK_BYTES_MAX,
  BUILD_BLOCK_TIMEOUT_MS,
  BUILD_END_TIMEOUT_MS,
  BUILD_FETCH_TIMEOUT_MS,
} from '../../nodes/release/limits.js';
import { isUnknownMethod } from '../../transport/rpc/rpc.js';
import type { Target } from './connection.js';
import { ExitError } from './failure.js';

const statusAnswer = z.object({
  members: z.array(
    z.object({
      nodeId: z.number(),
      peerId: z.string(),
      host: z.string(),
      port: z.number(),
      status: z.string(),
    }),
  ),
});
type Member = z.infer<typeof statusAnswer>['members'][number];

const offerAnswer = z.object({ known: z.boolean() });

/** What became of the build on one member. */
interface Carried {
  readonly nodeId: number;
  /** `had it`, `sent`: from here, `fetched`: from another member; null when it failed. */
  readonly how: 'had it' | 'sent' | 'fetched' | null;
  readonly problem: string | null;
}

export interface CarryReport {
  readonly name: string;
  readonly digest: string;
  readonly bytes: number;
  readonly members: readonly Carried[];
}

/**
 * Sends the build to the first member that takes it, and has the others fetch it there.
 * @throws NodeError `refused` when the folder holds no build that can be carried.
 */
export async function carry(
  folder: string,
  target: Target,
  onProgress: (bytes: number, bytesTotal: number) => void,
  signal: AbortSignal,
): Promise<CarryReport> {
  const manifest = await describeBuild(folder);
  await requirePlainFiles(folder, manifest.files);
  // What a member would refuse is not sent.
  decodeManifest(encodeManifest(manifest));
  const first = await connectToMember(target);
  const carried: Carried[] = [];
  let others: Member[];
  try {
    const { members } = statusAnswer.parse(await ask(first, 'swarm.status', {}, signal));
    const own = members.find(({ peerId }) => peerId === first.peer.peerId);
    others = members.filter((one) => one !== own && one.status !== 'removing');
    const how = await send(first, folder, manifest, onProgress, signal);
    carried.push({ nodeId: own?.nodeId ?? 0, how, problem: null });
  } catch (error) {
    throw knownProblem(error);
  } finally {
    await first.close();
  }
  for (const member of others) {
    carried.push(await fetched(member, manifest.digest, target, signal));
  }
  const { name, digest, files } = manifest;
  return { name, digest, bytes: bytesOf(files), members: carried };
}

/** Has one member get the build from another one. */
export async function fetchOne(digest: string, target: Target, signal: AbortSignal): Promise<void> {
  const member = await connectToMember({ ...target, seeds: target.seeds.slice(0, 1) });
  try {
    await ask(member, 'release.fetch', { digest }, signal, BUILD_FETCH_TIMEOUT_MS);
  } catch (error) {
    throw knownProblem(error);
  } finally {
    await member.close();
  }
}

async function send(
  member: MemberConnection,
  folder: string,
  manifest: BuildManifest,
  onProgress: (bytes: number, bytesTotal: number) => void,
  signal: AbortSignal,
): Promise<'had it' | 'sent'> {
  const { digest, files } = manifest;
  const offer = { manifest: encodeManifest(manifest) };
  const { known } = offerAnswer.parse(await ask(member, 'release.offer', offer, signal));
  if (known) return 'had it';
  const total = bytesOf(files);
  let offset = 0;
  try {
    for await (const block of blocksOf(folder, manifest)) {
      await ask(member, 'release.put', { digest, offset, bytes: block }, signal);
      offset += block.length;
      onProgress(offset, total);
    }
    await ask(member, 'release.end', { digest }, signal, BUILD_END_TIMEOUT_MS);
    return 'sent';
  } catch (error) {
    // It gives it up by itself too, a little later.
    const soon = AbortSignal.timeout(BUILD_BLOCK_TIMEOUT_MS);
    await ask(member, 'release.abandon', { digest }, soon).catch(() => undefined);
    throw error;
  }
}

async function fetched(
  { nodeId, peerId, host, port, status }: Member,
  digest: string,
  target: Target,
  signal: AbortSignal,
): Promise<Carried> {
  try {
    if (status !== 'up') throw new Error(`it is ${status}; run the command again when it is up`);
    await fetchOne(digest, { ...target, seeds: [{ peerId, host, port }] }, signal);
    return { nodeId, how: 'fetched', problem: null };
  } catch (error) {
    signal.throwIfAborted();
    return { nodeId, how: null, problem: messageOf(error) };
  }
}

/** The bytes of all files in their order, in blocks. */
async function* blocksOf(folder: string, { files }: BuildManifest): AsyncGenerator<Uint8Array> {
  let block = Buffer.alloc(0);
  for (const { path, bytes } of files) {
    const file = await open(join(folder, path), 'r');
    try {
      for (let position = 0; position < bytes;) {
        const part = Buffer.alloc(Math.min(BUILD_BLOCK_BYTES_MAX - block.length, bytes - position));
        const { bytesRead } = await file.read(part, 0, part.length, position);
        if (bytesRead === 0) {
          throw new NodeError('refused', `${path} became shorter; try again when it is whole`);
        }
        position += bytesRead;
        block = Buffer.concat([block, part.subarray(0, bytesRead)]);
        if (block.length < BUILD_BLOCK_BYTES_MAX) continue;
        yield block;
        block = Buffer.alloc(0);
      }
    } finally {
      await file.close();
    }
  }
  if (block.length > 0) yield block;
}

async function ask(
  member: MemberConnection,
  method: string,
  payload: object,
  signal: AbortSignal,
  timeoutMs = BUILD_BLOCK_TIMEOUT_MS,
): Promise<unknown> {
  return member.call(0, method, payload, { timeoutMs, signal });
}

function knownProblem(error: unknown): unknown {
  if (!isUnknownMethod(error)) return error;
  return new ExitError(
    1,
    'error: the member runs a release that takes no builds; use `release add PATH --data DIR` on its machine',
  );
}
