/** Data directories of nodes whose log says whatever a test wants, without any process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll } from 'vitest';

import { encodeConfChange } from '../../../consensus/raft/index.js';
import type { ChangeType, Entry } from '../../../consensus/raft/index.js';
import { freePort } from '../../../examples/rolling-migration/ports.js';
import type { Command } from '../../../nodes/control-plane/command.js';
import { initSwarm } from '../../../nodes/create.js';
import { dataPaths, readNodeFile } from '../../../nodes/data-directory.js';
import type { DataPaths } from '../../../nodes/data-directory.js';
import { RaftLogStore } from '../../../nodes/storage/index.js';
import { encodeCommand } from '../../../nodes/wire/command-codec.js';

const root = mkdtempSync(join(tmpdir(), 'agentic-flow-recovery-'));
let folders = 0;
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** One thing that a log says. */
export type Said =
  | { readonly command: Command }
  | { readonly change: [ChangeType, number]; readonly isJoint?: boolean };

export const admit = (nodeId: number): Said => ({
  command: { type: 'addMember', peerId: `peer-${nodeId}`, host: '127.0.0.1', port: nodeId },
});

export const change = (type: ChangeType, nodeId: number): Said => ({ change: [type, nodeId] });

/** Members 2 and 3 as voters, each admitted first. */
export const THREE_VOTERS: readonly Said[] = [2, 3].flatMap((nodeId) => [
  admit(nodeId),
  change('addLearner', nodeId),
  change('addVoter', nodeId),
]);

/** Node 1 of a swarm, stopped, with `said` in its log from index 2 on, all of term 5. */
export async function stoppedNode(
  said: readonly Said[],
  options: { readonly uncommitted?: number } = {},
): Promise<DataPaths> {
  folders += 1;
  const directory = join(root, String(folders));
  const address = { host: '127.0.0.1', port: await freePort() };
  await initSwarm({ directory, listen: address, advertise: address });
  const paths = dataPaths(directory);
  const { swarmId } = await readNodeFile(paths);
  const { store } = await RaftLogStore.open(paths.raft, { clusterId: swarmId });
  const entries = said.map((one, at): Entry => ({ term: 5, index: 2 + at, ...entryOf(one) }));
  const commit = 1 + said.length - (options.uncommitted ?? 0);
  await store.append({ hardState: { term: 6, vote: 2, commit }, entries });
  await store.close();
  return paths;
}

function entryOf(said: Said): Pick<Entry, 'type' | 'data'> {
  if ('command' in said) return { type: 'normal', data: encodeCommand(said.command) };
  const [type, node] = said.change;
  return {
    type: 'confChange',
    data: encodeConfChange({
      transition: said.isJoint === true ? 'jointExplicit' : 'auto',
      changes: [{ type, node }],
    }),
  };
}

/** What the log of a directory holds now. */
export async function restoredOf(paths: DataPaths) {
  const { swarmId } = await readNodeFile(paths);
  const { store, restored } = await RaftLogStore.open(paths.raft, { clusterId: swarmId });
  await store.close();
  return restored;
}
