/** The configuration phase on installations that v1 itself wrote, beside this repository. */
import { chmodSync, cpSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';

import {
  applyConfig,
  capabilitiesOf,
  planConfig,
  readConfig,
} from '../../src/migrate/config/index.js';
import type { V1Installation } from '../../src/v1/rows.js';
import { describeInstallation, newFolders, textAfter } from '../src/migrate/config/installation.js';

const shared = join(process.cwd(), '..', 'shared', 'v1');
const options = { sideBySide: false, env: {} };

/** A copy that may be written, with `_home` as its home. */
function copyOf(fixture: string): V1Installation {
  const { directory, home } = newFolders();
  cpSync(join(shared, 'fixtures', fixture), directory, { recursive: true });
  for (const path of everythingBelow(directory)) chmodSync(path, statSync(path).mode | 0o200);
  for (const name of readdirSync(join(directory, '_home'))) {
    renameSync(join(directory, '_home', name), join(home, name));
  }
  return describeInstallation(directory, home);
}

function everythingBelow(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return [folder, ...names.map((name) => join(folder, name))];
}

describe('the configuration of v1-full', () => {
  it('is carried, changed where v2 needs it, and nothing is left to do', async () => {
    const installation = copyOf('v1-full');
    const { directory } = installation;
    const before = new Map(installation.configs.map(({ path }) => [path, readFileSync(path)]));
    const plan = await planConfig(installation, options);
    expect(plan.quarantined).toEqual([]);
    expect(plan.changes.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      'create .agentic-flow/config/swarm.json',
      'create .agentic-flow/config/agents.json',
      'create .agentic-flow/config/router.json',
      'create .agentic-flow/config/mcp.json',
      'create .agentic-flow/config/hooks.json',
      'create .agentic-flow/config/reasoningbank.json',
      'change .mcp.json',
      'change .claude/settings.json',
      'change .claude/settings.local.json',
      'change ~/.agentic-flow/mcp-config.json',
    ]);
    const applied = await applyConfig(plan);
    const config = readConfig(directory);
    expect(config.swarm?.listen).toEqual({ host: '0.0.0.0', port: 4_433 });
    expect(Object.keys(config.swarm?.v1.queens ?? {})).toEqual([
      'strategic',
      'tactical',
      'adaptive',
    ]);
    const files = (kind: string): number =>
      installation.configs.filter((file) => file.kind === kind).length;
    expect(config.agents?.agents.length).toBe(files('agent'));
    // As many as `loadAgents` of agentic-flow 1.10.2 gives for this folder.
    expect(config.agents?.agents.filter(({ loadedByV1 }) => loadedByV1).length).toBe(67);
    expect(config.agents?.commands.length).toBe(files('command'));
    expect(config.agents?.skills.length).toBe(files('skill'));
    expect([files('agent'), files('command'), files('skill')].every((count) => count > 20)).toBe(
      true,
    );
    expect(config.router?.providers['openai']).toMatchObject({ apiKey: '${OPENAI_API_KEY}' });
    expect(config.router?.rules.length).toBe(3);
    expect(config.mcp?.servers.map(({ name }) => name)).toEqual([
      ...['claude-flow@alpha', 'ruv-swarm', 'flow-nexus', 'weather', 'local-tools', 'dbtool'],
    ]);
    expect(config.hooks?.hooks.length).toBe(7);
    expect(config.reasoningbank?.settings['retrieve']).toMatchObject({ k: 3, alpha: 0.65 });
    // Only what the plan names has changed.
    const changed = new Set(applied.changed.map(({ path }) => path));
    for (const [path, bytes] of before) {
      if (!changed.has(path)) expect(readFileSync(path)).toEqual(bytes);
    }
    expect((await planConfig(installation, options)).changes).toEqual([]);
  });

  it('shows no secret of its .env', async () => {
    const plan = await planConfig(copyOf('v1-full'), options);
    const said = JSON.stringify(plan) + inspect(plan, { depth: 9 });
    const made = plan.changes.map(({ name }) => textAfter(plan, name)).join('\n');
    for (const secret of [
      'sk-ant-DUMMY',
      'sk-or-v1-DUMMY',
      'quoted value with',
      'sqlite:///x.db',
    ]) {
      expect(said).not.toContain(secret);
      if (secret !== 'sqlite:///x.db') expect(made).not.toContain(secret);
    }
  });

  it('reads a front matter that is no YAML', async () => {
    const installation = copyOf('v1-full');
    await applyConfig(await planConfig(installation, options));
    const agents = readConfig(installation.directory).agents?.agents ?? [];
    const found = agents.find(({ name }) => name === 'base-template-generator');
    expect(found).toMatchObject({ loadedByV1: true, capabilities: ['templates', 'code'] });
    expect(found?.description).toMatch(/^Use this agent when .*Examples: <example>/);
  });
});

describe('the broken configuration of bad-json', () => {
  it('is listed with line and reason, and the rest is carried', async () => {
    const installation = copyOf(join('damaged', 'bad-json'));
    const plan = await planConfig(installation, options);
    expect(plan.quarantined).toEqual([
      {
        name: '.mcp.json',
        reason: 'line 1: it is no JSON: close brace expected, the file ends there; kept as it is',
      },
      {
        name: '~/.agentic-flow/mcp-config.json',
        reason: 'its server bad is no object; not carried',
      },
    ]);
    await applyConfig(plan);
    const config = readConfig(installation.directory);
    expect(config.router?.providers).toEqual({ anthropic: { apiKey: '${ANTHROPIC_API_KEY}' } });
    expect(config.hooks?.hooks.length).toBe(1);
    expect(config.mcp?.servers.map(({ name, env }) => [name, env])).toEqual([
      ['weather', { API_KEY: '${API_KEY}' }],
      ['noargs', {}],
    ]);
    expect(config.agents?.agents.map(({ name, reason }) => [name, reason])).toEqual([
      ['broken: yaml: here', 'its front matter has no description on the line of its key'],
      ['crlf-agent', 'its lines end in CRLF, and v1 read LF only'],
      ['coder', undefined],
      ['Just a title', 'it has no front matter'],
    ]);
    const mcp = join(installation.directory, '.mcp.json');
    const original = join(shared, 'fixtures', 'damaged', 'bad-json', '.mcp.json');
    expect(readFileSync(mcp)).toEqual(readFileSync(original));
  });
});

describe('agent types', () => {
  it('of every version of v1 have capabilities', () => {
    const text = readFileSync(join(shared, 'reference', 'agent-types.json'), 'utf8');
    const types = JSON.parse(text) as Record<string, unknown>;
    const byVersion = types['front matter name per version'] as Record<string, string[]>;
    expect(byVersion['1.10.2']!.length).toBe(77);
    const names = [
      ...Object.values(byVersion).flat(),
      ...(types['front matter name claude-flow 2.7.47'] as string[]),
      ...(types['agent_spawn.type (claude-flow 2.7.47 MCP enum)'] as string[]),
      ...(types['hive-mind-schema.sql agents.type CHECK'] as string[]),
    ];
    expect(names.filter((name) => capabilitiesOf(name) === undefined)).toEqual([]);
  });
});
