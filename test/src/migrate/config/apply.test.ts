import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { applyConfig, planConfig, readConfig } from '../../../../src/migrate/config/index.js';
import { describeInstallation, makeInstallation } from './installation.js';

const options = { sideBySide: false, env: {} };
const files = {
  '.mcp.json': '{"mcpServers": {}}',
  '.claude/settings.json': '{"enabledMcpjsonServers": []}',
};

describe('carrying out a plan', () => {
  it('changes files in place with their modes, makes its own for the owner only', async () => {
    const installation = makeInstallation(files);
    const { directory } = installation;
    chmodSync(join(directory, '.mcp.json'), 0o640);
    const plan = await planConfig(installation, options);
    const applied = await applyConfig(plan);
    expect(statSync(join(directory, '.mcp.json')).mode & 0o777).toBe(0o640);
    const made = join(directory, '.agentic-flow', 'config', 'mcp.json');
    expect(statSync(made).mode & 0o777).toBe(0o600);
    expect(applied.created).toEqual([made]);
    expect(applied.changed.map(({ path }) => path)).toEqual([
      join(directory, '.mcp.json'),
      join(directory, '.claude/settings.json'),
    ]);
    expect(applied.folders).toEqual([join(directory, '.agentic-flow'), join(made, '..')]);
    for (const change of plan.changes) {
      expect(readFileSync(change.path)).toEqual(change.after.content());
    }
  });

  it('goes on where it was killed, and then has nothing to do', async () => {
    const installation = makeInstallation(files);
    const { directory } = installation;
    const plan = await planConfig(installation, options);
    // As a kill leaves it: one file done, another half written beside it.
    writeFileSync(join(directory, '.mcp.json'), plan.changes[1]!.after.content());
    mkdirSync(join(directory, '.agentic-flow', 'config'), { recursive: true });
    const half = join(directory, '.agentic-flow', 'config', 'settings.json.agentic-flow-new');
    writeFileSync(half, '{"half');
    const first = await applyConfig(plan);
    expect(existsSync(half)).toBe(false);
    expect(await applyConfig(plan)).toEqual({ ...first, folders: [] });
    expect((await planConfig(installation, options)).changes).toEqual([]);
  });

  it('refuses all when one file was changed meanwhile', async () => {
    const installation = makeInstallation(files);
    const plan = await planConfig(installation, options);
    const settings = join(installation.directory, '.claude/settings.json');
    writeFileSync(settings, '{"enabledMcpjsonServers": ["mine"]}');
    await expect(applyConfig(plan)).rejects.toMatchObject({
      code: 'changed-since-plan',
      path: settings,
    });
    expect(readFileSync(join(installation.directory, '.mcp.json'), 'utf8')).toBe(
      files['.mcp.json'],
    );
    expect(existsSync(join(installation.directory, '.agentic-flow'))).toBe(false);
  });

  it('keeps what the user changed in its own files, and says so', async () => {
    const installation = makeInstallation(files);
    await applyConfig(await planConfig(installation, options));
    const path = join(installation.directory, '.agentic-flow', 'config', 'mcp.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"servers": []', '"servers": [ ]'));
    // Only laid out in another way: still what was written.
    expect((await planConfig(installation, options)).notes.join()).not.toContain('is kept');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"from": [', '"from": ["mine", '));
    const plan = await planConfig(installation, options);
    expect(plan.changes).toEqual([]);
    expect(plan.notes.join()).toContain('was changed since it was made and is kept');
  });

  it('writes through a link, and follows none that leads out', async () => {
    const { directory, home } = makeInstallation(files);
    renameSync(join(directory, '.mcp.json'), join(home, 'shared.json'));
    symlinkSync(join(home, 'shared.json'), join(directory, '.mcp.json'));
    const inside = describeInstallation(directory, home);
    await applyConfig(await planConfig(inside, options));
    expect(lstatSync(join(directory, '.mcp.json')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(home, 'shared.json'), 'utf8')).toContain('agentic-flow');

    const outer = makeInstallation({ '.mcp.json': '{"mcpServers": {"secret": {}}}' });
    const other = makeInstallation({ '.claude/settings.json': '{}' });
    const link = join(other.directory, '.mcp.json');
    symlinkSync(join(outer.directory, '.mcp.json'), link);
    const plan = await planConfig(describeInstallation(other.directory, other.home), options);
    expect(plan.changes).toEqual([]);
    expect(plan.quarantined[0]!.reason).toContain('leads out of the directory');
  });

  it('does not write where a link was put after the plan', async () => {
    const installation = makeInstallation(files);
    const plan = await planConfig(installation, options);
    const outer = makeInstallation(files);
    symlinkSync(outer.directory, join(installation.directory, '.agentic-flow'));
    await expect(applyConfig(plan)).rejects.toMatchObject({ code: 'outside' });
    expect(existsSync(join(outer.directory, 'config'))).toBe(false);
  });

  it('can be interrupted between files', async () => {
    const plan = await planConfig(makeInstallation(files), options);
    const controller = new AbortController();
    const onProgress = (): void => controller.abort();
    await expect(
      applyConfig(plan, { signal: controller.signal, onProgress }),
    ).rejects.toMatchObject({ code: 'interrupted' });
    expect((await applyConfig(plan)).changed.length).toBe(2);
    const aborted = { ...options, signal: AbortSignal.abort() };
    await expect(planConfig(makeInstallation(files), aborted)).rejects.toMatchObject({
      code: 'interrupted',
    });
  });
});

describe('reading the files of the migration', () => {
  it('refuses what it cannot rely on, with the path', async () => {
    const installation = makeInstallation(files);
    const { directory } = installation;
    expect(readConfig(directory)).toEqual({});
    await applyConfig(await planConfig(installation, options));
    const path = join(directory, '.agentic-flow', 'config', 'mcp.json');
    const text = readFileSync(path, 'utf8');
    const refused: readonly (readonly [string, string])[] = [
      [text.slice(0, 50), 'malformed'],
      [text.replace('"servers": []', '"servers": 1'), 'malformed'],
      [text.replace('"format": 1', '"format": 2'), 'newer-version'],
      [`{"servers":${'['.repeat(200)}${']'.repeat(200)}}`, 'malformed'],
    ];
    for (const [content, code] of refused) {
      writeFileSync(path, content);
      expect(() => readConfig(directory)).toThrow(expect.objectContaining({ code, path }));
    }
    writeFileSync(path, '');
    execFileSync('truncate', ['-s', '100M', path]);
    expect(() => readConfig(directory)).toThrow(/has 104857600 bytes/);
  });
});
