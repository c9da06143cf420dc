/**
 * Makes a new swarm of one node from a backup: its memories, documents, available namespaces, version
 * and settings, with an identity, a swarm id and tokens of its own. Nothing of the old swarm can reach it, and nobody of it
 * is a member: others join. Clients connect anew; their sessions and a rollout that ran are not taken
 * over.
 */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';

import { newControlState } from '../control-plane/state.js';
import { createDataDirectory, dataPaths, requireEmpty } from '../data-directory.js';
import type { DataPaths } from '../data-directory.js';
import {
  FOUNDER_ID,
  newSecrets,
  nodeFileOf,
  requireFreePort,
  requireSpecificAddress,
  writeFoundingLog,
} from '../create.js';
import type { HostPort, NewSwarm } from '../create.js';
import { DocumentStore } from '../../src/documents/index.js';
import { NodeEngines } from '../node-engines.js';
import { SnapshotContent } from '../snapshots/content.js';
import type { ControlState } from '../control-plane/state.js';
import { writeRestored } from '../available/restored.js';
import { checkBackup, documentsOf, namespacesOf } from './read.js';
import type { CheckedBackup } from './read.js';

export interface RestoreOptions {
  readonly file: string;
  readonly directory: string;
  readonly listen: HostPort;
  readonly advertise: HostPort;
  readonly signal: AbortSignal;
}

/** Where the log of the new swarm begins: everything in the backup counts as applied there. */
const FOUNDING_INDEX = 1;

/** The whole file is checked before anything is created; after a failure nothing is left. */
export async function restoreSwarm(
  options: RestoreOptions,
): Promise<Omit<NewSwarm, 'notCarried'> & { readonly backup: CheckedBackup }> {
  const { directory, listen, advertise, signal } = options;
  const file = resolve(options.file);
  requireSpecificAddress(advertise);
  await requireEmpty(dataPaths(directory).root);
  await requireFreePort(listen);
  const backup = await checkBackup(file, signal);
  const { swarmId, tokens, hashes } = newSecrets();
  const { identity } = await createDataDirectory(directory, async (paths, founder) => {
    const control = newControlState({
      swarmId,
      ...hashes,
      swarmVersion: backup.control.swarmVersion,
      peerId: founder.peerId,
      host: advertise.host,
      port: advertise.port,
      sessionTimeoutMs: backup.control.sessionTimeoutMs,
    });
    await fillStore(paths, file, backup, control);
    await fillDocuments(paths, file, backup, signal);
    await fillAvailable(paths, file, backup, signal);
    await writeFoundingLog(paths, control);
    return nodeFileOf(swarmId, FOUNDER_ID, founder, options, []);
  });
  return { swarmId, peerId: identity.peerId, ...tokens, backup };
}

async function fillStore(
  paths: DataPaths,
  file: string,
  { description }: CheckedBackup,
  control: ControlState,
): Promise<void> {
  const content = new SnapshotContent(file, description.contentBytes);
  const engines = new NodeEngines(paths, FOUNDER_ID);
  try {
    await engines.restore(content.records(), control, FOUNDING_INDEX);
  } finally {
    engines.close();
    content.close();
  }
}

/** They come as they were, with their rights. */
async function fillDocuments(
  paths: DataPaths,
  file: string,
  backup: CheckedBackup,
  signal: AbortSignal,
): Promise<void> {
  if (backup.about.documents === undefined) return;
  const store = await DocumentStore.open(paths.documents, () => undefined);
  try {
    for await (const { name, rights, update } of documentsOf(file, backup)) {
      signal.throwIfAborted();
      await store.use(name, async (document) => {
        await document.apply(update, null, backup);
        await document.setRights(rights);
      });
    }
  } finally {
    await store.close();
  }
}

/** Each comes as it was, conflicts included, under a replica that is new. */
async function fillAvailable(
  { available }: DataPaths,
  file: string,
  backup: CheckedBackup,
  signal: AbortSignal,
): Promise<void> {
  if (backup.about.available === undefined) return;
  await mkdir(available, { recursive: true, mode: 0o700 });
  for await (const { name, state } of namespacesOf(file, backup)) {
    signal.throwIfAborted();
    await writeRestored(available, FOUNDER_ID, name, state);
  }
}
