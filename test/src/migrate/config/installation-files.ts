/** What discovery would say of the configuration files in a directory and a home. */
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

import type { ConfigKind, V1ConfigFile, V1Installation } from '../../../../src/v1/rows.js';

/** Where each kind of file is; the first that fits. */
const KINDS: readonly (readonly [RegExp, ConfigKind])[] = [
  [/^~\/\.agentic-flow\/mcp-config\.json$/, 'home-mcp-config'],
  [/router\.config\.json$/, 'router'],
  [/^\.mcp\.json$/, 'mcp-servers'],
  [/^\.claude\/settings(?:\.local)?\.json$/, 'settings'],
  [/^\.claude\/agents\/.*\.md$/, 'agent'],
  [/^\.claude\/commands\/.*\.md$/, 'command'],
  [/^\.claude\/skills\/.*SKILL\.md$/, 'skill'],
  [/^\.claude\/helpers\//, 'helper'],
  [/^\.hive-mind\/config\.json$/, 'hive-settings'],
  [/^\.hive-mind\/config\//, 'hive-roles'],
  [/^claude-flow\.config\.json$/, 'claude-flow-config'],
  [/reasoningbank\.yaml$/, 'reasoningbank-settings'],
  [/^\.env$/, 'env'],
];

/** What discovery gives for the configuration files that are there. */
export function describeInstallation(directory: string, home: string): V1Installation {
  const configs = [...below(directory, ''), ...below(home, '~/')];
  return { directory, home, stores: [], configs, versions: [], problems: [] };
}

function below(folder: string, prefix: string): V1ConfigFile[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return names.flatMap((name) => {
    const path = join(folder, name);
    const shown = prefix + relative(folder, path);
    const kind = KINDS.find(([pattern]) => pattern.test(shown))?.[1];
    const found = statSync(path, { throwIfNoEntry: false });
    if (kind === undefined || found === undefined || found.isDirectory()) return [];
    return [{ path, name: shown, kind, bytes: found.size }];
  });
}
