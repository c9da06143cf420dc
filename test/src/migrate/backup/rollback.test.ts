import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { RandomStream } from '../../../../sim/world/random.js';
import { makeBackup, rollBack } from '../../../../src/migrate/backup/index.js';
import { type Disk, realDisk } from '../../../../src/migrate/backup/disk.js';
import { seed } from '../../memory/support.js';
import {
  type Installation,
  makeInstallation,
  pretendMigration,
  pretendV1Wrote,
} from './support.js';
import { treeOf } from './tree.js';

interface Migrated extends Installation {
  readonly before: Record<string, string>;
  readonly backup: string;
}

async function migrated(): Promise<Migrated> {
  const made = makeInstallation();
  const before = treeOf(made.directory);
  const backup = `${made.directory}.v1-backup`;
  await makeBackup({ installation: made.source, to: backup });
  pretendMigration(made.directory);
  return { ...made, before, backup };
}

/** Three records, unless the store is gone. */
function exportOf(directory: string) {
  return async (to: string): Promise<number> => {
    const store = readFileSync(join(directory, '.agentic-flow/memory.v2.db'), 'utf8');
    writeFileSync(to, `${store}\n`.repeat(3), { flag: 'wx' });
    return 3;
  };
}

function optionsFor({ directory }: Installation) {
  return {
    directory,
    keepBackup: false,
    exportSince: exportOf(directory),
    added: [join(directory, 'added'), join(directory, 'added/new.json')],
  };
}

const ADDED_OWN = [
  '.agentic-flow',
  '.agentic-flow/config',
  '.agentic-flow/memory.v2.db',
  '.agentic-flow/memory.v2.db-wal',
  '.agentic-flow/migration.json',
  '.agentic-flow/v1-rows.db',
  'added',
  'added/new.json',
];

describe('rolling back', () => {
  it('gives back the tree, exports what came since, and removes what was added', async () => {
    const made = await migrated();
    const { root, directory, before } = made;
    const report = await rollBack(optionsFor(made));
    expect(treeOf(directory)).toEqual(before);
    const since = `${directory}.since-migration`;
    expect(report).toMatchObject({
      directory,
      resumed: false,
      keptBackup: false,
      since,
      exported: { path: join(since, 'written-since.jsonl'), records: 3 },
      restored: ['.claude/settings.json'],
      inexactTimes: [],
    });
    expect([...report.removed].sort()).toEqual(ADDED_OWN);
    expect(readFileSync(join(since, 'written-since.jsonl'), 'utf8')).toBe('the store\n'.repeat(3));
    expect(readFileSync(join(since, 'v1-files/directory/.claude/settings.json'), 'utf8')).toBe(
      '{"migrated":true}',
    );
    expect(readdirSync(root).sort()).toEqual([
      'home',
      'other',
      'project',
      'project.since-migration',
    ]);
  });

  it('leaves nothing beside the directory when nothing came since', async () => {
    const made = await migrated();
    const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');
    const own = {
      [join(made.directory, '.claude/settings.json')]: hashOf('{"migrated":true}'),
      [join(made.directory, 'added/new.json')]: hashOf('{"added":true}'),
    };
    const options = optionsFor(made);
    const added = [...options.added, join(made.directory, '.agentic-flow/config/swarm.json')];
    const report = await rollBack({ ...options, added, own, exportSince: async () => 0 });
    expect(report).toMatchObject({ since: null, exported: null, setAside: [] });
    expect(treeOf(made.directory)).toEqual(made.before);
    expect(readdirSync(made.root).sort()).toEqual(['home', 'other', 'project']);
  });

  it('sets aside what v1 and its user changed since', async () => {
    const made = await migrated();
    const { directory } = made;
    pretendV1Wrote(directory);
    writeFileSync(join(directory, '.agentic-flow/notes.txt'), 'of a user');
    writeFileSync(join(directory, 'added/new.json'), 'edited by a user');
    const memory = readFileSync(join(directory, '.swarm/memory.db'));
    const report = await rollBack({ ...optionsFor(made), keepBackup: true });
    expect(treeOf(directory)).toEqual(made.before);
    const placeOf = (name: string) =>
      report.setAside.find((each) => each.name === name)?.path ?? '';
    expect(readFileSync(placeOf('.swarm/memory.db')).equals(memory)).toBe(true);
    expect(readFileSync(placeOf('.agentic-flow/notes.txt'), 'utf8')).toBe('of a user');
    expect(readFileSync(placeOf('added/new.json'), 'utf8')).toBe('edited by a user');
    expect(readFileSync(placeOf('data/hive/hive.db-journal'), 'utf8')).toMatch(/was not there/);
    expect(readdirSync(made.backup).sort()).toEqual([
      'backup.json',
      'directory',
      'elsewhere',
      'home',
    ]);
  });

  it('leaves a folder .agentic-flow of v1 with what was in it', async () => {
    const made = makeInstallation();
    mkdirSync(join(made.directory, '.agentic-flow'));
    writeFileSync(join(made.directory, '.agentic-flow/old.json'), 'of v1');
    const before = treeOf(made.directory);
    await makeBackup({ installation: made.source, to: `${made.directory}.v1-backup` });
    pretendMigration(made.directory);
    await rollBack(optionsFor(made));
    const after = treeOf(made.directory);
    expect(Object.keys(after).sort()).toEqual(Object.keys(before).sort());
    expect(after['.agentic-flow/old.json']).toBe(before['.agentic-flow/old.json']);
  });

  it.each(['a damaged backup', 'a backup of another directory', 'no backup', 'a failing export'])(
    'changes nothing with %s',
    async (which) => {
      const made = await migrated();
      const options = { ...optionsFor(made) };
      let code = 'damaged';
      if (which === 'a damaged backup') {
        const file = join(made.backup, 'directory/.env');
        const bytes = readFileSync(file);
        bytes[3] = (bytes[3] ?? 0) ^ 4;
        writeFileSync(file, bytes);
      } else if (which === 'no backup') {
        renameSync(made.backup, `${made.backup}-away`);
        code = 'not-a-backup';
      } else if (which === 'a backup of another directory') {
        const other = await migrated();
        Object.assign(options, { backup: other.backup });
        code = 'other-directory';
      } else {
        options.exportSince = async (to) => {
          writeFileSync(to, 'half');
          throw new Error('the store is locked');
        };
        code = 'export-failed';
      }
      const before = treeOf(made.root);
      await expect(rollBack(options)).rejects.toMatchObject({ name: 'BackupError', code });
      const after = treeOf(made.root);
      // Names came and went in the folders around.
      for (const path of ['', 'project.v1-backup']) {
        delete before[path];
        delete after[path];
      }
      expect(after).toEqual(before);
    },
  );

  it('keeps a store that cannot be exported, if that is wanted', async () => {
    const made = await migrated();
    const exportSince = async (): Promise<number> => {
      throw new Error('the store is damaged');
    };
    const options = { ...optionsFor(made), exportSince, onExportFailure: 'keep-store' as const };
    const report = await rollBack(options);
    expect(treeOf(made.directory)).toEqual(made.before);
    expect(report.exported).toBeNull();
    const kept = report.setAside.find(({ name }) => name === '.agentic-flow/memory.v2.db');
    expect(readFileSync(kept?.path ?? '', 'utf8')).toBe('the store');
  });
});

