/** Which releases of v1 an installation was written by, as far as its files prove it. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { CONFIG_BYTES_MAX } from './limits.js';
import type { V1Store } from './rows.js';

const PACKAGES = ['agentic-flow', 'claude-flow', 'agentdb'] as const;

/** Sentences, those of installed packages first. */
export function versionsOf(root: string, stores: readonly V1Store[]): string[] {
  const declared = dependenciesOf(join(root, 'package.json'));
  const packages = PACKAGES.flatMap((name) => {
    const installed = jsonObject(join(root, 'node_modules', name, 'package.json'))?.['version'];
    if (typeof installed === 'string') return [`${name} ${installed} is installed`];
    const range = declared.get(name);
    return range === undefined ? [] : [`package.json asks for ${name} ${range}`];
  });
  return [...packages, ...new Set(stores.flatMap(provenBy))];
}

function provenBy({ name, format, rows }: V1Store): string[] {
  const has = (table: string): boolean => Object.hasOwn(rows, table);
  switch (format) {
    case 'A': {
      const entries = has('memory_entries') ? [`${name}: claude-flow 2.7 wrote into it`] : [];
      const is = has('patterns') ? [`${name}: agentic-flow 1.7 to 1.10 (schema A)`] : [];
      return [...is, ...entries];
    }
    case 'B':
      return [`${name}: reasoningbank of the float64 kind (schema B)`];
    case 'C':
      return [`${name}: ${agentdbVersion(has)}`];
    case 'D':
      return [`${name}: agentdb 1.0 (schema D)`];
    case 'E':
      return [`${name}: hive-mind of claude-flow 2 (schema E)`];
    case 'F':
      return [`${name}: federation hub of agentic-flow 1.8 to 1.10 (schema F)`];
    case 'G':
      return [`${name}: claude-flow's extended memory (schema G)`];
    default:
      return [];
  }
}

function agentdbVersion(has: (table: string) => boolean): string {
  if (has('provenance_certificates')) return "agentdb's MCP server, its own variant (schema C2)";
  return has('learning_sessions')
    ? 'agentdb 1.4 to 1.6 (schema C)'
    : 'agentdb 1.2 to 1.3 (schema C)';
}

function dependenciesOf(path: string): Map<string, string> {
  const manifest = jsonObject(path);
  const found = new Map<string, string>();
  for (const kind of ['devDependencies', 'dependencies']) {
    const section = manifest?.[kind];
    if (typeof section !== 'object' || section === null) continue;
    for (const [name, range] of Object.entries(section)) {
      if (typeof range === 'string') found.set(name, range.slice(0, 100));
    }
  }
  return found;
}

function jsonObject(path: string): Record<string, unknown> | undefined {
  try {
    if (statSync(path).size > CONFIG_BYTES_MAX) return undefined;
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
