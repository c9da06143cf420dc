/** Folders and ports that no other test uses. */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll } from 'vitest';

import { generateV1Installation } from '../../../examples/rolling-migration/generate.js';

export { freePort } from '../../../examples/rolling-migration/ports.js';

const root = mkdtempSync(join(tmpdir(), 'agentic-flow-e2e-'));
// Some commands run as another user, who has to get as far as the folders inside.
chmodSync(root, 0o755);
let folders = 0;

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A new path in a folder that vanishes after the tests of the file. */
export function scratch(name: string): string {
  folders += 1;
  return join(root, `${folders}-${name}`);
}

/** A v1 installation with so many memories. */
export function v1Installation(memories: number): string {
  const directory = scratch('v1');
  generateV1Installation(directory, { memories, seed: 11 });
  return directory;
}

/** Every file below a folder, with the SHA-256 of what is in it. */
export function contentsOf(directory: string): Record<string, string> {
  if (!existsSync(directory)) return {};
  const files = readdirSync(directory, { recursive: true, withFileTypes: true });
  const hashes = files
    .filter((each) => each.isFile())
    .map((each) => {
      const path = join(each.parentPath, each.name);
      return [path, createHash('sha256').update(readFileSync(path)).digest('hex')] as const;
    });
  return Object.fromEntries(hashes.sort(([a], [b]) => (a < b ? -1 : 1)));
}
