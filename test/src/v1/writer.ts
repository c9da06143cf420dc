/** Started by a test: inserts into a v1 memory all the time, a transaction of 10 rows each. */
import { DatabaseSync } from '@photostructure/sqlite';

const [, , path = '', mode = 'WAL'] = process.argv;
const database = new DatabaseSync(path, { timeout: 5000 });
database.exec(`PRAGMA journal_mode = ${mode}; PRAGMA synchronous = OFF`);
// Checkpoints all the time, as a long run of v1 does.
database.exec('PRAGMA wal_autocheckpoint = 20');
database.exec('CREATE TABLE IF NOT EXISTS numbers (id INTEGER PRIMARY KEY, batch, text)');
const insert = database.prepare('INSERT INTO numbers (batch, text) VALUES (?, ?)');
const remove = database.prepare('DELETE FROM numbers WHERE batch = ?');
// A commit of v1 waits for the disk; this one waits instead.
const COMMIT_MS = 2;
const sleeper = new Int32Array(new SharedArrayBuffer(4));
process.stdout.write('ready\n');
for (let batch = 1; ; batch += 1) {
  database.exec('BEGIN IMMEDIATE');
  for (let i = 0; i < 10; i += 1) insert.run(batch, `${batch} `.repeat(1 + (batch % 50)));
  remove.run(batch - 100);
  database.exec('COMMIT');
  Atomics.wait(sleeper, 0, 0, COMMIT_MS);
}
