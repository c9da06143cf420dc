import { writeNodeFile } from './data-directory.js';
import type { DataPaths, NodeFile } from './data-directory.js';
import type { ControlState } from './control-plane/state.js';
import { RpcError } from '../transport/rpc/rpc.js';
import { messageOf, noMemberNotice } from './errors.js';
import type { Peers } from './peers.js';
import { parseMembers } from './wire/result-codec.js';

/** For the next start: a node must know whom to believe before its log tells it. */
export async function rememberMembers(
  paths: DataPaths,
  file: NodeFile,
  control: Pick<ControlState, 'members'>,
  log: (message: string) => void,
): Promise<void> {
  const members = [...control.members.values()].map(({ nodeId, peerId, host, port }) => {
    return { nodeId, peerId, host, port };
  });
  if (members.length === 0) return;
  if (JSON.stringify(members) === JSON.stringify(file.members)) return;
  file.members.splice(0, file.members.length, ...members);
  try {
    await writeNodeFile(paths, file);
  } catch (error) {
    log(`cannot write ${paths.nodeFile}: ${messageOf(error)}`);
  }
}

/**
 * The other members by their node ids. Until a node has caught up with its swarm, it knows those that it
 * knew when it stopped.
 */
export function othersOf({
  file,
  control,
}: {
  readonly file: Pick<NodeFile, 'nodeId' | 'members'>;
  readonly control: Pick<ControlState, 'members'>;
}): Map<number, NodeFile['members'][number]> {
  const known = [...file.members, ...control.members.values()];
  const others = new Map(known.map((one) => [one.nodeId, one]));
  others.delete(file.nodeId);
  return others;
}

/** Who the members are, as the first one says that answers; none when nobody does. */
export async function membersOfOthers(
  file: NodeFile,
  peers: Pick<Peers, 'call'>,
  log: (message: string) => void,
): Promise<NodeFile['members']> {
  for (const { nodeId } of file.members) {
    if (nodeId === file.nodeId) continue;
    try {
      const hello = { protocol: 1, token: null };
      return parseMembers(await peers.call(nodeId, 'client.hello', hello, 1_000));
    } catch (error) {
      const isStranger = error instanceof RpcError && error.code === 'permission-denied';
      if (isStranger) log(noMemberNotice(nodeId, file));
    }
  }
  return [];
}
