import { writeNodeFile } from './data-directory.js';
import type { DataPaths, NodeFile } from './data-directory.js';
import type { ControlState } from './control-plane/state.js';
import { messageOf } from './errors.js';

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
