/** Builds of a node, and the members that it may get one from. */
import { RpcError } from '../../transport/rpc/rpc.js';
import { NodeError, messageOf } from '../errors.js';
import type { SwarmNode } from '../node.js';
import type { BuildSource, CarriedBuilds } from '../release/builds.js';
import type { KnownRelease } from '../release/files.js';
import { BUILD_BLOCK_TIMEOUT_MS } from '../release/limits.js';
import { READ_URGENCY } from '../snapshots/limits.js';
import { noBuilds } from './release-handlers.js';
import type { ReleasePorts } from './release-handlers.js';

export function releaseServices(node: SwarmNode): ReleasePorts {
  const builds = (): CarriedBuilds => {
    const { releases } = node;
    if (releases?.builds === undefined) throw noBuilds();
    return releases.builds;
  };
  return { builds, fetchBuild: (digest, signal) => fetchBuild(node, builds(), digest, signal) };
}

/** Asks one member after the other; what one of them gave wrongly is asked of the next. */
async function fetchBuild(
  node: SwarmNode,
  builds: CarriedBuilds,
  digest: string,
  signal: AbortSignal,
): Promise<KnownRelease> {
  const known = await builds.find(digest);
  if (known !== undefined) return known;
  const failures: string[] = [];
  for (const { nodeId } of node.control.members.values()) {
    if (nodeId === node.file.nodeId) continue;
    try {
      return await builds.fetch(digest, sourceOf(node, nodeId, signal), signal);
    } catch (error) {
      signal.throwIfAborted();
      // A full disk here is no fault of the member that gives it.
      const isOwn = error instanceof NodeError && error.code !== 'malformed';
      if (isOwn) throw error;
      failures.push(`node ${nodeId}: ${messageOf(error)}`);
    }
  }
  throw new RpcError(
    'refused',
    `no member gives the build with the digest ${digest} (${failures.join('; ')}); send it with ` +
      '`agentic-flow release add PATH --swarm`',
  );
}

function sourceOf(node: SwarmNode, nodeId: number, signal: AbortSignal): BuildSource {
  const ask = async (method: string, payload: object): Promise<Uint8Array> => {
    const options = { signal, urgency: READ_URGENCY };
    const answer = await node.peers.call(nodeId, method, payload, BUILD_BLOCK_TIMEOUT_MS, options);
    if (answer instanceof Uint8Array) return answer;
    throw new NodeError('malformed', `node ${nodeId} gave no bytes of a build`);
  };
  return {
    manifest: (digest) => ask('node.buildManifest', { digest }),
    read: (digest, offset, length) => ask('node.buildRead', { digest, offset, length }),
  };
}
