/** `agentic-flow migrate v2`, each command a process of its own. */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { openMemoryStore } from '../../src/memory/index.js';
import type { MigrationReport } from '../../src/migrate/index.js';
import { contentsOf, scratch, v1Installation } from './support/directories.js';
import { type Finished, run, runAndKill, type SpawnOptions } from './support/processes.js';
import { smallDisk } from './support/small-disk.js';
import { sleep } from '../waiting.js';

const HOME = scratch('home');
const WRITER = fileURLToPath(new URL('./support/v1-writer.js', import.meta.url));

function migrate(
  directory: string,
  more: readonly string[] = [],
  options: SpawnOptions = {},
): Promise<Finished> {
  const home = more.includes('--home') ? [] : ['--home', HOME];
  return run(['migrate', 'v2', directory, ...home, '--yes', ...more], options);
}

async function report(directory: string, ...more: readonly string[]): Promise<MigrationReport> {
  const { stdout, stderr } = await migrate(directory, [...more, '--json']);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as MigrationReport;
}

/** Bytes and times of every file. */
function v1Tree(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true }).map(String);
  const files = names.filter((name) => statSync(join(directory, name)).isFile()).sort();
  return Object.fromEntries(
    files.map((name) => {
      const path = join(directory, name);
      return [name, `${statSync(path).mtimeMs} ${readFileSync(path).toString('base64')}`];
    }),
  );
}

describe('agentic-flow migrate v2', () => {
  it('migrates, says so, validates and goes back', async () => {
    const directory = v1Installation(12);
    const before = v1Tree(directory);
    const dry = await migrate(directory, ['--dry-run']);
    expect(dry, dry.stderr).toMatchObject({ code: 0 });
    expect(dry.stdout).toContain('Nothing was written.');
    expect(v1Tree(directory)).toEqual(before);
    const first = await migrate(directory);
    expect(first, first.stderr).toMatchObject({ code: 0 });
    expect(first.stdout).toMatch(/memory\.db patterns +12 +12 +0 +0 +memory in default/);
    expect((await migrate(directory)).code).toBe(3);
    expect((await migrate(directory, ['--validate-only'])).code).toBe(0);
    const back = await migrate(directory, ['--rollback']);
    expect(back, back.stderr).toMatchObject({ code: 0 });
    expect(v1Tree(directory)).toEqual(before);
    expect(existsSync(`${directory}.v1-backup`)).toBe(false);
  });

  it('loses nothing of a v1 program that goes on writing, and says what came late', async () => {
    const directory = v1Installation(12);
    const writer = spawn(process.execPath, [WRITER, join(directory, '.swarm/memory.db'), '200']);
    let printed = '';
    writer.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const written = (): string[] => printed.split('\n').slice(0, -1);
    try {
      while (written().length < 3) await sleep(10);
      const during = await report(directory);
      expect(during.error).toBeUndefined();
      expect(during).toMatchObject({ outcome: 'migrated', exitCode: 0 });
      expect(during.lateRows).toBeGreaterThan(0);
    } finally {
      writer.kill('SIGKILL');
    }
    await new Promise((resolve) => writer.once('close', resolve));
    const after = await report(directory);
    expect([0, 3]).toContain(after.exitCode);
    const store = await openMemoryStore(join(directory, '.agentic-flow/memory.v2.db'), {
      embedder: null,
    });
    for (const id of written()) expect(await store.get(id), id).not.toBeNull();
    await store.close();
  });

  it('goes on after kill -9, and can be rolled back instead', async () => {
    const args = (directory: string): string[] => ['migrate', 'v2', directory, '--yes'];
    for (const afterMs of [400, 1_500, 4_000]) {
      const directory = v1Installation(20);
      const before = v1Tree(directory);
      await runAndKill([...args(directory), '--home', HOME], afterMs);
      if (afterMs === 1_500) {
        const back = await report(directory, '--rollback');
        // Nothing was begun, or all of it is taken back.
        expect(back.error === undefined || !existsSync(`${directory}.v1-backup`)).toBe(true);
      } else {
        expect(await report(directory)).toMatchObject({ outcome: 'migrated', exitCode: 0 });
        expect(await report(directory, '--rollback')).toMatchObject({ exitCode: 0 });
      }
      expect(v1Tree(directory)).toEqual(before);
    }
  });

  it.skipIf(process.getuid?.() !== 0)('leaves nothing where it may not write or read', async () => {
    const parent = scratch('of-nobody');
    const directory = join(parent, 'v1');
    cpSync(v1Installation(3), directory, { recursive: true });
    mkdirSync(join(parent, 'home'));
    const nobody = { asNobody: true } as const;
    for (const name of ['', 'v1', 'v1/.swarm', 'v1/.swarm/memory.db', 'home']) {
      chownSync(join(parent, name), 65_534, 65_534);
    }
    const flags = ['--home', join(parent, 'home'), '--json'];
    chmodSync(directory, 0o555);
    for (const more of [['--dry-run'], []]) {
      const failed = await migrate(directory, [...flags, ...more], nobody);
      expect(failed.code).toBe(1);
      expect(failed.stdout).toContain('may not be written to');
      expect(readdirSync(parent).sort()).toEqual(['home', 'v1']);
    }
    chmodSync(directory, 0o755);
    writeFileSync(join(directory, '.env'), 'KEY=1', { mode: 0o600 });
    for (const more of [['--dry-run'], []]) {
      const failed = await migrate(directory, [...flags, ...more], nobody);
      expect(failed.code).toBe(1);
      expect(failed.stdout).toContain('.env may not be read');
      expect(readdirSync(parent).sort()).toEqual(['home', 'v1']);
      expect(readdirSync(directory).sort()).toEqual(['.env', '.swarm']);
    }
  });

  it('leaves nothing on a disk that is full', async () => {
    const directory = v1Installation(200);
    const before = contentsOf(directory);
    const disk = smallDisk(256);
    const backup = join(disk.directory, '..', 'backup');
    const failed = await migrate(directory, ['--backup-path', backup], disk.options());
    expect(failed.code).toBe(1);
    expect(failed.stdout).toMatch(/free/);
    expect(existsSync(backup)).toBe(false);
    expect(contentsOf(directory)).toEqual(before);
  });

  it('refuses options that contradict each other, and other versions', async () => {
    const directory = v1Installation(3);
    const both = await migrate(directory, ['--dry-run', '--rollback']);
    expect(both).toMatchObject({ code: 1, stdout: '' });
    expect(both.stderr).toContain('exclude each other');
    const asked = await migrate(directory, ['--dry-run', '--rollback', '--json']);
    expect(asked.code).toBe(1);
    expect(JSON.parse(asked.stdout)).toMatchObject({
      outcome: 'failed',
      exitCode: 1,
      error: expect.stringContaining('exclude each other'),
    });
    expect((await run(['migrate', 'v3', directory])).code).toBe(1);
    const missing = await migrate(scratch('nowhere'));
    expect(missing.code).toBe(1);
  });
});
