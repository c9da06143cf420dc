/** MiniLM on each runtime, in a worker of this process. */
import { createMiniLmEmbedder, type MiniLmEmbedder } from '../../src/memory/index.js';
import { missingPackage, peersFolder } from '../vectors/peers.js';

export const RUNTIMES = ['web', 'node'] as const;
type Runtime = (typeof RUNTIMES)[number];

/** Runtimes that are not here, each with what to do. */
export function absentRuntimes(): { readonly subject: string; readonly reason: string }[] {
  const reason = missingPackage('onnxruntime-node');
  return reason === undefined ? [] : [{ subject: 'node', reason }];
}

/** The model loaded. The native runtime is the one of bench/peers. */
export async function loadEmbedder(runtime: Runtime): Promise<MiniLmEmbedder> {
  const folder = process.cwd();
  // It is looked for in the project of the user, which is the folder of the process.
  process.chdir(peersFolder);
  try {
    const embedder = createMiniLmEmbedder({ runtime });
    await embedder.warm();
    return embedder;
  } finally {
    process.chdir(folder);
  }
}

/** Of all threads of this process. */
export function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
