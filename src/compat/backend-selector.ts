/** `agentic-flow/reasoningbank/backend-selector`: which store there is. There is one: the v2 store in Node. */
import type * as ReasoningBank from './reasoningbank/index.js';
import { CompatError } from './errors.js';

type Backend = 'nodejs' | 'wasm';

export interface SelectorOptions {
  readonly forceBackend?: Backend | undefined;
  /** Taken, as in v1, and not used: the store of the project is opened. */
  readonly dbPath?: string | undefined;
  readonly verbose?: boolean | undefined;
}

/** `wasm` in a browser, where this package has no store. */
export function getRecommendedBackend(): Backend {
  if ('window' in globalThis && 'document' in globalThis) return 'wasm';
  return typeof process !== 'undefined' && Boolean(process.versions?.node) ? 'nodejs' : 'wasm';
}

export function hasIndexedDB(): boolean {
  return 'indexedDB' in globalThis;
}

/** True in Node: SQLite comes with this package. v1 answered false, having asked in a way that ES modules lack. */
export function hasSQLite(): boolean {
  return getRecommendedBackend() === 'nodejs';
}

/** Opens the store of the project, whatever the name is, as in v1; returns the module of v1's functions. */
export async function createOptimalReasoningBank(
  dbName = 'reasoningbank',
  options: SelectorOptions = {},
): Promise<typeof ReasoningBank> {
  const backend = options.forceBackend ?? getRecommendedBackend();
  if (options.verbose === true) {
    console.log(`[ReasoningBank] Environment: ${backend}`);
    console.log(`[ReasoningBank] Database: ${dbName}`);
  }
  if (backend !== 'nodejs') {
    throw new CompatError(
      'not-offered',
      'the backend "wasm" kept memories of a browser page, or of a process as long as it lives; use the backend ' +
        '"nodejs", whose store is on the disk',
    );
  }
  const reasoningBank = await import('./reasoningbank/index.js');
  await reasoningBank.initialize();
  return reasoningBank;
}

export function getBackendInfo(): {
  backend: Backend;
  environment: 'nodejs' | 'browser';
  features: { persistent: boolean; sqlite: boolean; indexeddb: boolean; wasm: boolean };
  storage: string;
} {
  const backend = getRecommendedBackend();
  const isNode = backend === 'nodejs';
  return {
    backend,
    environment: 'window' in globalThis ? 'browser' : 'nodejs',
    features: {
      persistent: isNode || hasIndexedDB(),
      sqlite: isNode && hasSQLite(),
      indexeddb: !isNode && hasIndexedDB(),
      wasm: !isNode,
    },
    storage: isNode
      ? 'SQLite (disk)'
      : hasIndexedDB()
        ? 'IndexedDB (browser)'
        : 'Memory (ephemeral)',
  };
}

/** Invalid outside of Node, where `createOptimalReasoningBank` throws. */
export function validateEnvironment(): { valid: boolean; warnings: string[]; backend: Backend } {
  const backend = getRecommendedBackend();
  if (backend === 'nodejs') return { valid: true, warnings: [], backend };
  const warnings = ['this package has a store in Node alone; memories cannot be kept here'];
  return { valid: false, warnings, backend };
}

export { validateEnvironment as checkEnvironment };
