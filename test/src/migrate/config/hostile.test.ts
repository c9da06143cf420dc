import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { applyConfig, planConfig, readConfig } from '../../../../src/migrate/config/index.js';
import { describeInstallation } from './installation-files.js';
import { configOf, makeInstallation, newFolders } from './installation.js';

const options = { sideBySide: false, env: {} };

describe('hostile files', () => {
  it('cannot give objects properties that they do not have', async () => {
    const evil = '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}';
    const plan = await planConfig(
      makeInstallation({
        '.mcp.json': `{"mcpServers": {"__proto__": ${evil}, "a": ${evil}}}`,
        '.claude/settings.json': `{"hooks": ${evil}, "__proto__": ${evil}}`,
        'router.config.json': `{"providers": {"__proto__": ${evil}, "b": ${evil}}}`,
        'claude-flow.config.json': evil,
        'reasoningbank.yaml': '__proto__:\n  polluted: 1\nretrieve: {__proto__: {polluted: 1}}\n',
        '.claude/agents/a.md': '---\n__proto__: x\nname: __proto__\ndescription: d\n---\n',
        '.env': '__proto__=x\nconstructor=y\n',
      }),
      options,
    );
    await applyConfig(plan);
    readConfig(plan.directory);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(Object.prototype).not.toHaveProperty('polluted');
    const servers = configOf(plan, 'mcp')['servers'] as { name: string }[];
    expect(servers.map(({ name }) => name)).toEqual(['a']);
    expect(plan.notes.join()).toContain('keys named __proto__ are left out');
  });

  it('as deep as is read are carried, and read again', async () => {
    const nested = `${'{"a":'.repeat(63)}{}${'}'.repeat(63)}`;
    const plan = await planConfig(makeInstallation({ '.hive-mind/config.json': nested }), options);
    await applyConfig(plan);
    expect(JSON.stringify(readConfig(plan.directory).swarm?.v1.hive)).toBe(nested);
  });

  it('cannot break what is written with secrets that look like JSON', async () => {
    const env = `A_SECRET='"format":1,"from'\nB_TOKEN='":[{"name":"'\nC_SECRET='\\"' \nQUIC_PORT=1\n`;
    const plan = await planConfig(makeInstallation({ '.env': env, '.mcp.json': '{}' }), options);
    await applyConfig(plan);
    expect(readConfig(plan.directory).swarm?.v1.environment).toEqual({ QUIC_PORT: '1' });
  });

  it('cannot steer the terminal', async () => {
    const files = {
      '.mcp.json': `{ /* \u001b[2J */ "mcpServers": {"a\\u001b[31m\\u202e": 1} }`,
    };
    const plan = await planConfig(makeInstallation(files), options);
    const said = [...plan.notes, ...plan.quarantined.map(({ reason }) => reason)].join('');
    expect(said).toContain('its server a\uFFFD[31m\uFFFD is no object');
    expect(plan.changes.map(({ diff }) => diff).join('')).not.toMatch(/[^\P{Cc}\n\t]/u);
  });

  const deep = 100_000;
  const rows: readonly (readonly [name: string, content: string | Uint8Array, reason: RegExp])[] = [
    ['.mcp.json', '['.repeat(deep), /line 1: more than 64 objects and arrays inside each other/],
    ['.mcp.json', '{"a":'.repeat(deep) + '}'.repeat(deep), /more than 64/],
    ['.mcp.json', '', /line 1: it is no JSON: empty|value expected/],
    ['.mcp.json', '[]', /its outermost value is no object/],
    ['.mcp.json', '{"mcpServers": []}', /"mcpServers" is no object/],
    ['.mcp.json', '{\n\n"a": tru\n}', /line 3: it is no JSON/],
    ['.mcp.json', '{} {}', /end of file expected/],
    ['.mcp.json', Uint8Array.of(0x7b, 0xff, 0x7d), /is not UTF-8/],
    ['.claude/settings.json', '{"hooks": 1}', /"hooks" is no object/],
    ['reasoningbank.yaml', '['.repeat(deep), /nested too deeply|no YAML/],
    ['reasoningbank.yaml', `a: &a [x]\n${'b: *a\n'.repeat(3)}`, /no YAML/],
    ['reasoningbank.yaml', bomb(), /aliases/],
    ['reasoningbank.yaml', `a: "${'x'.repeat(2 * 1024 ** 2)}"`, /has \d+ bytes; at most 1048576/],
  ];
  it.each(rows)('%s %.20j is kept and listed', async (name, content, reason) => {
    const plan = await planConfig(makeInstallation({ [name]: content }), options);
    expect(plan.quarantined.map(({ reason: told }) => told).join('\n')).toMatch(reason);
  });

  it('of 100 MB, pipes and folders are not read', async () => {
    const { directory, home } = newFolders();
    const names = ['.mcp.json', 'router.config.json', '.env', 'claude-flow.config.json'];
    const paths = names.map((name) => join(directory, name));
    writeFileSync(paths[0]!, '');
    truncateSync(paths[0]!, 100 * 1024 ** 2);
    execFileSync('sh', ['-c', 'mkfifo "$0"', paths[1]!]);
    mkdirSync(paths[2]!);
    symlinkSync('/dev/zero', paths[3]!);
    const kinds = ['mcp-servers', 'router', 'env', 'claude-flow-config'] as const;
    const configs = names.map((name, at) => ({
      name,
      path: paths[at]!,
      kind: kinds[at]!,
      bytes: 0,
    }));
    const installation = { ...describeInstallation(directory, home), configs };
    const plan = await planConfig(installation, options);
    const reasons = Object.fromEntries(plan.quarantined.map(({ name, reason }) => [name, reason]));
    expect(reasons['.mcp.json']).toMatch(/has 104857600 bytes; at most 8388608 are read/);
    expect(reasons['router.config.json']).toMatch(/is no regular file/);
    expect(reasons['.env']).toMatch(/is no regular file/);
    expect(reasons['claude-flow.config.json']).toMatch(/leads out/);
  });

  it('are many: 10,000 agents', async () => {
    const { directory, home } = newFolders();
    const folder = join(directory, '.claude', 'agents');
    mkdirSync(folder, { recursive: true });
    for (let at = 0; at < 10_000; at += 1) {
      const text = `---\nname: agent-${at % 9_000}\ndescription: ${'d'.repeat(200)}\ncapabilities:\n  - c${at}\n---\nx`;
      writeFileSync(join(folder, `${at}.md`), text);
    }
    const plan = await planConfig(describeInstallation(directory, home), options);
    const agents = configOf(plan, 'agents')['agents'] as { loadedByV1: boolean }[];
    expect(agents.length).toBe(10_000);
    expect(agents.filter(({ loadedByV1 }) => loadedByV1).length).toBe(9_000);
    await applyConfig(plan);
    expect(readConfig(directory).agents?.agents.length).toBe(10_000);
    expect(plan.changes[0]!.diff.length).toBeLessThan(200_000);
  });
});

/** Nine levels of nine aliases each stand for 387 million items. */
function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, at) => {
    const items = Array.from({ length: 9 }, () => (at === 0 ? 'x' : `*l${at - 1}`)).join(', ');
    return `l${at}: &l${at} [${items}]`;
  });
  return levels.join('\n');
}
