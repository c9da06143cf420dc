import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { discoverInstallation, type V1Installation } from '../../../src/v1/index.js';
import { folder, makeDatabase, SCHEMAS } from './stores.js';

function write(path: string, content = '{}'): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** A directory below a parent, so that what lies above belongs to the test. */
function project(): { directory: string; home: string; parent: string } {
  const parent = folder('parent');
  const directory = join(parent, 'work', 'project');
  mkdirSync(directory, { recursive: true });
  return { directory, home: folder('home'), parent };
}

const A = SCHEMAS['A']!;
const names = (found: V1Installation): string[] => found.stores.map(({ name }) => name);

describe('a v1 installation', () => {
  it('is found at every place where v1 keeps something', async () => {
    const { directory, home, parent } = project();
    const at = (...parts: string[]): string => join(directory, ...parts);
    makeDatabase(at('data', 'hub.db'), SCHEMAS['F']!);
    makeDatabase(at('.hive-mind', 'memory.db'), SCHEMAS['E2']!);
    makeDatabase(at('.hive-mind', 'hive.db'), SCHEMAS['E']!);
    makeDatabase(at('.agentdb', 'reasoningbank.db'), SCHEMAS['D']!);
    makeDatabase(at('agentdb.db'), SCHEMAS['C']!);
    makeDatabase(at('.swarm', 'other.db'), A);
    makeDatabase(at('.swarm', 'memory.db'), A);
    makeDatabase(at('data', 'no-extension'), SCHEMAS['B']!);
    makeDatabase(at('mine', 'shop.db'), 'CREATE TABLE orders (id)');
    makeDatabase(at('node_modules', 'x', 'a.db'), A);
    makeDatabase(at('.agentic-flow', 'a.db'), A);
    makeDatabase(at('old.v1-backup', 'a.db'), A);
    write(at('old.v1-backup', 'backup.json'), '{"kind":"agentic-flow v1 backup","format":1}');
    write(at('data', 'backup.json'));
    write(at('memory', 'memory-store.json'));
    write(at('memory', 'claude-flow@alpha-data.json'));
    write(at('memory', 'notes.json'));
    write(at('.hive-mind', 'sessions', 's.json'), '');
    write(at('.claude-flow', 'metrics', 'performance.json'));
    for (const path of [
      '.swarm/reasoningbank.yaml',
      'reasoningbank.yaml',
      '.hive-mind/config.json',
      '.hive-mind/config/queens.json',
      '.claude/agents/deep/er/a.md',
      '.claude/agents/a.txt',
      '.claude/commands/x/c.md',
      '.claude/skills/s/SKILL.md',
      '.claude/skills/s/notes.md',
      '.claude/settings.json',
      '.claude/settings.local.json',
      '.claude/helpers/h.sh',

      '.mcp.json',
      'router.config.json',
      'config/router.config.json',
      'claude-flow.config.json',
    ]) {
      write(at(path));
    }
    write(join(parent, '.env'), `AGENTIC_FLOW_ROUTER_CONFIG='mine/router.json' # here\n`);
    write(at('mine', 'router.json'));
    write(join(home, '.agentic-flow', 'mcp-config.json'));
    write(join(home, '.agentic-flow', 'router.config.json'));
    const progress: number[] = [];
    const found = await discoverInstallation(directory, {
      home,
      env: {},
      onProgress: (done, total) => progress.push(done / total),
    });
    expect(names(found)).toEqual([
      '.swarm/memory.db',
      'agentdb.db',
      '.agentdb/reasoningbank.db',
      '.hive-mind/hive.db',
      '.hive-mind/memory.db',
      'memory/memory-store.json',
      'memory/claude-flow@alpha-data.json',
      '.hive-mind/sessions/s.json',
      '.claude-flow/metrics/performance.json',
      '.swarm/other.db',
      'data/hub.db',
      'data/no-extension',
    ]);
    expect(found.stores.map(({ family }) => family)).toEqual([
      'reasoningbank',
      'agentdb',
      'agentdb',
      'hive',
      'hive',
      'claude-flow',
      'claude-flow',
      'hive',
      'claude-flow',
      'reasoningbank',
      'hub',
      'reasoningbank',
    ]);
    expect(found.configs.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      'reasoningbank-settings .swarm/reasoningbank.yaml',
      'reasoningbank-settings reasoningbank.yaml',
      'hive-settings .hive-mind/config.json',
      'hive-roles .hive-mind/config/queens.json',
      'agent .claude/agents/deep/er/a.md',
      'command .claude/commands/x/c.md',
      'skill .claude/skills/s/SKILL.md',
      'settings .claude/settings.json',
      'settings .claude/settings.local.json',
      'helper .claude/helpers/h.sh',
      'mcp-servers .mcp.json',
      'router router.config.json',
      'router config/router.config.json',
      'claude-flow-config claude-flow.config.json',
      'home-mcp-config ~/.agentic-flow/mcp-config.json',
      'router ~/.agentic-flow/router.config.json',
      'router mine/router.json',
      `env ${join(parent, '.env')}`,
    ]);
    expect(progress.at(0)).toBe(0);
    expect(progress.at(-1)).toBe(1);
  });

  it('counts a database once, by whatever names it is known', async () => {
    const { directory, home } = project();
    makeDatabase(join(directory, '.swarm', 'memory.db'), A);
    const elsewhere = makeDatabase(join(folder('elsewhere'), 'agents.db'), SCHEMAS['C']!);
    write(
      join(directory, '.env'),
      'CLAUDE_FLOW_DB_PATH=./.swarm/memory.db\nAGENTDB_PATH=wrong.db\n',
    );
    symlinkSync('memory.db', join(directory, '.swarm', 'same.db'));
    const env = { AGENTDB_PATH: elsewhere, FEDERATION_DB_PATH: ':memory:' };
    const found = await discoverInstallation(directory, { home, env });
    expect(names(found)).toEqual(['.swarm/memory.db', elsewhere]);
    expect(found.problems).toEqual([]);
  });

  it('says which variable names nothing, and which link leads out', async () => {
    const { directory, home } = project();
    const outside = makeDatabase(join(folder('outside'), 'a.db'), A);
    makeDatabase(join(home, 'linked.db'), SCHEMAS['B']!);
    makeDatabase(join(directory, '.swarm', 'memory.db'), A);
    symlinkSync(outside, join(directory, 'agentdb.db'));
    symlinkSync(join(home, 'linked.db'), join(directory, 'home.db'));
    const env = { CLAUDE_FLOW_DB_PATH: 'gone.db' };
    const found = await discoverInstallation(directory, { home, env });
    expect(names(found)).toEqual(['.swarm/memory.db', 'home.db']);
    expect(found.problems).toEqual([
      `agentdb.db is a link out of the directory to ${outside}; it is not followed`,
      'CLAUDE_FLOW_DB_PATH names gone.db, which is no file',
    ]);
  });

  it('tells a link that leads nowhere, and a file of which one byte is left', async () => {
    const { directory, home } = project();
    makeDatabase(join(directory, '.swarm', 'other.db'), A);
    symlinkSync('gone.db', join(directory, '.swarm', 'memory.db'));
    write(join(directory, '.hive-mind', 'hive.db'), 'S');
    const found = await discoverInstallation(directory, { home, env: {} });
    expect(found.problems).toContain('.swarm/memory.db is a link to gone.db, which is no file');
    expect(found.stores.map(({ name, state }) => [name, state])).toEqual([
      ['.hive-mind/hive.db', 'damaged'],
      ['.swarm/other.db', 'ok'],
    ]);
  });

  it('is not every project', async () => {
    const { directory, home } = project();
    const discover = () => discoverInstallation(directory, { home, env: {} });
    write(join(directory, '.env'), 'A=1');
    write(join(directory, '.claude', 'settings.json'), '{"model": "x"}');
    write(join(directory, '.claude', 'agents', 'mine.md'), '---\nname: mine\n---\n');
    makeDatabase(join(directory, 'shop.db'), 'CREATE TABLE orders (id)');
    write(join(home, '.agentic-flow', 'mcp-config.json'));
    await expect(discover()).rejects.toMatchObject({ code: 'no-installation' });
    write(join(directory, '.mcp.json'), '{"mcpServers": {"claude-flow@alpha": {}}}');
    expect((await discover()).configs).toHaveLength(5);
    const missing = join(directory, 'missing');
    await expect(discoverInstallation(missing)).rejects.toMatchObject({ code: 'no-installation' });
  });

  it('tells its versions by packages and schemas', async () => {
    const { directory, home } = project();
    makeDatabase(join(directory, '.swarm', 'memory.db'), `${A}; ${SCHEMAS['A+']}`);
    makeDatabase(join(directory, 'agentdb.db'), SCHEMAS['C']!);
    const manifest = { dependencies: { 'agentic-flow': '^1.8.0', agentdb: '1.3.9' } };
    write(join(directory, 'package.json'), JSON.stringify(manifest));
    const installed = join(directory, 'node_modules', 'agentic-flow', 'package.json');
    write(installed, '{"version": "1.8.11"}');
    const { versions } = await discoverInstallation(directory, { home, env: {} });
    expect(versions).toEqual([
      'agentic-flow 1.8.11 is installed',
      'package.json asks for agentdb 1.3.9',
      '.swarm/memory.db: agentic-flow 1.7 to 1.10 (schema A)',
      '.swarm/memory.db: claude-flow 2.7 wrote into it',
      'agentdb.db: agentdb 1.2 to 1.3 (schema C)',
    ]);
  });

  it('lists what is wrong with its files', async () => {
    const { directory, home } = project();
    const at = (...parts: string[]): string => join(directory, ...parts);
    makeDatabase(at('.swarm', 'memory.db'), A);
    write(at('.hive-mind', 'sessions', 'a.json'), '');
    write(at('.hive-mind', 'sessions', 'b.json'), '{"sessionId":"b"}');
    write(at('.mcp.json'), '{"mcpServers": {"claude-flow@alpha": {}}, /* mine */}');
    write(at('.claude', 'settings.json'), '{"enabledMcpjsonServers": ["claude-flow", "gone"]}');
    write(at('router.config.json'), '{"version": ');
    const servers = { w: { env: { A: '', B: '' } }, x: { env: { KEY: 'v' } } };
    write(join(home, '.agentic-flow', 'mcp-config.json'), JSON.stringify({ servers }));
    const { problems } = await discoverInstallation(directory, { home, env: {} });
    expect(problems).toEqual([
      '1 of 2 session files of the hive-mind have 0 bytes',
      '.mcp.json holds comments or trailing commas, which JSON has not',
      'router.config.json cannot be read as JSON, not even with comments',
      '~/.agentic-flow/mcp-config.json: the environment of w was stored one character an entry',
      '.claude/settings.json enables the MCP server claude-flow, which .mcp.json does not have; it is called claude-flow@alpha there',
      '.claude/settings.json enables the MCP server gone, which .mcp.json does not have',
    ]);
  });

  it('can be given up', async () => {
    const { directory, home } = project();
    makeDatabase(join(directory, '.swarm', 'memory.db'), A);
    const signal = AbortSignal.abort();
    const search = discoverInstallation(directory, { home, env: {}, signal });
    await expect(search).rejects.toMatchObject({ name: 'AbortError' });
  });
});
