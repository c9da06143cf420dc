import { describe, expect, it } from 'vitest';

import { applyConfig, planConfig, readConfig } from '../../../../src/migrate/config/index.js';
import { changeOf, configOf, makeInstallation, textAfter } from './installation.js';

const options = { sideBySide: false, env: {} };
const MCP =
  '{"mcpServers": {"claude-flow@alpha": {"command": "npx", "args": ["claude-flow@alpha"]}}}';

describe('MCP servers', () => {
  it('gain that of v2 beside those that are there', async () => {
    const text =
      '{\r\n\t// mine\r\n\t"mcpServers": {\r\n\t\t"db": { "command": "x", },\r\n\t},\r\n}\r\n';
    const plan = await planConfig(makeInstallation({ '.mcp.json': text }), options);
    const after = textAfter(plan, '.mcp.json');
    expect(after.replaceAll('\r\n', '')).not.toContain('\n');
    expect(after).toContain('\t// mine\r\n\t"mcpServers": {\r\n\t\t"db": { "command": "x", },');
    expect(after).toContain('\t\t"agentic-flow": {\r\n\t\t\t"command": "npx",');
    expect(changeOf(plan, '.mcp.json').diff).toContain('+\t\t"agentic-flow": {');
  });

  it('keep a byte order mark', async () => {
    const plan = await planConfig(makeInstallation({ '.mcp.json': `\uFEFF${MCP}` }), options);
    expect(textAfter(plan, '.mcp.json').startsWith('\uFEFF{"mcpServers"')).toBe(true);
  });

  it('keep an own server of that name, and say so', async () => {
    const own =
      '{"mcpServers": {"agentic-flow": {"command": "npx", "args": ["agentic-flow@1.10.2"]}}}';
    const plan = await planConfig(makeInstallation({ '.mcp.json': own }), options);
    expect(plan.changes.map(({ name }) => name)).toEqual(['.agentic-flow/config/mcp.json']);
    expect(plan.notes.join()).toContain('agentic-flow is kept as it is');
  });

  it('of the home lose what v1 made of a variable; the copy refers to it', async () => {
    const text = `{
  "servers": {
    "weather": {
      "command": "npx",
      "env": { "A": "", "P": "", "I": "", "_": "", "K": "", "E": "", "Y": "", "": "", "d": "" }
    },
    "bad": null,
    "noargs": { "command": "x" }
  }
}`;
    const installation = makeInstallation({ '~/.agentic-flow/mcp-config.json': text });
    const plan = await planConfig(installation, options);
    expect(textAfter(plan, '~/.agentic-flow/mcp-config.json')).toBe(
      text.replace(/"env": \{ .* \}/, '"env": {}'),
    );
    const servers = configOf(plan, 'mcp')['servers'] as { name: string; env: object; args: [] }[];
    expect(servers.map(({ name, env }) => [name, env])).toEqual([
      ['weather', { API_KEY: '${API_KEY}' }],
      ['noargs', {}],
    ]);
    expect(plan.notes.join()).toContain('it must have been API_KEY, whose value is lost');
    expect(plan.quarantined.map(({ reason }) => reason)).toContain(
      'its server bad is no object; not carried',
    );
    // A second run finds nothing to do, though the file no longer tells the name.
    await applyConfig(plan);
    expect((await planConfig(installation, options)).changes).toEqual([]);
    expect(readConfig(installation.directory).mcp?.servers[0]?.env).toEqual({
      API_KEY: '${API_KEY}',
    });
  });

  it('that are cut off stop nothing else', async () => {
    const cut = '{"mcpServers":{"a":{"command":"npx","args":["x"';
    const settings = '{"enabledMcpjsonServers": ["a"]}';
    const plan = await planConfig(
      makeInstallation({
        '.mcp.json': cut,
        '.claude/settings.json': settings,
        '.env': 'QUIC_PORT=1',
      }),
      options,
    );
    expect(plan.quarantined).toEqual([
      {
        name: '.mcp.json',
        reason: 'line 1: it is no JSON: close bracket expected, the file ends there; kept as it is',
      },
    ]);
    expect(plan.changes.map(({ name }) => name)).toEqual(['.agentic-flow/config/swarm.json']);
  });
});

