import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { applyConfig, planConfig } from '../../../../src/migrate/config/index.js';
import { seed as newSeed } from '../../memory/support.js';
import { describeInstallation } from './installation-files.js';
import { makeInstallation } from './installation.js';

const child = join(import.meta.dirname, 'apply-child.js');
const characters = '"A": "", "P": "", "I": "", "_": "", "K": "", "E": "", "Y": "", "": ""';
const files = {
  '.mcp.json': '{"mcpServers": {"claude-flow@alpha": {"command": "npx"}}}',
  '.claude/settings.json': '{"enabledMcpjsonServers": ["claude-flow"]}',
  '.claude/settings.local.json': '{"permissions": {"allow": ["mcp__x"]}}',
  '~/.agentic-flow/mcp-config.json': `{"servers": {"w": {"command": "x", "env": {${characters}}}}}`,
  'claude-flow.config.json': '{"a": 1}',
  'router.config.json': '{"providers": {}}',
};

function treeOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const texts = names
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const);
  return Object.fromEntries(texts);
}

/** Kills the child so long after it has planned. */
async function killed(directory: string, home: string, afterMs: number): Promise<boolean> {
  const running = spawn(process.execPath, [child, directory, home], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.stdout.once('data', () => setTimeout(() => running.kill('SIGKILL'), afterMs));
  return new Promise((resolve) => {
    running.once('exit', (_, signal) => resolve(signal === 'SIGKILL'));
  });
}

describe('a migration that is killed while it changes the configuration', () => {
  it('is finished by the next run, which ends like an undisturbed one', async () => {
    let state = newSeed();
    const undisturbed = makeInstallation(files);
    await applyConfig(await planConfig(undisturbed, { sideBySide: false, env: {} }));
    const expected = [treeOf(undisturbed.directory), treeOf(undisturbed.home)];
    let kills = 0;
    for (let round = 0; round < 12; round += 1) {
      const { directory, home } = makeInstallation(files);
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      const afterMs = (state / 2 ** 32) * 40;
      if (await killed(directory, home, afterMs)) kills += 1;
      const left = describeInstallation(directory, home);
      await applyConfig(await planConfig(left, { sideBySide: false, env: {} }));
      expect([treeOf(directory), treeOf(home)]).toEqual(expected);
    }
    expect(kills).toBeGreaterThan(0);
  });
});