/** A disk that stops for ever at its n-th change, as in a power cut. */
function failingDisk(changesAllowed: number): { disk: Disk; changes: () => number } {
  let changes = 0;
  const counted = Object.entries(realDisk).map(([name, work]) => {
    if (name === 'freeBytes' || name === 'close') return [name, work] as const;
    const step = (...given: unknown[]): unknown => {
      changes += 1;
      if (changes > changesAllowed) throw new Error('the power is cut');
      return (work as (...all: unknown[]) => unknown)(...given);
    };
    return [name, step] as const;
  });
  return { disk: Object.fromEntries(counted) as unknown as Disk, changes: () => changes };
}

/** How many changes a whole rollback makes. */
async function changesOf(prepare: (directory: string) => void): Promise<number> {
  const made = await migrated();
  prepare(made.directory);
  const { disk, changes } = failingDisk(Number.MAX_SAFE_INTEGER);
  await rollBack({ ...optionsFor(made), disk });
  return changes();
}

/** Cuts in each test; `CUTS=1000` is at every change there is, which takes minutes. */
const CUTS = Number(process.env['CUTS'] ?? 6);

describe('a rollback that is cut off', () => {
  it.each([
    ['right after a migration', () => undefined],
    ['when v1 wrote since', pretendV1Wrote],
  ])('goes on at any of its changes %s', async (_when, prepare) => {
    const total = await changesOf(prepare);
    expect(total).toBeGreaterThan(40);
    const random = new RandomStream(seed(), 'cuts');
    const all = Array.from({ length: total }, (_, i) => i);
    const chosen = CUTS >= total ? all : all.filter(() => random.fraction() < CUTS / total);
    const kept = new Set<string>();
    for (const allowed of chosen) {
      const made = await migrated();
      prepare(made.directory);
      const { disk } = failingDisk(allowed);
      const options = optionsFor(made);
      await expect(rollBack({ ...options, disk })).rejects.toThrow('the power is cut');
      const isDone = !existsSync(made.backup);
      const second = await rollBack(options).catch((error: unknown) => error);
      // After its last step there is no backup, and nothing left to do.
      if (isDone) expect(second).toMatchObject({ code: 'not-a-backup' });
      else expect(second).not.toBeInstanceOf(Error);
      expect(treeOf(made.directory), `cut at ${allowed}`).toEqual(made.before);
      const left = readdirSync(made.root).filter((name) => name.startsWith('project.'));
      expect(left, `cut at ${allowed}`).toEqual(['project.since-migration']);
      kept.add(JSON.stringify(Object.keys(treeOf(`${made.directory}.since-migration`)).sort()));
    }
    // Whatever the instant, the same is set aside.
    if (chosen.length > 0) expect(kept.size).toBe(1);
  });
});