describe('settings of Claude Code', () => {
  const settingsAfter = async (settings: string): Promise<string> => {
    const files = { '.mcp.json': MCP, '.claude/settings.json': settings };
    const plan = await planConfig(makeInstallation(files), options);
    const change = plan.changes.find(({ name }) => name === '.claude/settings.json');
    return change === undefined ? settings : change.after.content().toString('utf8');
  };

  const rows: readonly (readonly [before: string, after: string])[] = [
    // claude-flow init wrote one name here and another in .mcp.json.
    [
      '{"enabledMcpjsonServers": ["claude-flow", "ruv"]} // x',
      '{"enabledMcpjsonServers": ["claude-flow@alpha", "ruv", "agentic-flow"]} // x',
    ],
    [
      '{"enabledMcpjsonServers": ["claude-flow@alpha", "claude-flow"]}',
      '{"enabledMcpjsonServers": ["claude-flow@alpha", "claude-flow", "agentic-flow"]}',
    ],
    ['{"enabledMcpjsonServers": []}', '{"enabledMcpjsonServers": ["agentic-flow"]}'],
    [
      '{"permissions": {"allow": ["mcp__x"]}}',
      '{"permissions": {"allow": ["mcp__x", "mcp__agentic-flow"]}}',
    ],
    // Nothing is enabled or permitted that the user did not ask for.
    ['{"permissions": {"allow": ["Bash(ls)"]}}', '{"permissions": {"allow": ["Bash(ls)"]}}'],
    [
      '{"permissions": {"allow": ["mcp__x"], "deny": ["mcp__agentic-flow__swarm"]}}',
      '{"permissions": {"allow": ["mcp__x"], "deny": ["mcp__agentic-flow__swarm"]}}',
    ],
    [
      '{"enabledMcpjsonServers": ["x"], "disabledMcpjsonServers": ["agentic-flow"]}',
      '{"enabledMcpjsonServers": ["x"], "disabledMcpjsonServers": ["agentic-flow"]}',
    ],
    ['{"model": "x"}', '{"model": "x"}'],
  ];
  it.each(rows)('%s', async (before, after) => {
    expect(await settingsAfter(before)).toBe(after);
  });

  it('keep their hooks, which are listed', async () => {
    const hooks = { Stop: [{ matcher: 'x', hooks: [{ command: 'npx claude-flow@alpha stop' }] }] };
    const settings = JSON.stringify({ hooks });
    const plan = await planConfig(makeInstallation({ '.claude/settings.json': settings }), options);
    expect(configOf(plan, 'hooks')['hooks']).toEqual([
      {
        event: 'Stop',
        matcher: 'x',
        command: 'npx claude-flow@alpha stop',
        file: '.claude/settings.json',
        callsV1: true,
      },
    ]);
    expect(plan.notes.join()).toContain('v2 has no hooks yet');
  });
});

describe('agents', () => {
  it('are read as v1 read them; what it passed over is told', async () => {
    const plan = await planConfig(
      makeInstallation({
        '.claude/agents/core/coder.md':
          '---\nname: coder\ndescription: A: b\ntools: Read, Write\n---\nx',
        '.claude/agents/crlf.md': '---\r\nname: crlf\r\ndescription: d\r\n---\r\nx',
        '.claude/agents/custom/mine.md':
          '---\nname: mine\ndescription: d\ncapabilities: [one, two]\n---\n',
        '.claude/agents/custom/plain.md':
          '# Plain Bot\n\n## Description\nd\n\n## Capabilities\n- three\n',
        '.claude/agents/custom/reviewer.md': '---\nname: reviewer\ndescription: d\n---\n',
        '.claude/agents/z/coder.md': '---\nname: coder\ndescription: other\n---\n',
        '.claude/agents/none.md': 'nothing',
        '.claude/agents/README.md': '---\nname: readme\ndescription: d\n---\n',
      }),
      options,
    );
    const agents = configOf(plan, 'agents')['agents'] as Record<string, unknown>[];
    const shown = agents.map((agent) => [
      agent['name'],
      agent['capabilities'],
      agent['loadedByV1'],
    ]);
    expect(shown).toEqual([
      ['coder', ['code', 'refactoring'], false],
      ['crlf', [], false],
      ['mine', ['one', 'two'], true],
      ['Plain Bot', ['three'], false],
      ['reviewer', ['review', 'security', 'validation'], true],
      ['coder', ['code', 'refactoring'], true],
    ]);
    expect(agents[0]!['tools']).toEqual(['Read', 'Write']);
    expect(plan.quarantined.map(({ name }) => name)).toEqual(['.claude/agents/none.md']);
    const told = plan.notes.filter((note) => note.startsWith('.claude/agents'));
    expect(told).toEqual([
      '.claude/agents/crlf.md: v1 did not run it by name: its lines end in CRLF, and v1 read LF only',
      '.claude/agents/custom/plain.md: v1 did not run it by name: it has no front matter',
      ".claude/agents/custom/reviewer.md: has the name of v1's own agent reviewer and takes its place",
      '.claude/agents/core/coder.md: v1 did not run it by name: v1 ran .claude/agents/z/coder.md under this name',
    ]);
  });
});

