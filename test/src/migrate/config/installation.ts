/** v1 directories of the tests, made of texts, and what the configuration phase is given of them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterAll } from 'vitest';

import type { ConfigPlan, FileChange } from '../../../../src/migrate/config/index.js';
import type { V1Installation } from '../../../../src/v1/rows.js';
import { describeInstallation } from './installation-files.js';

const root = mkdtempSync(join(tmpdir(), 'agentic-flow-config-'));
let made = 0;

afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

/** A new empty folder with a `home` beside it. */
export function newFolders(): { directory: string; home: string } {
  made += 1;
  const directory = join(root, `${made}`, 'project');
  const home = join(root, `${made}`, 'home');
  mkdirSync(directory, { recursive: true });
  mkdirSync(home, { recursive: true });
  return { directory, home };
}

/** Writes the files, by names relative to the directory or `~/` in the home. */
export function makeInstallation(
  files: Readonly<Record<string, string | Uint8Array>>,
): V1Installation {
  const { directory, home } = newFolders();
  for (const [name, content] of Object.entries(files)) {
    const path = name.startsWith('~/') ? join(home, name.slice(2)) : join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return describeInstallation(directory, home);
}

export function changeOf(plan: ConfigPlan, name: string): FileChange {
  const found = plan.changes.find((change) => change.name === name);
  if (found === undefined) throw new Error(`the plan has no change of ${name}`);
  return found;
}

export function textAfter(plan: ConfigPlan, name: string): string {
  return changeOf(plan, name).after.content().toString('utf8');
}

/** A file of `.agentic-flow/config` as it will be written. */
export function configOf(plan: ConfigPlan, name: string): Record<string, unknown> {
  const text = textAfter(plan, `.agentic-flow/config/${name}.json`);
  return JSON.parse(text) as Record<string, unknown>;
}
