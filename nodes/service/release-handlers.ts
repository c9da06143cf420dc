/** Builds on their way between machines: operators send them, and members give them to each other. */
import { z } from 'zod';

import { RpcError } from '../../transport/rpc/rpc.js';
import type { Handler } from '../../transport/rpc/rpc.js';
import type { CarriedBuilds } from '../release/builds.js';
import type { KnownRelease } from '../release/files.js';
import { BUILD_BLOCK_BYTES_MAX } from '../release/limits.js';
import { digestShape as digest, parseRequest } from './requests.js';

export interface ReleasePorts {
  /** Fails on a node that keeps no builds. */
  builds(): CarriedBuilds;
  /** Gets a build from whichever member has it. */
  fetchBuild(digest: string, signal: AbortSignal): Promise<KnownRelease>;
}

const position = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'must be bytes');
const shapes = {
  offer: z.object({ manifest: bytes }),
  named: z.object({ digest }),
  put: z.object({
    digest,
    offset: position,
    bytes: bytes.refine(
      ({ length }) => length > 0 && length <= BUILD_BLOCK_BYTES_MAX,
      `must be 1 to ${BUILD_BLOCK_BYTES_MAX} bytes`,
    ),
  }),
  read: z.object({
    digest,
    offset: position,
    length: z.number().int().min(1).max(BUILD_BLOCK_BYTES_MAX),
  }),
};

/** For operators. */
export function releaseHandlers(ports: ReleasePorts): Record<string, Handler> {
  return {
    'release.offer': async (payload) => {
      const known = await ports.builds().offer(parseRequest(shapes.offer, payload).manifest);
      return { known: known !== undefined };
    },
    'release.put': async (payload) => {
      const put = parseRequest(shapes.put, payload);
      await ports.builds().put(put.digest, put.offset, put.bytes);
      return {};
    },
    'release.end': async (payload) => {
      return told(await ports.builds().end(parseRequest(shapes.named, payload).digest));
    },
    'release.abandon': async (payload) => {
      await ports.builds().abandon(parseRequest(shapes.named, payload).digest);
      return {};
    },
    'release.fetch': async (payload, { signal }) => {
      return told(await ports.fetchBuild(parseRequest(shapes.named, payload).digest, signal));
    },
  };
}

/** For members. */
export function buildReads(ports: ReleasePorts): Record<string, Handler> {
  return {
    'node.buildManifest': (payload) =>
      ports.builds().manifest(parseRequest(shapes.named, payload).digest),
    'node.buildRead': (payload) => {
      const read = parseRequest(shapes.read, payload);
      return ports.builds().read(read.digest, read.offset, read.length);
    },
  };
}

function told({ name, digest: found, commandVersion }: KnownRelease): object {
  return { name, digest: found, commandVersion };
}

/** What a node says that keeps no builds. */
export function noBuilds(): RpcError {
  return new RpcError(
    'refused',
    'this node keeps no builds; start it with `agentic-flow node start`',
  );
}
