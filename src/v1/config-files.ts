/** Configuration files of v1: where they lie and what each is. */
import { join } from 'node:path';

import { WALK_DEPTH_MAX } from './limits.js';
import type { ConfigKind } from './rows.js';
import { filesBelow } from './walk.js';

export interface FoundConfig {
  /** Absolute. */
  readonly path: string;
  readonly kind: ConfigKind;
}

interface Place {
  readonly folder: string;
  readonly kind: ConfigKind;
  readonly depth: number;
  readonly pattern: RegExp;
}

const DEEP = WALK_DEPTH_MAX;

/** Below the directory. */
const PLACES: readonly Place[] = [
  { folder: '.swarm', kind: 'reasoningbank-settings', depth: 0, pattern: /^reasoningbank\.ya?ml$/ },
  { folder: '', kind: 'reasoningbank-settings', depth: 0, pattern: /^reasoningbank\.ya?ml$/ },
  { folder: '.hive-mind', kind: 'hive-settings', depth: 0, pattern: /^config\.json$/ },
  { folder: '.hive-mind/config', kind: 'hive-roles', depth: 0, pattern: /\.json$/ },
  { folder: '.claude/agents', kind: 'agent', depth: DEEP, pattern: /\.md$/ },
  { folder: '.claude/commands', kind: 'command', depth: DEEP, pattern: /\.md$/ },
  { folder: '.claude/skills', kind: 'skill', depth: DEEP, pattern: /(^|\/)SKILL\.md$/ },
  { folder: '.claude', kind: 'settings', depth: 0, pattern: /^settings(\.local)?\.json$/ },
  { folder: '.claude/helpers', kind: 'helper', depth: DEEP, pattern: /./ },
  { folder: '', kind: 'mcp-servers', depth: 0, pattern: /^\.mcp\.json$/ },
  { folder: '', kind: 'router', depth: 0, pattern: /^router\.config\.json$/ },
  { folder: 'config', kind: 'router', depth: 0, pattern: /^router\.config\.json$/ },
  { folder: '', kind: 'claude-flow-config', depth: 0, pattern: /^claude-flow\.config\.json$/ },
];

/** Below the home directory. */
const HOME_PLACES: readonly Place[] = [
  { folder: '.agentic-flow', kind: 'home-mcp-config', depth: 0, pattern: /^mcp-config\.json$/ },
  { folder: '.agentic-flow', kind: 'router', depth: 0, pattern: /^router\.config\.json$/ },
];

/** Files of a kind that only v1 writes; the others may be any project's. */
export const TELLING_KINDS: ReadonlySet<ConfigKind> = new Set([
  'reasoningbank-settings',
  'hive-settings',
  'hive-roles',
  'router',
  'claude-flow-config',
]);

export function findConfigs(directory: string, home: string): FoundConfig[] {
  return [...inPlaces(directory, PLACES), ...inPlaces(home, HOME_PLACES)];
}

function inPlaces(root: string, places: readonly Place[]): FoundConfig[] {
  return places.flatMap(({ folder, kind, depth, pattern }) =>
    filesBelow(join(root, folder), depth, (name) => pattern.test(name)).map((path) => ({
      path,
      kind,
    })),
  );
}
