/** A v1 installation with everything that a backup can stumble over, and what a tree is. */
import { DatabaseSync } from '@photostructure/sqlite';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import type { MakeBackupOptions } from '../../../../src/migrate/backup/index.js';
import { setExactTime } from '../../../../src/migrate/backup/times.js';
import { scratch } from '../../memory/support.js';

export type Source = MakeBackupOptions['installation'];

export interface Installation {
  /** Everything lies below it. */
  readonly root: string;
  readonly directory: string;
  readonly source: Source;
}

/** Writes rows and leaves them in the write-ahead log, as a killed process does. */
export function writeWithLog(path: string, rows: number): void {
  const live = `${path}.live`;
  const database = new DatabaseSync(live);
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE patterns(id TEXT PRIMARY KEY, data TEXT)');
  for (let i = 0; i < rows; i += 1) database.exec(`INSERT INTO patterns VALUES ('p${i}', '{}')`);
  for (const suffix of ['', '-wal', '-shm']) copyFileSync(live + suffix, path + suffix);
  database.close();
  for (const suffix of ['', '-wal', '-shm']) rmSync(live + suffix, { force: true });
}

export function makeInstallation(): Installation {
  const root = scratch('backup');
  const directory = join(root, 'project');
  const home = join(root, 'home');
  const put = (path: string, text: string, mode = 0o644): string => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  mkdirSync(join(directory, '.swarm'), { recursive: true });
  const memory = join(directory, '.swarm/memory.db');
  writeWithLog(memory, 20);
  mkdirSync(join(directory, 'data/hive'), { recursive: true });
  symlinkSync('data/hive', join(directory, '.hive-mind'));
  const hive = join(directory, '.hive-mind/hive.db');
  writeWithLog(hive, 5);
  const elsewhere = put(join(root, 'other/agentdb.db'), 'no database at all');
  const stores = [
    { path: memory, format: 'A' as const },
    { path: hive, format: 'E' as const },
    { path: elsewhere, format: 'unknown' as const },
    {
      path: put(join(directory, '.hive-mind/sessions/empty.json'), ''),
      format: 'session-json' as const,
    },
  ];
  put(join(directory, 'shared.json'), '{"shared":true}');
  symlinkSync('shared.json', join(directory, '.mcp.json'));
  const configs = [
    join(directory, '.mcp.json'),
    put(join(directory, '.claude/agents/odd\nname "x" \u00e4.md'), 'an agent'),
    put(join(directory, '.claude/settings.json'), '{}', 0o444),
    put(join(directory, '.claude/helpers/run.sh'), '#!/bin/sh\n', 0o750),
    put(join(directory, '.env'), 'KEY=secret', 0o600),
    put(join(home, '.agentic-flow/mcp-config.json'), '{"home":1}'),
  ].map((path) => ({ path }));
  put(join(directory, 'source.ts'), 'not of v1');
  mkdirSync(join(directory, 'locked'));
  configs.push({ path: put(join(directory, 'locked/router.config.json'), '{}') });
  chmodSync(join(directory, 'locked'), 0o555);
  ageAll(root);
  return { root, directory, source: { directory, home, stores, configs } };
}

/** Gives every file and folder a time of its own with all digits of the nanosecond. */
function ageAll(root: string): void {
  const paths = readdirSync(root, { recursive: true }).map(String).sort().reverse();
  for (const [i, path] of [...paths, '.'].entries()) {
    setExactTime(join(root, path), 1_700_000_000_123_456_789n + BigInt(i) * 1_000_000_007n);
  }
}

/** What a migration does to the directory: a store, archive and settings, and a setting changed. */
export function pretendMigration(directory: string): void {
  const own = join(directory, '.agentic-flow');
  mkdirSync(join(own, 'config'), { recursive: true });
  writeFileSync(join(own, 'memory.v2.db'), 'the store');
  writeFileSync(join(own, 'memory.v2.db-wal'), 'its log');
  writeFileSync(join(own, 'v1-rows.db'), 'the archive');
  writeFileSync(join(own, 'config/swarm.json'), '{}');
  writeFileSync(join(own, 'migration.json'), '{}');
  rmSync(join(directory, '.claude/settings.json'));
  writeFileSync(join(directory, '.claude/settings.json'), '{"migrated":true}');
  mkdirSync(join(directory, 'added'));
  writeFileSync(join(directory, 'added/new.json'), '{"added":true}');
}

/** What v1 does when it runs on: rows in the database, no log any more, a log where none was. */
export function pretendV1Wrote(directory: string): void {
  const memory = join(directory, '.swarm/memory.db');
  const database = new DatabaseSync(memory);
  database.exec("INSERT INTO patterns VALUES ('late', '{}')");
  database.close();
  writeFileSync(join(directory, '.hive-mind/hive.db-journal'), 'a journal that was not there');
  rmSync(join(directory, '.hive-mind/sessions'), { recursive: true });
  rmSync(join(directory, '.mcp.json'));
  writeFileSync(join(directory, '.mcp.json'), 'no link any more');
  rmSync(join(directory, '.claude/helpers'), { recursive: true });
  writeFileSync(join(directory, '.claude/helpers'), 'no folder any more');
}
