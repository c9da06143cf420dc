/** Inserts one row after the other until it is killed; says how many are committed. */
import { DatabaseSync } from '@photostructure/sqlite';

const path = process.argv[2] ?? '';
const database = new DatabaseSync(path);
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;');
database.exec('CREATE TABLE IF NOT EXISTS patterns(id INTEGER PRIMARY KEY, data TEXT)');
const insert = database.prepare('INSERT INTO patterns(data) VALUES (?)');
for (let i = 1; ; i += 1) {
  insert.run('x'.repeat(200));
  if (i % 100 === 0) process.stdout.write(`${i}\n`);
  // Some 20,000 rows a second, whatever the machine: one that writes 100,000 begins its log anew every few
  // milliseconds, sooner than it can be copied, and is refused as busy.
  if (i % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
}
