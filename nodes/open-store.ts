import { existsSync } from 'node:fs';

import type { MemoryEngine } from '../src/memory/engine.js';

/** Opens the store at `path` if it is there, and closes it again if it lags behind `index`. */
export function openIfCurrent(
  path: string | undefined,
  index: number,
  open: (path: string) => MemoryEngine,
): MemoryEngine | undefined {
  if (path === undefined || !existsSync(path)) return undefined;
  const engine = open(path);
  if (engine.appliedIndex >= index) return engine;
  engine.close();
  return undefined;
}
