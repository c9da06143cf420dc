import { DatabaseSync } from '@photostructure/sqlite';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

import {
  BackupError,
  copyOf,
  defaultBackupPath,
  findBackups,
  freeBytes,
  makeBackup,
  readBackup,
  restoreBackup,
  verifyBackup,
} from '../../../../src/migrate/backup/index.js';
import { realDisk } from '../../../../src/migrate/backup/disk.js';
import { isoTime } from '../../../../src/migrate/backup/times.js';
import { makeInstallation, pretendV1Wrote } from './support.js';
import { treeOf } from './tree.js';

async function failure(work: () => unknown): Promise<BackupError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof BackupError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

describe('making a backup', () => {
  it('copies every file of v1 and changes none', async () => {
    const { root, directory, source } = makeInstallation();
    const before = treeOf(root);
    const to = defaultBackupPath(directory);
    expect(to).toBe(`${directory}.v1-backup`);
    const steps = new Set<string>();
    const backup = await makeBackup({
      installation: source,
      to,
      onProgress: ({ step, done, total }) => {
        steps.add(step);
        expect(done).toBeLessThanOrEqual(total);
      },
    });
    expect([...steps]).toEqual(['copy', 'verify']);
    const after = treeOf(root);
    for (const path of Object.keys(before).filter((each) => each !== '')) {
      expect(after[path], path).toBe(before[path]);
    }
    const names = backup.entries.filter(({ kind }) => kind === 'file').map(({ name }) => name);
    expect(names).toEqual([
      '.swarm/memory.db',
      '.swarm/memory.db-wal',
      '.swarm/memory.db-shm',
      'data/hive/hive.db',
      'data/hive/hive.db-wal',
      'data/hive/hive.db-shm',
      join(root, 'other/agentdb.db'),
      'data/hive/sessions/empty.json',
      'shared.json',
      '.claude/agents/odd\nname "x" \u00e4.md',
      '.claude/settings.json',
      '.claude/helpers/run.sh',
      '.env',
      '~/.agentic-flow/mcp-config.json',
      'locked/router.config.json',
    ]);
    const links = backup.entries.filter(({ kind }) => kind === 'link');
    expect(links.map(({ name, target }) => [name, target])).toEqual([
      ['.hive-mind', 'data/hive'],
      ['.mcp.json', 'shared.json'],
    ]);
    expect(readFileSync(join(to, 'home/.agentic-flow/mcp-config.json'), 'utf8')).toBe('{"home":1}');
    expect(existsSync(join(to, 'elsewhere', root, 'other/agentdb.db'))).toBe(true);
    expect(readdirSync(to).sort()).toEqual(['backup.json', 'directory', 'elsewhere', 'home']);
    await verifyBackup(readBackup(to));
    expect(findBackups(directory)).toEqual([backup]);
    expect(defaultBackupPath(directory)).toBe(`${directory}.v1-backup-2`);
  });

  it('takes one that is equal to what is there, and no other', async () => {
    const { directory, source } = makeInstallation();
    const to = defaultBackupPath(directory);
    const first = await makeBackup({ installation: source, to });
    expect(await makeBackup({ installation: source, to })).toEqual(first);
    const hive = copyOf(first, join(directory, '.hive-mind/hive.db'));
    expect(hive).toBe(join(to, 'directory/data/hive/hive.db'));
    expect(copyOf(first, join(directory, 'source.ts'))).toBeUndefined();
    // As after a kill before the migration noted that there is a backup.
    mkdirSync(join(directory, '.agentic-flow/migration-work'), { recursive: true });
    expect(await makeBackup({ installation: source })).toEqual(first);
    rmSync(join(directory, '.agentic-flow'), { recursive: true });
    writeFileSync(join(directory, '.env'), 'KEY=other1');
    expect(await failure(() => makeBackup({ installation: source, to }))).toMatchObject({
      code: 'exists',
    });
    expect((await makeBackup({ installation: source })).path).toBe(`${to}-2`);
    const folder = join(directory, '..', 'taken');
    mkdirSync(folder);
    writeFileSync(join(folder, 'mine'), 'of a user');
    expect(await failure(() => makeBackup({ installation: source, to: folder }))).toMatchObject({
      code: 'exists',
      path: folder,
    });
    expect(readdirSync(folder)).toEqual(['mine']);
  });

  it('lies neither in the directory nor around it', async () => {
    const { root, directory, source } = makeInstallation();
    for (const to of [join(directory, 'backup'), directory, root]) {
      expect((await failure(() => makeBackup({ installation: source, to }))).code).toBe('inside');
    }
  });

  it('leaves nothing on a full disk, wherever that shows', async () => {
    const { root, directory, source } = makeInstallation();
    const to = join(root, 'new', 'place');
    const small = { ...realDisk, freeBytes: () => 100_000 };
    const noRoom = await failure(() => makeBackup({ installation: source, to, disk: small }));
    expect(noRoom).toMatchObject({ code: 'disk-full' });
    expect(noRoom.message).toMatch(/needs \d+ bytes and the disk has 100000 free/);
    expect(freeBytes(to)).toBeGreaterThan(0);
    let failures = 0;
    for (let allowed = 0; ; allowed += 1) {
      let writes = 0;
      const disk = {
        ...realDisk,
        write: (descriptor: number, bytes: Uint8Array) => {
          writes += 1;
          if (writes > allowed) {
            throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
          }
          realDisk.write(descriptor, bytes);
        },
      };
      const done = await makeBackup({ installation: source, to, disk }).catch((error: unknown) => {
        expect(error).toMatchObject({ name: 'BackupError', code: 'disk-full' });
        return undefined;
      });
      if (done !== undefined) break;
      failures += 1;
      expect(existsSync(join(root, 'new'))).toBe(false);
    }
    expect(failures).toBeGreaterThan(8);
    expect(directory).toBeTruthy();
  });

  it('notices a disk that does not keep what is written', async () => {
    const { root, source } = makeInstallation();
    const disk = {
      ...realDisk,
      write: (descriptor: number, bytes: Uint8Array) => {
        const text = Buffer.from(bytes).toString('latin1');
        realDisk.write(descriptor, Buffer.from(text.replace('secret', 'secreT'), 'latin1'));
      },
    };
    const to = join(root, 'backup');
    const error = await failure(() => makeBackup({ installation: source, to, disk }));
    expect(error.code).toBe('damaged');
    expect(error.message).toContain('".env" has other bytes');
    expect(readdirSync(root).sort()).toEqual(['home', 'other', 'project']);
  });

  it('stops when it is told to, and leaves nothing', async () => {
    const { root, source } = makeInstallation();
    const control = new AbortController();
    const work = makeBackup({
      installation: source,
      to: join(root, 'backup'),
      signal: control.signal,
      onProgress: () => control.abort(),
    });
    await expect(work).rejects.toMatchObject({ name: 'AbortError' });
    expect(readdirSync(root).sort()).toEqual(['home', 'other', 'project']);
  });

  it('removes what a killed one left, and waits for a living one', async () => {
    const { root, source } = makeInstallation();
    const to = join(root, 'backup');
    mkdirSync(`${to}.partial/directory`, { recursive: true });
    writeFileSync(`${to}.partial/unfinished`, `${process.ppid}\n`);
    const error = await failure(() => makeBackup({ installation: source, to }));
    expect(error).toMatchObject({ code: 'busy' });
    expect(existsSync(`${to}.partial/directory`)).toBe(true);
    writeFileSync(`${to}.partial/unfinished`, '999999999\n');
    await makeBackup({ installation: source, to });
    expect(existsSync(`${to}.partial`)).toBe(false);
  });

  it('is consistent while v1 writes without a pause', async () => {
    const { root, directory, source } = makeInstallation();
    const path = join(directory, '.swarm/live.db');
    const script = fileURLToPath(new URL('./writer-child.js', import.meta.url));
    const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let committed = 0;
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => (committed = Number(line)));
    await once(lines, 'line');
    try {
      const stores = [{ path, format: 'A' as const }];
      for (const number of [1, 2, 3]) {
        const before = committed;
        const to = join(root, `backup-${number}`);
        const backup = await makeBackup({ installation: { ...source, stores, configs: [] }, to });
        const copy = copyOf(backup, path) ?? '';
        const scratchCopy = join(root, `opened-${number}.db`);
        for (const suffix of ['', '-wal']) {
          if (existsSync(copy + suffix)) copyFileSync(copy + suffix, scratchCopy + suffix);
        }
        const database = new DatabaseSync(scratchCopy);
        const check = database.prepare('PRAGMA integrity_check').get();
        const rows = database.prepare('SELECT count(*) AS n, max(id) AS last FROM patterns').get();
        database.close();
        expect(check).toEqual({ integrity_check: 'ok' });
        const { n, last } = rows as { n: number; last: number };
        expect(n).toBe(last);
        expect(n).toBeGreaterThanOrEqual(before);
      }
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('refuses links without an end', async () => {
    const { root, directory, source } = makeInstallation();
    symlinkSync('b', join(directory, 'a'));
    symlinkSync('a', join(directory, 'b'));
    const configs = [{ path: join(directory, 'a') }];
    const work = () =>
      makeBackup({ installation: { ...source, configs }, to: join(root, 'backup') });
    expect((await failure(work)).message).toMatch(/from link to link/);
  });
});

describe('reading a backup', () => {
  it.each([
    [
      'a flipped bit in a file',
      (to: string) => flip(join(to, 'directory/.swarm/memory.db-wal'), 999),
    ],
    [
      'a file that is cut off',
      (to: string) => truncateSync(join(to, 'directory/.swarm/memory.db'), 9),
    ],
    ['a missing file', (to: string) => rmSync(join(to, 'directory/.env'))],
    ['a flipped bit in its manifest', (to: string) => flip(join(to, 'backup.json'), 200)],
    ['an empty manifest', (to: string) => writeFileSync(join(to, 'backup.json'), '')],
    [
      'a manifest of other things',
      (to: string) => writeFileSync(join(to, 'backup.json'), '[]\n{}\n'),
    ],
  ])('refuses %s', async (_name, damage) => {
    const { root, source } = makeInstallation();
    const to = join(root, 'backup');
    await makeBackup({ installation: source, to });
    damage(to);
    const error = await failure(async () => verifyBackup(readBackup(to)));
    expect(error.code).toBe('damaged');
    expect(error.message).toContain(to);
  });

  it('tells a newer format from damage, and both from no backup', async () => {
    const { root, source } = makeInstallation();
    const to = join(root, 'backup');
    await makeBackup({ installation: source, to });
    const file = join(to, 'backup.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"format":1', '"format":2'));
    expect((await failure(() => readBackup(to))).code).toBe('newer-version');
    expect((await failure(() => readBackup(root))).code).toBe('not-a-backup');
  });
});

describe('restoring a backup', () => {
  it('gives back bytes, links, times and permissions, and keeps what was there', async () => {
    const { root, directory, source } = makeInstallation();
    const before = treeOf(directory);
    const backup = await makeBackup({ installation: source, to: join(root, 'backup') });
    pretendV1Wrote(directory);
    chmodSync(join(directory, '.env'), 0o777);
    const changed = readFileSync(join(directory, '.swarm/memory.db'));
    const aside = join(root, 'aside');
    const report = await restoreBackup(backup, { aside });
    expect(treeOf(directory)).toEqual(before);
    expect(report.inexactTimes).toEqual([]);
    expect(report.setAside.map(({ name }) => name).sort()).toEqual([
      '.claude/helpers',
      '.mcp.json',
      '.swarm/memory.db',
      'data/hive/hive.db-journal',
    ]);
    const kept = report.setAside.find(({ name }) => name === '.swarm/memory.db');
    expect(readFileSync(kept?.path ?? '').equals(changed)).toBe(true);
    const again = await restoreBackup(backup, { aside });
    expect(again).toMatchObject({ restored: [], setAside: [] });
  });

  it('goes into another directory without touching the first, home or elsewhere', async () => {
    const { root, directory, source } = makeInstallation();
    const before = treeOf(directory);
    const backup = await makeBackup({ installation: source, to: join(root, 'backup') });
    writeFileSync(join(source.home, '.agentic-flow/mcp-config.json'), 'changed');
    writeFileSync(join(root, 'other/agentdb.db'), 'changed');
    const other = join(root, 'copy');
    await restoreBackup(backup, { directory: other, aside: join(root, 'aside') });
    const restored = treeOf(other);
    const files = Object.entries(before).filter(([path]) => path !== 'source.ts');
    expect(restored).toEqual(Object.fromEntries(files));
    expect(treeOf(directory)).toEqual(before);
    expect(readFileSync(join(root, 'other/agentdb.db'), 'utf8')).toBe('changed');
  });

  it('restores read-only files in read-only folders as their owner', () => {
    // Not below a folder that only root may enter.
    const root = mkdtempSync(join(tmpdir(), 'agentic-flow-nobody-'));
    try {
      chmodSync(root, 0o777);
      const script = fileURLToPath(new URL('./nobody-child.js', import.meta.url));
      const output = execFileSync(process.execPath, [script, root], { encoding: 'utf8' });
      expect(JSON.parse(output)).toEqual({
        differences: [],
        restored: ['locked/router.config.json'],
        refused: 'no-permission',
      });
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });

  it('does not put damaged bytes in place', async () => {
    const { root, directory, source } = makeInstallation();
    const backup = await makeBackup({ installation: source, to: join(root, 'backup') });
    flip(join(root, 'backup/directory/.env'), 2);
    writeFileSync(join(directory, '.env'), 'KEY=mine');
    const work = () => restoreBackup(backup, { aside: join(root, 'aside') });
    expect((await failure(work)).code).toBe('damaged');
    expect(readFileSync(join(directory, '.env'), 'utf8')).toBe('KEY=mine');
  });
});

describe('times', () => {
  it.each([
    [0n, '1970-01-01T00:00:00.000000000Z'],
    [1_700_000_000_123_456_789n, '2023-11-14T22:13:20.123456789Z'],
    [-1n, '1969-12-31T23:59:59.999999999Z'],
  ])('of %s ns are written as %s', (mtimeNs, text) => {
    expect(isoTime(mtimeNs)).toBe(text);
  });
});
