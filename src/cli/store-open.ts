/** How the commands of a store open it. */
import type { Command } from 'commander';

import { type MemoryStore, openMemoryStore } from '../memory/index.js';

export interface StoreFlags {
  readonly json?: boolean;
  readonly adopt?: boolean;
  /** Texts are embedded; not at all when left out. */
  readonly embed?: boolean;
}

/** Adds what every command on a store's file takes. */
export function withFile(command: Command): Command {
  return command
    .argument('<file>', 'file of the store')
    .option('--adopt', 'take over a file that a node or the engine has written; nobody may use it')
    .option('--json', 'print one JSON object');
}

/** Runs `work` with the store open, and closes it in any case. */
export async function withStore<T>(
  file: string,
  flags: StoreFlags & { readonly create?: boolean },
  work: (store: MemoryStore) => Promise<T>,
): Promise<T> {
  const { create = false, adopt = false, embed = false } = flags;
  // One write at a time: there is nothing to wait for.
  const groupCommit = { maxDelayMs: 0 };
  const options = { create, adopt, groupCommit, ...(embed ? {} : { embedder: null }) };
  const store = await openMemoryStore(file, options);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