describe('other settings', () => {
  it('of the router come from the file that v1 took', async () => {
    const router = (model: string): string =>
      `{"defaultProvider":"anthropic","providers":{"anthropic":{"apiKey":"\${K:-hunter2}","models":{"default":"${model}"}}},"routing":{"mode":"x","rules":[{"a":1}]},}`;
    const files = {
      'router.config.json': router('second'),
      '~/.agentic-flow/router.config.json': router('first'),
      'other-router.config.json': router('named'),
    };
    const installation = makeInstallation(files);
    const first = configOf(await planConfig(installation, options), 'router');
    expect(first).toMatchObject({
      from: ['~/.agentic-flow/router.config.json'],
      providers: { anthropic: { apiKey: '${K}', models: { default: 'first' } } },
      rules: [{ a: 1 }],
      v1: { routing: { mode: 'x' } },
    });
    const env = { AGENTIC_FLOW_ROUTER_CONFIG: 'other-router.config.json' };
    const plan = await planConfig(installation, { sideBySide: false, env });
    expect(configOf(plan, 'router')['from']).toEqual(['other-router.config.json']);
    expect(plan.notes.join()).toContain('v1 did not read it, since other-router.config.json');
  });

  it('of a swarm: the address if QUIC was on, the rest under v1', async () => {
    const files = {
      '.env':
        'AGENTIC_FLOW_ENABLE_QUIC=true\nQUIC_PORT=5000\nQUIC_KEY_PATH=k.pem\nAPP_SECRET=hunter22\n',
      'claude-flow.config.json': '{"orchestrator":{"maxConcurrentTasks":10}}',
      '.hive-mind/config.json': '{"queen":{"type":"strategic"}}',
      '.hive-mind/config/queens.json': '{"strategic":{}}',
    };
    const installation = makeInstallation(files);
    const env = { QUIC_PORT: '6000' };
    const swarm = configOf(await planConfig(installation, { sideBySide: false, env }), 'swarm');
    expect(swarm).toMatchObject({
      listen: { host: '0.0.0.0', port: 6_000 },
      v1: {
        environment: {
          AGENTIC_FLOW_ENABLE_QUIC: 'true',
          QUIC_PORT: '6000',
          QUIC_KEY_PATH: 'k.pem',
        },
        claudeFlow: { orchestrator: { maxConcurrentTasks: 10 } },
        hive: { queen: { type: 'strategic' } },
        queens: { strategic: {} },
      },
    });
    expect(JSON.stringify(swarm)).not.toContain('APP_SECRET');
  });

  it('of the ReasoningBank, and one that is no YAML', async () => {
    const good = { '.swarm/reasoningbank.yaml': 'reasoningbank:\n  retrieve: {k: 5} # five\n' };
    const plan = await planConfig(makeInstallation(good), options);
    expect(configOf(plan, 'reasoningbank')['settings']).toEqual({ retrieve: { k: 5 } });
    const bad = { 'reasoningbank.yaml': 'a: 1\nb: [1\nc: 2\n' };
    const { quarantined } = await planConfig(makeInstallation(bad), options);
    expect(quarantined[0]!.reason).toMatch(/^line \d: it is no YAML/);
  });

  it('are left as they are side by side', async () => {
    const files = { '.mcp.json': MCP, '.claude/settings.json': '{"enabledMcpjsonServers": []}' };
    const plan = await planConfig(makeInstallation(files), { sideBySide: true, env: {} });
    expect(plan.changes.map(({ name, kind }) => [name, kind])).toEqual([
      ['.agentic-flow/config/mcp.json', 'create'],
    ]);
  });
});
